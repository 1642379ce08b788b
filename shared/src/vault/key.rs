//! Master keys, and how they are told apart.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

/// Bytes of every key here.
pub(super) const KEY_LEN: usize = 32;
pub(super) const ID_LEN: usize = 8;
/// Set before a key when its id is taken, so that the id is no hash of anything else.
const ID_DOMAIN: &[u8] = b"clipmill master key id\0";

/// A key of the operator's, under which the keys of secrets are sealed. Wiped when dropped; its `Debug` shows the id only.
#[derive(Clone)]
pub struct MasterKey {
    id: MasterKeyId,
    key: Zeroizing<[u8; KEY_LEN]>,
}

impl MasterKey {
    /// A new random key.
    pub fn generate() -> Self {
        Self::from(Zeroizing::new(rand::random()))
    }

    /// Which key it is. Tells nothing of the key.
    pub fn id(&self) -> MasterKeyId {
        self.id
    }

    /// The key in base64, as it stands in a file of keys.
    pub fn reveal(&self) -> String {
        BASE64.encode(self.key.as_slice())
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_LEN] {
        &self.key
    }
}

impl From<Zeroizing<[u8; KEY_LEN]>> for MasterKey {
    fn from(key: Zeroizing<[u8; KEY_LEN]>) -> Self {
        let hash: [u8; 32] = Sha256::new().chain_update(ID_DOMAIN).chain_update(key.as_slice()).finalize().into();
        let mut id = [0; ID_LEN];
        id.copy_from_slice(&hash[..ID_LEN]);
        Self { id: MasterKeyId(id), key }
    }
}

impl FromStr for MasterKey {
    type Err = &'static str;

    /// Reads 32 bytes in base64.
    fn from_str(text: &str) -> Result<Self, &'static str> {
        const FORM: &str = "must be 32 bytes in base64";
        let mut bytes = BASE64.decode(text).map_err(|_| FORM)?;
        let key = <[u8; KEY_LEN]>::try_from(bytes.as_slice()).map(Zeroizing::new);
        bytes.zeroize();
        key.map(Self::from).map_err(|_| FORM)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id)
    }
}

/// Names a master key: the beginning of a hash of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MasterKeyId([u8; ID_LEN]);

impl MasterKeyId {
    pub(super) fn bytes(&self) -> &[u8; ID_LEN] {
        &self.0
    }
}

impl From<[u8; ID_LEN]> for MasterKeyId {
    fn from(id: [u8; ID_LEN]) -> Self {
        Self(id)
    }
}

impl fmt::Display for MasterKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for MasterKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
