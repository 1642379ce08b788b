//! What every key in the bucket starts with, so that a bucket can be shared: with other customers, or with other environments.

use std::str::FromStr;

/// Bytes of a prefix, so that the longest key stays below S3's 1,024.
const MAX_BYTES: usize = 200;

/// What every key in the bucket starts with; may be nothing. No key outside of the storage has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// The key that the bucket knows.
    pub(super) fn add(&self, key: &str) -> String {
        format!("{}{key}", self.0)
    }

    /// Our key. None for one that the bucket has of somebody else.
    pub(super) fn strip(&self, key: &str) -> Option<String> {
        key.strip_prefix(&self.0).map(str::to_owned)
    }
}

impl FromStr for Prefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = text.strip_suffix('/').unwrap_or(text);
        if path.is_empty() {
            return Ok(Self::default());
        }
        let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
        let is_segment = |segment: &str| !["", ".", ".."].contains(&segment) && segment.chars().all(is_plain);
        if path.len() >= MAX_BYTES || !path.split('/').all(is_segment) {
            return Err(format!(
                "it has to be names of A-Z, a-z, 0-9, '-', '_' and '.' with '/' between them, shorter than {MAX_BYTES} bytes"
            ));
        }
        Ok(Self(format!("{path}/")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_added_and_taken_away_with_one_slash_between() {
        for text in ["video/staging", "video/staging/"] {
            let prefix: Prefix = text.parse().unwrap();
            assert_eq!(prefix.add("acct_1/x"), "video/staging/acct_1/x");
            assert_eq!(prefix.strip("video/staging/acct_1/x").as_deref(), Some("acct_1/x"));
            assert_eq!(prefix.strip("video/production/acct_1/x"), None);
        }
        for nothing in ["", "/"] {
            assert_eq!(nothing.parse(), Ok(Prefix::default()));
        }
        assert_eq!(Prefix::default().strip("acct_1/x").as_deref(), Some("acct_1/x"));
    }

    #[test]
    fn what_would_make_keys_hard_to_read_is_refused() {
        for wrong in ["/a", "a//b", "..", "a/../b", "a b", "a?b", "ü", &"a".repeat(MAX_BYTES)] {
            assert!(wrong.parse::<Prefix>().is_err(), "{wrong}");
        }
    }
}
