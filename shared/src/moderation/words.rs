//! Words and phrases that no prompt may hold. They are compared word by word, whatever their case and what stands between
//! them; each sign of a script that has no spaces counts as a word.

use std::collections::HashSet;
use std::path::Path;

/// The longest list, in bytes.
const FILE_MAX_BYTES: u64 = 4 * 1024 * 1024;
/// The longest phrase, in words.
const PHRASE_MAX_WORDS: usize = 32;

/// A word list.
#[derive(Debug, Default)]
pub(super) struct Words {
    phrases: HashSet<Vec<String>>,
    longest: usize,
}

impl Words {
    /// Reads a list of one phrase a line. Empty lines and those that begin with `#` are passed over.
    pub(super) fn read(file: &Path) -> Result<Self, String> {
        let length = file.metadata().map_err(|error| error.to_string())?.len();
        if length > FILE_MAX_BYTES {
            return Err(format!("must have at most {FILE_MAX_BYTES} bytes"));
        }
        let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut words = Self::default();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with('#')) {
            let phrase = split(line);
            if phrase.len() > PHRASE_MAX_WORDS {
                return Err(format!("line {} must have at most {PHRASE_MAX_WORDS} words", number + 1));
            }
            if !phrase.is_empty() {
                words.longest = words.longest.max(phrase.len());
                words.phrases.insert(phrase);
            }
        }
        Ok(words)
    }

    /// Whether a text holds one of them.
    pub(super) fn occur_in(&self, text: &str) -> bool {
        if self.phrases.is_empty() {
            return false;
        }
        let words = split(text);
        let begins = |first: usize| {
            let rest = &words[first..];
            (1..=self.longest.min(rest.len())).any(|length| self.phrases.contains(&rest[..length]))
        };
        (0..words.len()).any(begins)
    }
}

/// The words of a text in lower case.
fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut goes_on = false;
    for sign in text.chars().flat_map(char::to_lowercase) {
        match words.last_mut() {
            _ if !sign.is_alphanumeric() => goes_on = false,
            _ if is_a_word(sign) => {
                words.push(sign.to_string());
                goes_on = false;
            }
            Some(word) if goes_on => String::push(word, sign),
            _ => {
                words.push(sign.to_string());
                goes_on = true;
            }
        }
    }
    words
}

/// Whether a sign is of a script that is written without spaces: ideographs, kana, Thai.
fn is_a_word(sign: char) -> bool {
    matches!(sign, '\u{e00}'..='\u{e7f}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_are_found_whatever_their_case() {
        let words = Words::parse("# not these\n\nBad Apple\nÜbel\n坏果\n").expect("a list");
        let table = [
            ("a bad apple", true),
            ("BAD,\n  apple!", true),
            ("a [bad] apple", true),
            ("bad apples", false),
            ("bad red apple", false),
            ("abad apple", false),
            ("so übel", true),
            ("übelst", false),
            ("一个坏果子", true),
            ("坏的果", false),
            ("not these", false),
            ("", false),
        ];
        for (text, found) in table {
            assert_eq!(words.occur_in(text), found, "{text}");
        }
    }

    #[test]
    fn no_list_finds_nothing() {
        assert!(!Words::default().occur_in("anything at all"));
    }

    #[test]
    fn a_phrase_has_its_bounds() {
        assert!(Words::parse(&"word ".repeat(33)).is_err_and(|error| error.contains("line 1")));
    }
}
