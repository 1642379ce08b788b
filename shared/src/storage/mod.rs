//! The S3 bucket: every object that Clipmill keeps, and the only code that speaks S3.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Credentials, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::operation::upload_part::UploadPartError;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use tokio::sync::mpsc;
use url::Url;

use crate::host;
use crate::secret::SecretText;
use repeat::Spoilt;

mod checksum;
pub mod courier;
mod disposition;
mod growing;
pub mod key;
pub mod lifecycle;
mod multipart;
mod prefix;
mod remove;
mod repeat;
mod sse;
pub mod survey;
mod upload;

pub use checksum::Checksum;
pub use disposition::Disposition;
pub use growing::Growing;
pub use multipart::PART_BYTES;
pub use prefix::Prefix;
pub use remove::{PAGE, Refused};
pub use sse::Sse;

/// The bucket that is used when none is named.
pub const DEFAULT_BUCKET: &str = "clipmill";

/// Where objects are kept.
#[derive(Debug, Clone, clap::Args)]
pub struct StorageConfig {
    /// Bucket for source images and finished videos
    #[arg(long = "s3-bucket", env = "CLIPMILL_S3_BUCKET", help = format!("Bucket for source images and finished videos [default: {DEFAULT_BUCKET}]"))]
    pub bucket: Option<String>,
    /// Address of the S3 server; unset means AWS itself
    #[arg(long = "s3-endpoint", env = "AWS_ENDPOINT_URL_S3")]
    pub endpoint: Option<String>,
    /// Address of the S3 server as customers reach it, used in the links that they get
    #[arg(long = "s3-public-endpoint", env = "CLIPMILL_S3_PUBLIC_ENDPOINT")]
    pub public_endpoint: Option<String>,
    /// Region of the bucket
    #[arg(long = "s3-region", env = "AWS_REGION", default_value = "us-east-1")]
    pub region: String,
    /// Access key; unset means the usual AWS chain (profile, web identity, instance role)
    #[arg(long = "s3-access-key-id", env = "AWS_ACCESS_KEY_ID", hide_env_values = true)]
    pub access_key_id: Option<String>,
    /// Secret of the access key
    #[arg(long = "s3-secret-access-key", env = "AWS_SECRET_ACCESS_KEY", hide_env_values = true)]
    pub secret_access_key: Option<SecretText>,
    /// Session token of temporary credentials
    #[arg(long = "s3-session-token", env = "AWS_SESSION_TOKEN", hide_env_values = true)]
    pub session_token: Option<SecretText>,
    /// Name the bucket in the path instead of the host; needed by most servers that are not AWS
    #[arg(long = "s3-path-style", env = "CLIPMILL_S3_PATH_STYLE", default_value_t = true, action = clap::ArgAction::Set)]
    pub path_style: bool,
    /// Address of the STS server by which roles of customers' buckets are taken on; unset means AWS itself
    #[arg(long, env = "AWS_ENDPOINT_URL_STS")]
    pub sts_endpoint: Option<String>,
    /// How long a download link works, in seconds
    #[arg(long = "s3-link-seconds", env = "CLIPMILL_S3_LINK_SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=604_800))]
    pub link_seconds: u64,
    /// What every key in the bucket starts with, so that a bucket can be shared, such as `video/staging`
    #[arg(long = "s3-prefix", env = "CLIPMILL_S3_PREFIX", default_value = "", hide_default_value = true)]
    pub prefix: Prefix,
    /// How the store encrypts what it keeps: none (as the bucket says), aes256, kms, or kms:KEY with a key's id, ARN or alias
    #[arg(long = "s3-sse", env = "CLIPMILL_S3_SSE", default_value = "none")]
    pub sse: Sse,
    /// Checksum that the store verifies of every object and every part; none for servers that know none
    #[arg(long = "s3-checksum", env = "CLIPMILL_S3_CHECKSUM", value_enum, default_value = "crc32")]
    pub checksum: Checksum,
}

impl StorageConfig {
    /// The settings whose address is reached over a network unencrypted.
    pub fn in_the_clear(&self) -> impl Iterator<Item = &'static str> {
        let addresses = [
            (&self.endpoint, "--s3-endpoint / AWS_ENDPOINT_URL_S3"),
            (&self.public_endpoint, "--s3-public-endpoint / CLIPMILL_S3_PUBLIC_ENDPOINT"),
        ];
        let is_clear = |address: &str| {
            let url = Url::parse(address).ok().filter(|url| url.scheme() == "http");
            url.is_some_and(|url| !url.host_str().is_some_and(host::is_here))
        };
        addresses
            .into_iter()
            .filter(move |(address, _)| address.as_deref().is_some_and(is_clear))
            .map(|(_, setting)| setting)
    }
}

/// What went wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// There is no such object.
    #[error("no such object in the store")]
    NotFound,
    /// The asked part lies outside of the object.
    #[error("the asked range lies outside of the object")]
    Range,
    /// The store did not do it; another time it may.
    #[error("the store failed to {verb}: {reason}")]
    Unavailable {
        /// What was tried.
        verb: &'static str,
        /// What the store or the way to it said. For logs only.
        reason: String,
    },
    /// The store said no.
    #[error("the store refused to {verb}: {reason}")]
    Refused {
        /// What was tried.
        verb: &'static str,
        /// The HTTP status, one that blames the request.
        status: u16,
        /// The store's word for why.
        code: String,
        /// What the store said. For logs only.
        reason: String,
    },
    /// A local file could not be read.
    #[error("cannot read the file to upload: {0}")]
    File(String),
}

/// An object, or a part of one, on its way out.
#[derive(Debug)]
pub struct Download {
    /// The bytes as they come.
    pub body: ByteStream,
    /// How many of them.
    pub length: Option<i64>,
    /// `bytes a-b/total` when a part was asked for.
    pub content_range: Option<String>,
    /// The version of the object.
    pub etag: Option<String>,
}

/// A request by which somebody without a key can store one object.
#[derive(Debug)]
pub struct UploadLink {
    /// Where to PUT it. Whoever has it can.
    pub url: String,
    /// The headers that are signed and have to be sent as they are.
    pub headers: BTreeMap<String, String>,
}

/// A handle to the bucket. Cloned cheaply.
#[derive(Debug, Clone)]
pub struct Storage {
    client: Client,
    /// Signs for the address that customers reach.
    public: Client,
    bucket: String,
    link: Duration,
    prefix: Prefix,
    sse: Sse,
    checksum: Checksum,
    /// Takes on roles of customers, as whoever this service is to AWS.
    sts: aws_sdk_sts::Client,
}

impl Storage {
    /// Opens the bucket; nothing is sent yet.
    pub async fn open(config: &StorageConfig) -> Self {
        let mut loader = aws_config::from_env().region(Region::new(config.region.clone()));
        if let (Some(id), Some(secret)) = (&config.access_key_id, &config.secret_access_key) {
            let token = config.session_token.as_ref().map(|token| token.reveal().to_owned());
            loader = loader.credentials_provider(Credentials::new(id, secret.reveal(), token, None, "configuration"));
        }
        let base = loader.load().await;
        let client = |endpoint: Option<&String>| {
            let builder = aws_sdk_s3::config::Builder::from(&base).force_path_style(config.path_style);
            let builder = builder.retry_classifier(Spoilt::<PutObjectError>::default());
            let builder = builder.retry_classifier(Spoilt::<UploadPartError>::default());
            let mut builder = builder.timeout_config(timeouts());
            config.checksum.configure(&mut builder);
            builder.set_endpoint_url(endpoint.cloned());
            Client::from_conf(builder.build())
        };
        Self {
            client: client(config.endpoint.as_ref()),
            public: client(config.public_endpoint.as_ref().or(config.endpoint.as_ref())),
            bucket: config.bucket.clone().unwrap_or_else(|| DEFAULT_BUCKET.to_owned()),
            link: Duration::from_secs(config.link_seconds),
            prefix: config.prefix.clone(),
            sse: config.sse.clone(),
            checksum: config.checksum,
            sts: sts(&base, config.sts_endpoint.clone()),
        }
    }

    /// Whether the bucket answers.
    pub async fn check(&self) -> Result<(), StorageError> {
        self.client.head_bucket().bucket(&self.bucket).send().await.map(drop).map_err(unavailable("find the bucket"))
    }

    /// Stores a small object.
    pub async fn put(&self, key: &str, content_type: &str, bytes: Bytes) -> Result<(), StorageError> {
        let request =
            self.put_object(&self.client, key, content_type).set_checksum_algorithm(self.checksum.algorithm());
        request.body(ByteStream::from(bytes)).send().await.map(drop).map_err(unavailable("put an object"))
    }

    /// A request to store an object as all are stored.
    fn put_object(&self, client: &Client, key: &str, content_type: &str) -> PutObjectFluentBuilder {
        let request = client.put_object().bucket(&self.bucket).key(self.prefix.add(key)).content_type(content_type);
        request.set_server_side_encryption(self.sse.method()).set_ssekms_key_id(self.sse.key())
    }

    /// Copies an object within the store.
    pub async fn copy(&self, from: &str, to: &str) -> Result<(), StorageError> {
        let request = self.client.copy_object().bucket(&self.bucket).key(self.prefix.add(to));
        let request = request.set_server_side_encryption(self.sse.method()).set_ssekms_key_id(self.sse.key());
        let request = request.copy_source(format!("{}/{}", self.bucket, self.prefix.add(from)));
        request.send().await.map(drop).map_err(missing("copy an object"))
    }

    /// How large an object is.
    pub async fn size_bytes(&self, key: &str) -> Result<u64, StorageError> {
        let head = self.client.head_object().bucket(&self.bucket).key(self.prefix.add(key)).send().await;
        let head = head.map_err(missing("look at an object"))?;
        Ok(head.content_length().and_then(|length| length.try_into().ok()).unwrap_or(0))
    }

    /// Stores a file, in parts when it is large.
    pub async fn put_file(&self, key: &str, content_type: &str, path: &Path) -> Result<(), StorageError> {
        upload::put_file(self, key, content_type, path).await
    }

    /// Stores what comes in pieces, in parts when it is long; says how long it was. A piece that is an error ends it, and nothing
    /// is stored.
    pub async fn put_stream(
        &self,
        key: &str,
        content_type: &str,
        pieces: mpsc::Receiver<io::Result<Bytes>>,
    ) -> Result<u64, StorageError> {
        upload::put_stream(self, key, content_type, pieces).await
    }

    /// Opens an object, or the part of it that an HTTP `Range` header names.
    pub async fn get(&self, key: &str, range: Option<&str>) -> Result<Download, StorageError> {
        let request = self.client.get_object().bucket(&self.bucket).key(self.prefix.add(key));
        let request = match range {
            Some(range) => request.range(range).customize().config_override(checksum::unchecked()),
            None => request.customize(),
        };
        let object = request.send().await.map_err(|error| {
            let status = error.raw_response().map(|response| response.status().as_u16());
            match status {
                Some(404) => StorageError::NotFound,
                Some(416) => StorageError::Range,
                _ => unavailable("get an object")(error),
            }
        })?;
        Ok(Download {
            length: object.content_length,
            content_range: object.content_range,
            etag: object.e_tag,
            body: object.body,
        })
    }

    /// A whole object of at most `limit_bytes`.
    pub async fn read(&self, key: &str, limit_bytes: usize) -> Result<Bytes, StorageError> {
        let object = self.get(key, None).await?;
        if object.length.is_some_and(|length| length > limit_bytes as i64) {
            return Err(StorageError::Unavailable { verb: "get an object", reason: "larger than expected".to_owned() });
        }
        let body = object.body.collect().await;
        body.map(|body| body.into_bytes())
            .map_err(|error| StorageError::Unavailable { verb: "get an object", reason: error.to_string() })
    }

    /// A link by which anyone can download the object for a while.
    pub async fn link(
        &self,
        key: &str,
        content_type: &str,
        disposition: Disposition<'_>,
    ) -> Result<String, StorageError> {
        let config = PresigningConfig::expires_in(self.link)
            .map_err(|error| StorageError::Unavailable { verb: "sign a link", reason: error.to_string() })?;
        let request = self.public.get_object().bucket(&self.bucket).key(self.prefix.add(key));
        let request = request.response_content_type(content_type);
        let request = request.response_content_disposition(disposition.to_string());
        request.presigned(config).await.map(|link| link.uri().to_owned()).map_err(unavailable("sign a link"))
    }

    /// A link by which anyone can store an object of just this type and size under this key for a while.
    pub async fn upload_link(
        &self,
        key: &str,
        content_type: &str,
        size_bytes: u32,
        seconds: u32,
    ) -> Result<UploadLink, StorageError> {
        let config = PresigningConfig::expires_in(Duration::from_secs(seconds.into()))
            .map_err(|error| StorageError::Unavailable { verb: "sign a link", reason: error.to_string() })?;
        let request = self.put_object(&self.public, key, content_type).content_length(size_bytes.into());
        let link = request.presigned(config).await.map_err(unavailable("sign a link"))?;
        let headers = link.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(UploadLink { url: link.uri().to_owned(), headers })
    }

    /// The keys that start with `prefix`, at most a thousand.
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        self.list_after(prefix, None).await
    }

    /// The keys that start with `prefix` and come after another key, at most a thousand, in order.
    pub async fn list_after(&self, prefix: &str, after: Option<&str>) -> Result<Vec<String>, StorageError> {
        let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(self.prefix.add(prefix));
        let list = list.set_start_after(after.map(|after| self.prefix.add(after))).send();
        let page = list.await.map_err(unavailable("list objects"))?;
        Ok(page.contents().iter().filter_map(|object| self.prefix.strip(object.key()?)).collect())
    }
}

/// A store that accepts and never answers holds nobody for ever: a part of 8 MiB has a minute, with its repetitions five.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(Duration::from_secs(60))
        .operation_timeout(Duration::from_secs(300))
        .build()
}

fn sts(base: &SdkConfig, endpoint: Option<String>) -> aws_sdk_sts::Client {
    let mut builder = aws_sdk_sts::config::Builder::from(base).timeout_config(timeouts());
    if endpoint.is_some() {
        builder.set_endpoint_url(endpoint);
    }
    aws_sdk_sts::Client::from_conf(builder.build())
}

pub(crate) fn unavailable<E>(verb: &'static str) -> impl FnOnce(SdkError<E>) -> StorageError
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    move |error| {
        let reason = chain(&error);
        match status_and_code(&error) {
            Some((status @ 300..=499, code)) => StorageError::Refused { verb, status, code: code.to_owned(), reason },
            _ => StorageError::Unavailable { verb, reason },
        }
    }
}

/// The HTTP status of an answer, and the store's word for what is wrong. None if there was no answer.
fn status_and_code<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Option<(u16, &str)> {
    let status = error.raw_response()?.status().as_u16();
    Some((status, error.code().unwrap_or_default()))
}

/// As [`unavailable`], where the object may not be there.
fn missing<E>(verb: &'static str) -> impl FnOnce(SdkError<E>) -> StorageError
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    move |error| match error.raw_response().map(|response| response.status().as_u16()) {
        Some(404) => StorageError::NotFound,
        _ => unavailable(verb)(error),
    }
}

/// Whether the server cannot do it, or our key may not.
fn is_declined<E>(error: &SdkError<E>) -> bool {
    const FORBIDDEN_OR_NOT_IMPLEMENTED: [u16; 3] = [403, 405, 501];
    error.raw_response().is_some_and(|raw| FORBIDDEN_OR_NOT_IMPLEMENTED.contains(&raw.status().as_u16()))
}

/// An error and its causes in one line, without the request and its signature.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
