//! Identifiers: time-ordered UUIDs (version 7) that say in their text what they name.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// A text is no identifier of the expected kind.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected an id of the form {0}<32 hex digits>")]
pub struct ParseIdError(&'static str);

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
        #[sqlx(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier.
            #[allow(clippy::new_without_default)]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// The bare UUID, as the database holds it.
            pub fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let hex = text.strip_prefix($prefix).filter(|hex| hex.len() == 32).ok_or(ParseIdError($prefix))?;
                Uuid::try_parse(hex).map(Self).map_err(|_| ParseIdError($prefix))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

id!(
    /// Names an account.
    AccountId,
    "acct_"
);
id!(
    /// Names an API key (not the key itself).
    KeyId,
    "key_"
);
id!(
    /// Names a video job.
    JobId,
    "video_"
);
id!(
    /// Names a file that a customer put up.
    FileId,
    "file_"
);
id!(
    /// Names something that happened to a job.
    EventId,
    "evt_"
);
id!(
    /// Names a webhook endpoint of an account.
    EndpointId,
    "we_"
);
id!(
    /// Names a bucket of the customer's own.
    DestinationId,
    "dest_"
);
id!(
    /// Names one wish to tell one endpoint of one event; the `webhook-id` of all its tries.
    DeliveryId,
    "wh_"
);
id!(
    /// Names a due date for objects.
    RemovalId,
    "rm_"
);
id!(
    /// Names a key of those who run the service (not the key itself).
    OperatorKeyId,
    "opkey_"
);
id!(
    /// Names an entry of the audit log.
    AuditId,
    "audit_"
);
id!(
    /// Names something that an account agreed to, or took back.
    ConsentId,
    "consent_"
);
id!(
    /// Names an entry of the ledger of credits.
    CreditId,
    "credit_"
);
id!(
    /// Names an archive of all that is held about an account.
    ExportId,
    "export_"
);
id!(
    /// Names a wish to have data deleted, and its receipt.
    ErasureId,
    "erasure_"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_what_it_wrote() {
        let id = JobId::new();
        assert_eq!(id.to_string().parse::<JobId>(), Ok(id));
        assert!(id.to_string().starts_with("video_"));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "",
            "video_",
            "video_x",
            "acct_0192aaaaaaaa7aaaaaaaaaaaaaaaaaaa",
            "video_0192aaaa-aaaa-7aaa-aaaa-aaaaaaaaaaaa",
        ] {
            assert!(text.parse::<JobId>().is_err(), "{text}");
        }
    }
}
