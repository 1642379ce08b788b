//! The bytes of a sealed secret, by XChaCha20-Poly1305:
//!
//! ```text
//! 1  version
//! 8  id of the master key
//! 72 nonce (24), and the data key encrypted under the master key (32 + 16)
//! …  nonce (24), and the secret encrypted under the data key (its length + 16)
//! ```
//!
//! Both are bound to where the secret lies. What has up to 64 bytes is a secret as it is: no sealed one is so short. A longer
//! one that was stored as it is follows a version of its own.

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::VaultError;
use super::key::{ID_LEN, KEY_LEN, MasterKey, MasterKeyId};

/// The most bytes of a secret that is stored as it is without anything before it.
pub(super) const PLAIN_MAX: usize = 64;
/// The version of a longer one.
const PLAIN: u8 = 0;
const SEALED: u8 = 1;
/// Version and id of the master key.
pub(super) const HEAD_LEN: usize = 1 + ID_LEN;
const NONCE_LEN: usize = 24;
const TAG_LEN: usize = 16;
const WRAPPED_LEN: usize = NONCE_LEN + KEY_LEN + TAG_LEN;

/// What a stored secret is.
pub(super) enum Form<'a> {
    Plain(&'a [u8]),
    Sealed(Envelope<'a>),
}

impl<'a> Form<'a> {
    pub(super) fn of(stored: &'a [u8]) -> Result<Self, VaultError> {
        match stored {
            short if short.len() <= PLAIN_MAX => Ok(Form::Plain(short)),
            [PLAIN, secret @ ..] => Ok(Form::Plain(secret)),
            [SEALED, rest @ ..] => Envelope::read(rest).map(Form::Sealed).ok_or(VaultError::Altered),
            _ => Err(VaultError::UnknownForm),
        }
    }
}

/// The parts of a sealed secret.
#[derive(Clone, Copy)]
pub(super) struct Envelope<'a> {
    /// The master key that it is under.
    pub(super) key: MasterKeyId,
    wrapped: &'a [u8],
    locked: &'a [u8],
}

impl<'a> Envelope<'a> {
    fn read(rest: &'a [u8]) -> Option<Self> {
        let (id, rest) = rest.split_first_chunk::<ID_LEN>()?;
        let (wrapped, locked) = rest.split_at_checked(WRAPPED_LEN)?;
        Some(Self { key: MasterKeyId::from(*id), wrapped, locked })
    }

    /// The secret, if it is what was sealed for `bound` under this master key.
    pub(super) fn open(&self, master: &MasterKey, bound: &[u8]) -> Option<Vec<u8>> {
        let data_key = self.data_key(master, bound)?;
        unlock(&data_key, self.locked, &content_bound(bound))
    }

    /// The same secret with its data key under another master key.
    pub(super) fn rewrap(&self, master: &MasterKey, other: &MasterKey, bound: &[u8]) -> Option<Vec<u8>> {
        let data_key = self.data_key(master, bound)?;
        Some(assemble(other, &data_key, bound, self.locked))
    }

    fn data_key(&self, master: &MasterKey, bound: &[u8]) -> Option<Zeroizing<[u8; KEY_LEN]>> {
        let key = Zeroizing::new(unlock(master.bytes(), self.wrapped, &[&head(master)[..], bound].concat())?);
        key.as_slice().try_into().ok().map(Zeroizing::new)
    }
}

/// A secret as it is, told apart from a sealed one.
pub(super) fn plain(secret: &[u8]) -> Vec<u8> {
    if secret.len() <= PLAIN_MAX { secret.to_owned() } else { [&[PLAIN][..], secret].concat() }
}

/// Seals a secret for `bound`, under a new data key.
pub(super) fn seal(master: &MasterKey, bound: &[u8], secret: &[u8]) -> Vec<u8> {
    let data_key: Zeroizing<[u8; KEY_LEN]> = Zeroizing::new(rand::random());
    assemble(master, &data_key, bound, &lock(&data_key, secret, &content_bound(bound)))
}

fn assemble(master: &MasterKey, data_key: &[u8; KEY_LEN], bound: &[u8], locked: &[u8]) -> Vec<u8> {
    let head = head(master);
    let wrapped = lock(master.bytes(), data_key, &[&head[..], bound].concat());
    [&head[..], &wrapped, locked].concat()
}

/// What all begins with that is sealed under this key.
pub(super) fn head(master: &MasterKey) -> [u8; HEAD_LEN] {
    let mut head = [SEALED; HEAD_LEN];
    head[1..].copy_from_slice(master.id().bytes());
    head
}

/// The content is not bound to the master key, which changes without it.
fn content_bound(bound: &[u8]) -> Vec<u8> {
    [&[SEALED][..], bound].concat()
}

/// A random nonce, and `content` encrypted with it.
fn lock(key: &[u8; KEY_LEN], content: &[u8], bound: &[u8]) -> Vec<u8> {
    let nonce = rand::random::<[u8; NONCE_LEN]>();
    let payload = Payload { msg: content, aad: bound };
    let locked = XChaCha20Poly1305::new(key.into()).encrypt(&XNonce::from(nonce), payload);
    [&nonce[..], &locked.expect("what lies in memory is short enough to be encrypted")].concat()
}

fn unlock(key: &[u8; KEY_LEN], locked: &[u8], bound: &[u8]) -> Option<Vec<u8>> {
    let (nonce, content) = locked.split_first_chunk::<NONCE_LEN>()?;
    let payload = Payload { msg: content, aad: bound };
    XChaCha20Poly1305::new(key.into()).decrypt(&XNonce::from(*nonce), payload).ok()
}
