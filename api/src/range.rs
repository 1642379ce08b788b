//! `Range` headers (RFC 9110, section 14): one range of bytes; what is malformed or asks for several is answered whole.

use axum::http::HeaderMap;
use axum::http::header::{IF_RANGE, RANGE};

/// Which part of a file to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    Whole,
    /// From the first to the last byte named, both included.
    Bytes(u64, u64),
    /// A part that begins behind the end.
    Outside,
}

/// The part of a file of `size` bytes that a request asks for. If it wants that of one version only, that has to be this one, by its
/// tag or its date.
pub(crate) fn part(headers: &HeaderMap, size: u64, tag: &str, date: &str) -> Part {
    let header = headers.get(RANGE).and_then(|value| value.to_str().ok());
    let is_of_this_version = headers.get(IF_RANGE).is_none_or(|wanted| wanted == tag || wanted == date);
    match header {
        Some(header) if is_of_this_version => parse(header, size).unwrap_or(Part::Whole),
        _ => Part::Whole,
    }
}

fn parse(header: &str, size: u64) -> Option<Part> {
    let (unit, range) = header.split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") || size == 0 {
        return None;
    }
    let part = match (first, last) {
        ("", suffix) => match number(suffix)? {
            0 => Part::Outside,
            length => Part::Bytes(size.saturating_sub(length), size - 1),
        },
        (first, "") => Part::Bytes(number(first)?, size - 1),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return None;
            }
            Part::Bytes(first, last.min(size - 1))
        }
    };
    Some(if matches!(part, Part::Bytes(first, _) if first >= size) { Part::Outside } else { part })
}

/// A number of any length; one that no file can have counts as the largest.
fn number(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "\"c0ffee\"";
    const DATE: &str = "Fri, 27 Nov 2026 20:00:00 GMT";

    #[test]
    fn one_range_is_understood_and_everything_else_is_answered_whole() {
        let cases = [
            ("bytes=0-4", Part::Bytes(0, 4)),
            ("Bytes=5-", Part::Bytes(5, 99)),
            ("bytes=-10", Part::Bytes(90, 99)),
            ("bytes=-1000", Part::Bytes(0, 99)),
            ("bytes=90-1000", Part::Bytes(90, 99)),
            ("bytes=99-99", Part::Bytes(99, 99)),
            ("bytes=100-", Part::Outside),
            ("bytes=99999999999999999999999-", Part::Outside),
            ("bytes=-0", Part::Outside),
            ("bytes=5-2", Part::Whole),
            ("bytes=0-0,2-3", Part::Whole),
            ("bytes=", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("lines=1-2", Part::Whole),
        ];
        for (header, expected) in cases {
            let headers = [(RANGE, header.parse().expect("a header value"))].into_iter().collect();
            assert_eq!(part(&headers, 100, TAG, DATE), expected, "{header}");
        }
    }

    #[test]
    fn a_part_of_another_version_is_not_given() {
        let weak = format!("W/{TAG}");
        for (wanted, expected) in [
            (TAG, Part::Bytes(0, 4)),
            (DATE, Part::Bytes(0, 4)),
            ("\"x\"", Part::Whole),
            (&weak, Part::Whole),
            ("Fri, 27 Nov 2026 20:00:01 GMT", Part::Whole),
        ] {
            let headers = [(RANGE, "bytes=0-4"), (IF_RANGE, wanted)];
            let headers = headers.into_iter().map(|(name, value)| (name, value.parse().expect("a value"))).collect();
            assert_eq!(part(&headers, 100, TAG, DATE), expected, "{wanted}");
        }
    }
}
