//! Secrets: API keys, webhook secrets, and those of other services. Their `Debug` shows nothing.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rand::RngExt as _;
use rand::distr::Alphanumeric;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

const LOOKUP_LEN: usize = 10;
const SECRET_LEN: usize = 32;
/// Of a webhook secret's 44 characters in base64: 24 of its 256 bits, less the padding.
const HINT_LEN: usize = 4;

/// A kind of key in the clear: a prefix, ten characters that find it, 32 that prove it (190 bits).
macro_rules! key {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// A new random key.
            pub fn generate() -> Self {
                let random = rand::rng().sample_iter(Alphanumeric).take(LOOKUP_LEN + SECRET_LEN).map(char::from);
                Self($prefix.chars().chain(random).collect())
            }

            /// The key in `text`, if it has the form of one.
            pub fn parse(text: &str) -> Option<Self> {
                let random = text.strip_prefix($prefix)?;
                let well_formed =
                    random.len() == LOOKUP_LEN + SECRET_LEN && random.bytes().all(|b| b.is_ascii_alphanumeric());
                well_formed.then(|| Self(text.to_owned()))
            }

            /// The key itself, to be shown once to its owner.
            pub fn reveal(&self) -> &str {
                &self.0
            }

            /// The public part, by which the key is found. Tells nothing of the rest.
            pub fn lookup(&self) -> &str {
                &self.0[..$prefix.len() + LOOKUP_LEN]
            }

            /// What is stored: SHA-256 of the whole key. The key is random enough that a slow hash would add nothing.
            pub fn hash(&self) -> [u8; 32] {
                Sha256::digest(self.0.as_bytes()).into()
            }

            /// Whether this key is the one whose hash is stored, in constant time.
            pub fn proves(&self, stored_hash: &[u8]) -> bool {
                self.hash().ct_eq(stored_hash).into()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

key!(
    /// An API key: it speaks for an account.
    ApiKey,
    "cm_"
);
key!(
    /// A key of those who run the service.
    OperatorKey,
    "cmop_"
);
key!(
    /// What shows the receipt of a deletion to whoever has no API key any more.
    ReceiptToken,
    "cmrcpt_"
);

/// A key for signing webhooks: 32 random bytes, written `whsec_<base64>`. The database holds it sealed, see [`crate::vault`].
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Vec<u8>);

impl WebhookSecret {
    /// A new random secret.
    pub fn generate() -> Self {
        Self(rand::random::<[u8; 32]>().to_vec())
    }

    /// The secret that `bytes` are.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The secret in the `whsec_` form, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        BASE64.decode(text.strip_prefix("whsec_")?).ok().map(Self)
    }

    /// The `whsec_` form, for its owner.
    pub fn reveal(&self) -> String {
        format!("whsec_{}", BASE64.encode(&self.0))
    }

    /// The end of the `whsec_` form, by which its owner tells it from others.
    pub fn hint(&self) -> String {
        let secret = self.reveal();
        format!("whsec_…{}", &secret[secret.len() - HINT_LEN..])
    }

    /// The raw bytes that go into the signature.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

/// A secret of another service: a key, a token.
#[derive(Clone)]
pub struct SecretText(String);

impl SecretText {
    /// The secret itself, to be shown to that service.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_proves_only_its_own_hash() {
        let key = ApiKey::generate();
        let again = ApiKey::parse(key.reveal()).expect("a key has the form of a key");
        assert!(again.proves(&key.hash()));
        assert!(!ApiKey::generate().proves(&key.hash()));
        assert!(!key.proves(&[]));
    }

    #[test]
    fn what_has_not_the_form_of_a_key_is_none() {
        let long = format!("cm_{}", "a".repeat(43));
        for text in ["", "cm_", "sk-abc", long.as_str(), "cm_ääääääääääääääääääääääää"] {
            assert!(ApiKey::parse(text).is_none(), "{text}");
        }
        assert!(ApiKey::parse(OperatorKey::generate().reveal()).is_none());
        assert!(OperatorKey::parse(ApiKey::generate().reveal()).is_none());
    }

    #[test]
    fn secrets_do_not_show_in_debug() {
        let key = ApiKey::generate();
        assert!(!format!("{key:?}").contains(key.lookup()));
        assert_eq!(format!("{:?}", OperatorKey::generate()), "OperatorKey(…)");
        assert_eq!(format!("{:?}", WebhookSecret::generate()), "WebhookSecret(…)");
    }
}
