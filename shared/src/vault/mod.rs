//! Secrets at rest: each is sealed under a data key of its own, and that one under a master key of the operator's (envelope
//! encryption). Who gets hold of the database, or of a copy of it, has none of the secrets.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use crate::secret::WebhookSecret;

mod config;
mod envelope;
mod key;
pub mod rotation;
#[cfg(test)]
mod tests;

pub use config::VaultConfig;
pub use key::{MasterKey, MasterKeyId};

use envelope::{Envelope, Form};

/// Seals and opens secrets. Cloned cheaply. Without a master key, as by default, it stores secrets as they are.
#[derive(Debug, Clone, Default)]
pub struct Vault(Arc<[MasterKey]>);

/// Where secrets lie. What is copied to another place, or to another owner, does not open there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// `accounts.webhook_secret`, owned by an account.
    Account,
    /// `webhook_endpoints.secret`, owned by an endpoint, and `previous_secret`, to which a rotation moves it as it is.
    Endpoint,
    /// `destinations.secret`, owned by a destination.
    Destination,
    /// `jobs.upload_url`, owned by a job.
    Upload,
}

impl Place {
    fn as_str(self) -> &'static str {
        match self {
            Place::Account => "accounts.webhook_secret",
            Place::Endpoint => "webhook_endpoints.secret",
            Place::Destination => "destinations.secret",
            Place::Upload => "jobs.upload_url",
        }
    }
}

/// A secret as it is stored: sealed, or as it is when there was no master key. Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// What the database holds.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(…)")
    }
}

/// Why a secret does not open.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum VaultError {
    /// It is sealed under a master key that is not configured here.
    #[error("the master key {0} is missing: add it to --master-key-file / CLIPMILL_MASTER_KEY_FILE")]
    MissingKey(MasterKeyId),
    /// It is in a form that this version does not know.
    #[error("a secret is stored in a form that this version does not know")]
    UnknownForm,
    /// It is not what was sealed, or not where it was sealed for.
    #[error("a secret was changed, or belongs to another row")]
    Altered,
}

impl Vault {
    /// A vault with these master keys: the first one seals, all of them open.
    pub fn new(keys: Vec<MasterKey>) -> Self {
        Self(keys.into())
    }

    /// The ids of its master keys, that of the key that seals first.
    pub fn keys(&self) -> impl Iterator<Item = MasterKeyId> {
        self.0.iter().map(MasterKey::id)
    }

    /// Seals a secret for its place and owner.
    pub fn seal(&self, place: Place, owner: Uuid, secret: &[u8]) -> Sealed {
        let sealed = match self.0.first() {
            Some(key) => envelope::seal(key, &bound(place, owner), secret),
            None => envelope::plain(secret),
        };
        Sealed(sealed)
    }

    /// The secret that was sealed for this place and owner, or stored there as it is.
    pub fn open(&self, place: Place, owner: Uuid, sealed: &Sealed) -> Result<Vec<u8>, VaultError> {
        match Form::of(&sealed.0)? {
            Form::Plain(secret) => Ok(secret.to_owned()),
            Form::Sealed(envelope) => {
                envelope.open(self.key(envelope.key)?, &bound(place, owner)).ok_or(VaultError::Altered)
            }
        }
    }

    /// The webhook secret that was sealed for this place and owner.
    pub fn open_webhook(&self, place: Place, owner: Uuid, sealed: &Sealed) -> Result<WebhookSecret, VaultError> {
        self.open(place, owner, sealed).map(WebhookSecret::from_bytes)
    }

    /// The same secret under the first master key, if it is not there yet. Of one that is sealed, only the data key is
    /// wrapped anew. Nothing without a master key.
    fn renew(&self, place: Place, owner: Uuid, sealed: &Sealed) -> Result<Option<Renewed>, VaultError> {
        let Some(first) = self.0.first() else { return Ok(None) };
        match Form::of(&sealed.0)? {
            Form::Plain(secret) => Ok(Some(Renewed { sealed: self.seal(place, owner, secret), was_plain: true })),
            Form::Sealed(Envelope { key, .. }) if key == first.id() => Ok(None),
            Form::Sealed(envelope) => {
                let rewrapped = envelope.rewrap(self.key(envelope.key)?, first, &bound(place, owner));
                let rewrapped = rewrapped.ok_or(VaultError::Altered)?;
                Ok(Some(Renewed { sealed: Sealed(rewrapped), was_plain: false }))
            }
        }
    }

    fn key(&self, id: MasterKeyId) -> Result<&MasterKey, VaultError> {
        self.0.iter().find(|key| key.id() == id).ok_or(VaultError::MissingKey(id))
    }
}

/// A secret that was brought under the first master key.
struct Renewed {
    sealed: Sealed,
    was_plain: bool,
}

/// What a sealed secret is bound to.
fn bound(place: Place, owner: Uuid) -> Vec<u8> {
    [place.as_str().as_bytes(), b"\0", owner.as_bytes()].concat()
}
