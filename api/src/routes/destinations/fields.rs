//! What the fields of a destination may be.

use clipmill_shared::destinations::Writer;

use crate::app::App;
use crate::form::Form;
use crate::problem::Problem;

/// Every field of a destination.
pub(super) const FIELDS: [&str; 9] =
    ["name", "bucket", "region", "endpoint", "prefix", "path_style", "access_key_id", "secret_access_key", "role_arn"];

const ENDPOINT_MAX_CHARS: usize = 2048;
const KEY_MAX_CHARS: usize = 256;
const PREFIX_MAX_CHARS: usize = 512;
const ROLE_MAX_CHARS: usize = 2048;

/// A text of a field that is well formed, or what is allowed there.
fn checked(field: &'static str, text: String, is_good: bool, allowed: &str) -> Result<String, Problem> {
    if is_good { Ok(text) } else { Err(Problem::invalid(field, allowed)) }
}

/// Whether a text of so many characters has no others than letters, digits and these, and begins and ends with a letter or digit.
fn is_word(text: &str, lengths: std::ops::RangeInclusive<usize>, others: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    lengths.contains(&text.len())
        && text.chars().all(|c| is_plain(c) || others.contains(c))
        && text.starts_with(is_plain)
        && text.ends_with(is_plain)
}

/// A name, which never looks like an id.
pub(super) fn name(name: String) -> Result<String, Problem> {
    let is_good = is_word(&name, 1..=64, "-_.") && !name.starts_with("dest_");
    let allowed = "must have 1 to 64 lower-case letters, digits, and - _ . between them, and must not begin with dest_";
    checked("name", name, is_good, allowed)
}

/// The name of a bucket.
pub(super) fn bucket(bucket: String) -> Result<String, Problem> {
    let is_good = is_word(&bucket, 3..=63, "-.") && !bucket.contains("..");
    checked(
        "bucket",
        bucket,
        is_good,
        "must be a bucket's name: 3 to 63 lower-case letters, digits, and - . between them",
    )
}

/// The name of a region, which becomes a part of a host's name.
pub(super) fn region(region: String) -> Result<String, Problem> {
    let is_good = is_word(&region, 1..=64, "-");
    checked("region", region, is_good, "must be a region's name, as in eu-central-1")
}

/// An S3 server that may be called; none for an empty text, which means AWS itself.
pub(super) fn endpoint(app: &App, endpoint: String) -> Result<Option<String>, Problem> {
    if endpoint.is_empty() {
        return Ok(None);
    }
    if endpoint.chars().count() > ENDPOINT_MAX_CHARS {
        return Err(Problem::invalid("endpoint", "must have at most 2048 characters"));
    }
    let url = app.outbound.check_encrypted(&endpoint);
    let url = url.map_err(|refused| Problem::invalid("endpoint", &refused.to_string()))?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let allowed = "must be the address of an S3 server alone, without a path";
    checked("endpoint", url.to_string(), is_bare, allowed).map(Some)
}

/// What keys start with.
pub(super) fn prefix(prefix: String) -> Result<String, Problem> {
    let is_good = prefix.chars().count() <= PREFIX_MAX_CHARS
        && !prefix.starts_with('/')
        && !prefix.chars().any(char::is_control)
        && !prefix.split('/').any(|part| part == ".." || part == ".");
    let allowed =
        "must have at most 512 characters, without control characters, a slash at the beginning, and . or .. as a part";
    checked("prefix", prefix, is_good, allowed)
}

/// Who writes: a pair of keys, or a role. None if neither is named.
pub(super) fn writer(form: &Form) -> Result<Option<Writer>, Problem> {
    let (id, secret, role) = (form.text("access_key_id")?, form.text("secret_access_key")?, form.text("role_arn")?);
    match (id, secret, role) {
        (None, None, None) => Ok(None),
        (Some(id), Some(secret), None) => {
            let access_key_id = key("access_key_id", id)?;
            Ok(Some(Writer::Keys { access_key_id, secret: key("secret_access_key", secret)?.into() }))
        }
        (None, None, Some(arn)) => role_arn(arn).map(|arn| Some(Writer::Role(arn))),
        (None, Some(_), None) => Err(Problem::invalid("access_key_id", "must be given with secret_access_key")),
        (Some(_), None, None) => Err(Problem::invalid("secret_access_key", "must be given with access_key_id")),
        (_, _, Some(_)) => Err(Problem::invalid("role_arn", "must be left out where access_key_id is given")),
    }
}

/// A key, or one half of it.
fn key(field: &'static str, text: String) -> Result<String, Problem> {
    let is_good = (1..=KEY_MAX_CHARS).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic());
    checked(field, text, is_good, "must have 1 to 256 printable ASCII characters without spaces")
}

fn role_arn(arn: String) -> Result<String, Problem> {
    let mut parts = arn.splitn(6, ':');
    let mut next = || parts.next().unwrap_or_default();
    let is_role = next() == "arn"
        && next().starts_with("aws")
        && next() == "iam"
        && next().is_empty()
        && matches!(next(), account if account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()))
        && next().starts_with("role/");
    let is_good = is_role && arn.len() <= ROLE_MAX_CHARS && arn.chars().all(|c| c.is_ascii_graphic());
    checked("role_arn", arn, is_good, "must name a role, as in arn:aws:iam::123456789012:role/videos")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_that_no_id_is() {
        for good in ["studio", "a", "studio-eu.2", &"x".repeat(64)] {
            assert!(name(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["", "Studio", "-a", "a/", "a b", "dest_1", "ä", &"x".repeat(65)] {
            assert!(name(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn buckets_and_regions_cannot_be_parts_of_another_address() {
        for bad in ["", "ab", "a/b", "a..b", "evil.com/", "bucket@evil", "Bucket", "bucket.", "a:b"] {
            assert!(bucket(bad.to_owned()).is_err(), "{bad}");
        }
        assert!(bucket("my.bucket-1".to_owned()).is_ok());
        for bad in ["", "eu.evil.com", "eu/central", "eu#", "EU"] {
            assert!(region(bad.to_owned()).is_err(), "{bad}");
        }
        assert!(region("eu-central-1".to_owned()).is_ok());
    }

    #[test]
    fn a_prefix_stays_below_its_bucket() {
        for good in ["", "videos/", "a b/ä", "a..b/"] {
            assert!(prefix(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["/a", "a/../b", "..", "./a", "a\0", "a\n", &"x".repeat(513)] {
            assert!(prefix(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_role_is_a_role() {
        assert!(role_arn("arn:aws:iam::123456789012:role/videos".to_owned()).is_ok());
        assert!(role_arn("arn:aws-cn:iam::123456789012:role/path/videos".to_owned()).is_ok());
        for bad in ["", "videos", "arn:aws:iam::12:role/a", "arn:aws:iam::123456789012:user/a", "arn:aws:s3:::bucket"] {
            assert!(role_arn(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
