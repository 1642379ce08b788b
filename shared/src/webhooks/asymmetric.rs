//! The asymmetric signature of Standard Webhooks, `v1a`: who has only the public key can check it.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{KEYPAIR_LENGTH, SECRET_KEY_LENGTH, Signer as _};

/// How webhooks are signed beside the secrets of their receivers.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct SigningConfig {
    /// Ed25519 key that signs all webhooks in addition, as whsk_ with base64 after it; its public part is at /v1/webhooks/keys
    #[arg(long, env = "CLIPMILL_WEBHOOK_SIGNING_KEY", hide_env_values = true)]
    pub webhook_signing_key: Option<SigningKey>,
}

/// An Ed25519 key. Its `Debug` shows nothing.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// The signature of some bytes as it stands in a header.
    pub(super) fn sign(&self, signed: &[u8]) -> String {
        format!("v1a,{}", BASE64.encode(self.0.sign(signed).to_bytes()))
    }

    /// What others check signatures with: `whpk_<base64>`.
    pub fn public(&self) -> String {
        format!("whpk_{}", BASE64.encode(self.0.verifying_key().as_bytes()))
    }
}

impl FromStr for SigningKey {
    type Err = &'static str;

    /// Reads the seed of 32 bytes, or the seed and the public key that follows from it.
    fn from_str(text: &str) -> Result<Self, &'static str> {
        let bytes = text.strip_prefix("whsk_").and_then(|base64| BASE64.decode(base64).ok());
        let bytes = bytes.ok_or("must be whsk_ and base64")?;
        if let Ok(seed) = <&[u8; SECRET_KEY_LENGTH]>::try_from(bytes.as_slice()) {
            return Ok(Self(ed25519_dalek::SigningKey::from_bytes(seed)));
        }
        let pair: &[u8; KEYPAIR_LENGTH] = bytes.as_slice().try_into().map_err(|_| "must have 32 or 64 bytes")?;
        let key = ed25519_dalek::SigningKey::from_keypair_bytes(pair);
        key.map(Self).map_err(|_| "the second half is not the public key of the first")
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The first test vector of RFC 8032, section 7.1.
    const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    const PUBLIC: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    const SIGNATURE: &str = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b\
                             d25bf5f0595bbe24655141438e7a100b";

    fn base64(hex: &str) -> String {
        BASE64.encode(hex::decode(hex).expect("hexadecimal digits"))
    }

    fn read(hex: &str) -> Result<SigningKey, &'static str> {
        format!("whsk_{}", base64(hex)).parse()
    }

    #[test]
    fn a_signature_is_the_one_of_the_standard() {
        for key in [read(SEED), read(&format!("{SEED}{PUBLIC}"))] {
            let key = key.expect("a key");
            assert_eq!(key.public(), format!("whpk_{}", base64(PUBLIC)));
            assert_eq!(key.sign(b""), format!("v1a,{}", base64(SIGNATURE)));
            assert_eq!(format!("{key:?}"), "SigningKey(…)");
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert!(read(&SEED[2..]).is_err());
        assert!(read(&format!("{SEED}{SEED}")).is_err());
        assert!("whsk_?".parse::<SigningKey>().is_err());
        assert!(base64(SEED).parse::<SigningKey>().is_err());
    }
}
