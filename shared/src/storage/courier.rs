//! Finished files on their way into the customers' own stores. Every connection there is looked at as those to webhooks are.

use std::path::Path;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, SharedHttpClient};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use bytes::Bytes;
use url::Host;
use uuid::Uuid;

use super::{Storage, StorageError, status_and_code, timeouts, unavailable};
use crate::outbound::{Outbound, PutError, Refused};
use crate::secret::SecretText;

/// How long a test of a bucket may take.
const TEST_PATIENCE: Duration = Duration::from_secs(20);

/// A bucket of a customer's, and who writes there.
#[derive(Debug, Clone)]
pub struct Target {
    /// The bucket.
    pub bucket: String,
    /// Where it is.
    pub region: String,
    /// The S3 server's address; none means AWS itself.
    pub endpoint: Option<String>,
    /// Whether the bucket is named in the path instead of the host.
    pub path_style: bool,
    /// Who writes there.
    pub identity: Identity,
}

/// Who writes to a customer's bucket.
#[derive(Debug, Clone)]
pub enum Identity {
    /// A pair of the customer's keys.
    Keys {
        /// The public part.
        access_key_id: String,
        /// The secret part.
        secret: SecretText,
    },
    /// A role of the customer's that this service's own AWS identity may take on.
    Role {
        /// The role's name in AWS.
        arn: String,
        /// What the role asks for, so that nobody makes us take it on for another.
        external_id: String,
    },
}

/// Why a customer's store did not take a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Its address is not called.
    #[error("its address {0}")]
    Address(#[from] Refused),
    /// The role cannot be taken on. Has AWS' word for why.
    #[error("the role cannot be assumed: {0}")]
    Role(String),
    /// It said no. Has the HTTP status, and the store's word for why.
    #[error("it answered with HTTP status {status} {code}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The store's word, if it has one.
        code: String,
    },
    /// It was not reached, or it failed; another time it may not.
    #[error("it could not be reached, or it failed")]
    Unreachable,
    /// A local file could not be read.
    #[error("cannot read the file to upload: {0}")]
    File(String),
}

impl Trouble {
    /// The word for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Trouble::Address(_) => "address_refused",
            Trouble::Role(_) => "role_refused",
            Trouble::Refused { .. } => "store_refused",
            Trouble::Unreachable | Trouble::File(_) => "store_unreachable",
        }
    }

    /// An answer with this status: most that blame the request stay the same when it is sent again.
    fn of(status: u16, code: &str) -> Self {
        const OF_THE_MOMENT: [u16; 4] = [408, 409, 425, 429];
        match status {
            300..=499 if !OF_THE_MOMENT.contains(&status) => Self::Refused { status, code: word(code) },
            _ => Self::Unreachable,
        }
    }
}

/// The word of another's server: letters and digits, and not many.
fn word(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).take(64).collect()
}

impl From<StorageError> for Trouble {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Refused { status, code, .. } => Self::of(status, &code),
            StorageError::File(reason) => Self::File(reason),
            StorageError::NotFound | StorageError::Range | StorageError::Unavailable { .. } => Self::Unreachable,
        }
    }
}

impl From<PutError> for Trouble {
    fn from(error: PutError) -> Self {
        match error {
            PutError::Refused(refused) => Self::Address(refused),
            PutError::Status(status) => Self::of(status, ""),
            PutError::Unreachable => Self::Unreachable,
            PutError::File(error) => Self::File(error.to_string()),
        }
    }
}

/// Brings files into the customers' own stores. Cloned cheaply.
#[derive(Debug, Clone)]
pub struct Courier {
    http: SharedHttpClient,
    outbound: Outbound,
    sts: aws_sdk_sts::Client,
}

impl Courier {
    /// A courier that takes on roles as whoever uses `storage`, and calls no address that `outbound` does not.
    pub fn new(storage: &Storage, outbound: Outbound) -> Self {
        let tls = Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        Self { http: tls.build_with_resolver(Guarded(outbound.clone())), outbound, sts: storage.sts.clone() }
    }

    /// Opens a customer's bucket. Nothing is sent there yet.
    pub async fn open(&self, target: &Target) -> Result<Storage, Trouble> {
        let endpoint = match &target.endpoint {
            Some(endpoint) => Some(self.look_at(endpoint).await?),
            None => None,
        };
        let mut config = aws_sdk_s3::config::Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(target.region.clone()))
            .credentials_provider(self.credentials(&target.identity).await?)
            .http_client(self.http.clone())
            .force_path_style(target.path_style)
            .timeout_config(timeouts());
        config.set_endpoint_url(endpoint);
        let client = Client::from_conf(config.build());
        let (bucket, sts) = (target.bucket.clone(), self.sts.clone());
        // How a customer's bucket is kept is the customer's matter.
        let (prefix, sse, checksum) = Default::default();
        Ok(Storage { public: client.clone(), client, bucket, link: Duration::ZERO, prefix, sse, checksum, sts })
    }

    /// Puts a file to an address of a customer's.
    pub async fn put_to(&self, url: &str, content_type: &str, path: &Path) -> Result<(), Trouble> {
        Ok(self.outbound.put_file(url, content_type, path).await?)
    }

    /// Puts a small object into a customer's bucket and removes it. Says whether that could be done too: files can be brought without.
    pub async fn test(&self, target: &Target, prefix: &str) -> Result<bool, Trouble> {
        tokio::time::timeout(TEST_PATIENCE, self.put_and_remove(target, prefix))
            .await
            .unwrap_or(Err(Trouble::Unreachable))
    }

    async fn put_and_remove(&self, target: &Target, prefix: &str) -> Result<bool, Trouble> {
        let bucket = self.open(target).await?;
        let key = format!("{prefix}clipmill-test-{}", Uuid::now_v7().simple());
        bucket.put(&key, "text/plain", Bytes::from_static(b"Clipmill can write here.\n")).await?;
        let removed = bucket.client.delete_object().bucket(&bucket.bucket).key(&key).send().await;
        Ok(removed.map_err(unavailable("remove an object")).is_ok())
    }

    /// The address in its normal form, by which no name is a number in disguise. What it leads to at the moment is said here in clear
    /// words; what counts is the look when connecting.
    async fn look_at(&self, endpoint: &str) -> Result<String, Trouble> {
        let url = self.outbound.check_encrypted(endpoint)?;
        if let Some(Host::Domain(name)) = url.host() {
            let allowed = self.outbound.resolve(name).await.map_err(|_| Trouble::Unreachable)?;
            if allowed.is_empty() {
                return Err(Refused::Private.into());
            }
        }
        Ok(url.into())
    }

    async fn credentials(&self, identity: &Identity) -> Result<Credentials, Trouble> {
        const PROVIDER: &str = "destination";
        let (arn, external_id) = match identity {
            Identity::Keys { access_key_id, secret } => {
                return Ok(Credentials::new(access_key_id, secret.reveal(), None, None, PROVIDER));
            }
            Identity::Role { arn, external_id } => (arn, external_id),
        };
        let ask = self.sts.assume_role().role_arn(arn).external_id(external_id).role_session_name("clipmill");
        let assumed = ask.send().await.map_err(|error| match status_and_code(&error) {
            Some((status, code)) if Trouble::of(status, code) != Trouble::Unreachable => Trouble::Role(word(code)),
            _ => Trouble::Unreachable,
        })?;
        let taken = assumed.credentials.ok_or(Trouble::Unreachable)?;
        Ok(Credentials::new(taken.access_key_id, taken.secret_access_key, Some(taken.session_token), None, PROVIDER))
    }
}

/// Looks names up, and lets through what may be connected to.
#[derive(Debug, Clone)]
struct Guarded(Outbound);

impl ResolveDns for Guarded {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move {
            let allowed = self.0.resolve(name).await.map_err(ResolveDnsError::new)?;
            if allowed.is_empty() { Err(ResolveDnsError::new(Refused::Private)) } else { Ok(allowed) }
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::outbound::OutboundConfig;
    use crate::storage::StorageConfig;

    #[derive(clap::Parser)]
    struct Settings {
        #[command(flatten)]
        storage: StorageConfig,
    }

    async fn courier(config: &OutboundConfig) -> Courier {
        let keys = ["clipmill", "--s3-access-key-id", "id", "--s3-secret-access-key", "secret"];
        let storage = Storage::open(&Settings::parse_from(keys).storage).await;
        Courier::new(&storage, Outbound::new(config, Duration::from_secs(1)).expect("a client"))
    }

    fn target(endpoint: &str) -> Target {
        let keys = Identity::Keys { access_key_id: "id".to_owned(), secret: "secret".to_owned().into() };
        Target {
            bucket: "bucket".to_owned(),
            region: "us-east-1".to_owned(),
            endpoint: Some(endpoint.to_owned()),
            path_style: true,
            identity: keys,
        }
    }

    #[tokio::test]
    async fn no_bucket_is_reached_at_an_address_that_is_not_public() {
        let courier = courier(&OutboundConfig::default()).await;
        for (endpoint, refused) in [
            ("https://127.0.0.1:8443", Refused::Private),
            ("https://[::1]/", Refused::Private),
            ("https://169.254.169.254", Refused::Private),
            ("https://0x7f.1", Refused::Private),
            ("https://localhost", Refused::Private),
            ("http://8.8.8.8", Refused::InTheClear),
        ] {
            assert_eq!(courier.test(&target(endpoint), "").await, Err(Trouble::Address(refused)), "{endpoint}");
        }
        assert!(
            Guarded(courier.outbound.clone()).resolve_dns("localhost").await.is_err(),
            "not when connecting either"
        );
    }

    #[tokio::test]
    async fn a_store_that_nobody_listens_at_is_out_of_reach_and_not_at_fault() {
        let courier = courier(&OutboundConfig::unguarded()).await;
        assert_eq!(courier.test(&target("http://127.0.0.1:9"), "").await, Err(Trouble::Unreachable));
    }

    #[test]
    fn what_a_later_try_may_change_is_no_refusal() {
        for status in [408, 409, 425, 429, 500, 502, 503] {
            assert_eq!(Trouble::of(status, "x"), Trouble::Unreachable, "{status}");
        }
        for status in [301, 307, 400, 401, 403, 404, 405, 411, 413] {
            assert_eq!(Trouble::of(status, "Ab<c>"), Trouble::Refused { status, code: "Abc".to_owned() });
        }
    }
}
