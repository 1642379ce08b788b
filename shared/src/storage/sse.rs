//! How the store encrypts what it keeps.

use std::str::FromStr;

use aws_sdk_s3::types::ServerSideEncryption;

/// How the store encrypts what it keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Sse {
    /// As the bucket says.
    #[default]
    None,
    /// With keys of the store.
    Aes256,
    /// With a key of the key management service: this one, or the account's own for S3.
    Kms(Option<String>),
}

impl Sse {
    /// The method, as a request names it.
    pub(super) fn method(&self) -> Option<ServerSideEncryption> {
        match self {
            Self::None => None,
            Self::Aes256 => Some(ServerSideEncryption::Aes256),
            Self::Kms(_) => Some(ServerSideEncryption::AwsKms),
        }
    }

    /// The key, as a request names it.
    pub(super) fn key(&self) -> Option<String> {
        if let Self::Kms(key) = self { key.clone() } else { None }
    }
}

impl FromStr for Sse {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "none" => Ok(Self::None),
            None if text == "aes256" => Ok(Self::Aes256),
            None if text == "kms" => Ok(Self::Kms(None)),
            Some(("kms", key)) if !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Ok(Self::Kms(Some(key.to_owned())))
            }
            _ => Err("it has to be none, aes256, kms or kms:KEY, where KEY is a key's id, ARN or alias".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_managed_key_can_be_named() {
        let arn = "arn:aws:kms:eu-west-1:111122223333:key/1234";
        assert_eq!(format!("kms:{arn}").parse(), Ok(Sse::Kms(Some(arn.to_owned()))));
        assert_eq!("kms".parse(), Ok(Sse::Kms(None)));
        assert_eq!("aes256".parse(), Ok(Sse::Aes256));
        for wrong in ["", "AES256", "aes256:key", "kms:", "kms:a b", "none:"] {
            assert!(wrong.parse::<Sse>().is_err(), "{wrong}");
        }
    }
}
