//! Where finished files go besides our own store, or in its place: a bucket of the customer's own, or an address to put the video to.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::{Position, Url};

use super::spec::Invalid;
use crate::id::{DestinationId, JobId};
use crate::outbound::Outbound;
use crate::vault::{Place, Sealed, Vault, VaultError};

const URL_MAX_CHARS: usize = 2048;

/// Where the finished files of a job go, as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The name that the account's destination had when the job was submitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// The host of the address that the video is put to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload_host: Option<String>,
    /// Whether the files stay with us too.
    pub keep: bool,
}

/// Where the finished files of a job are to go.
#[derive(Debug, Clone)]
pub struct Order {
    /// Who gets them.
    pub to: Recipient,
    /// Whether they stay with us too.
    pub keep: bool,
}

/// Who gets the finished files.
#[derive(Debug, Clone)]
pub enum Recipient {
    /// A destination of the account: all files.
    Destination {
        /// Which one.
        id: DestinationId,
        /// What its owner calls it.
        name: String,
    },
    /// An address of the customer's: the video alone.
    Upload(UploadUrl),
}

impl Order {
    /// What may be shown of it.
    pub fn delivery(&self) -> Delivery {
        let (destination, upload_host) = match &self.to {
            Recipient::Destination { name, .. } => (Some(name.clone()), None),
            Recipient::Upload(url) => (None, Some(url.host().to_owned())),
        };
        Delivery { destination, upload_host, keep: self.keep }
    }

    pub(crate) fn destination(&self) -> Option<DestinationId> {
        match &self.to {
            Recipient::Destination { id, .. } => Some(*id),
            Recipient::Upload(_) => None,
        }
    }

    pub(crate) fn upload_url(&self) -> Option<&UploadUrl> {
        match &self.to {
            Recipient::Destination { .. } => None,
            Recipient::Upload(url) => Some(url),
        }
    }
}

/// A destination that the account does not have, or not any more.
pub fn no_destination() -> Invalid {
    Invalid::new("output.destination", "must name a destination of the account; see /v1/destinations")
}

/// An address that the finished video can be put to. Whoever has it can, so its `Debug` shows the host alone.
#[derive(Clone, PartialEq, Eq)]
pub struct UploadUrl(Url);

impl UploadUrl {
    /// The address in `text`, if it is one that is called, over an encrypted way.
    pub fn parse(text: &str, outbound: &Outbound) -> Result<Self, Invalid> {
        const FIELD: &str = "output.upload_url";
        if text.chars().count() > URL_MAX_CHARS {
            return Err(Invalid::new(FIELD, format!("must have at most {URL_MAX_CHARS} characters")));
        }
        let url = outbound.check_encrypted(text).map_err(|refused| Invalid::new(FIELD, refused.to_string()))?;
        Ok(Self(url))
    }

    /// Its host, and its port where that is not the usual one.
    pub fn host(&self) -> &str {
        &self.0[Position::BeforeHost..Position::AfterPort]
    }

    /// Its scheme, host and port, which are no secret.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// The address itself, to be called.
    pub fn reveal(&self) -> &str {
        self.0.as_str()
    }

    pub(crate) fn seal(&self, vault: &Vault, job: JobId) -> Sealed {
        vault.seal(Place::Upload, job.uuid(), self.reveal().as_bytes())
    }

    /// The address that was sealed for this job. None if it is no address.
    pub fn open(vault: &Vault, job: JobId, sealed: &Sealed) -> Result<Option<Self>, VaultError> {
        let bytes = vault.open(Place::Upload, job.uuid(), sealed)?;
        let url = std::str::from_utf8(&bytes).ok().and_then(|text| Url::parse(text).ok());
        Ok(url.map(Self))
    }
}

impl fmt::Debug for UploadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UploadUrl({}/…)", self.host())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::outbound::OutboundConfig;
    use crate::vault::MasterKey;

    const SIGNED: &str = "https://bucket.example.com/video.mp4?X-Amz-Signature=0123456789abcdef";

    fn outbound(config: &OutboundConfig) -> Outbound {
        Outbound::new(config, Duration::from_secs(1)).expect("a client")
    }

    #[test]
    fn an_address_shows_its_host_and_nothing_else() {
        let url = UploadUrl::parse(SIGNED, &outbound(&OutboundConfig::default())).expect("an address");
        assert_eq!((url.host(), url.reveal()), ("bucket.example.com", SIGNED));
        let order = Order { to: Recipient::Upload(url), keep: false };
        let shown = serde_json::to_string(&order.delivery()).expect("JSON");
        assert_eq!(shown, r#"{"upload_host":"bucket.example.com","keep":false}"#);
        for shown in [shown, format!("{order:?}")] {
            assert!(!shown.contains("video.mp4") && !shown.contains("Signature"), "{shown}");
        }
        let odd = outbound(&OutboundConfig::unguarded());
        let odd = UploadUrl::parse("http://127.0.0.1:9000/a?b", &odd).expect("an address");
        assert_eq!(odd.host(), "127.0.0.1:9000");
    }

    #[test]
    fn an_address_is_public_encrypted_and_short() {
        let guarded = outbound(&OutboundConfig::default());
        let long = format!("https://example.com/{}", "x".repeat(2048));
        for refused in [
            "http://example.com/a",
            "https://127.0.0.1/a",
            "https://169.254.169.254/latest",
            "https://me:secret@example.com/a",
            "ftp://example.com/a",
            "bucket/key",
            "",
            &long,
        ] {
            let error = UploadUrl::parse(refused, &guarded).expect_err(refused);
            assert_eq!(error.field, "output.upload_url");
        }
    }

    #[test]
    fn an_address_opens_for_its_own_job_alone() {
        let (vault, job) = (Vault::new(vec![MasterKey::generate()]), JobId::new());
        let url = UploadUrl::parse(SIGNED, &outbound(&OutboundConfig::default())).expect("an address");
        let sealed = url.seal(&vault, job);
        assert_eq!(UploadUrl::open(&vault, job, &sealed), Ok(Some(url)));
        assert_eq!(UploadUrl::open(&vault, JobId::new(), &sealed), Err(VaultError::Altered));
    }
}
