//! What happens to a prompt before it is cut into tokens.

use html_escape::decode_html_entities;

/// Straightens a prompt as the text that the model was trained on: entities decoded twice, curly quotes straight, no
/// control characters, and every run of white space one space, with none at either end.
pub fn clean(prompt: &str) -> String {
    let decoded = decode_html_entities(prompt);
    let decoded = decode_html_entities(&decoded);
    let straight: String = decoded.chars().filter(|letter| !is_control(*letter)).map(straightened).collect();
    straight.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn straightened(letter: char) -> char {
    match letter {
        '\u{2018}'..='\u{201b}' | '\u{2bc}' => '\'',
        '\u{201c}'..='\u{201f}' => '"',
        _ => letter,
    }
}

/// Whether it is one of ASCII's control characters that separate nothing, or a byte order mark.
fn is_control(letter: char) -> bool {
    letter == '\u{feff}' || (letter.is_ascii_control() && !letter.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn entities_are_decoded_twice_and_no_more() {
        assert_eq!(clean("salt &amp;amp; pepper"), "salt & pepper");
        assert_eq!(clean("&amp;amp;amp;"), "&amp;");
        assert_eq!(clean("caf&eacute; &#x2603; &#9731;"), "café \u{2603} \u{2603}");
    }

    #[test]
    fn what_is_no_entity_stays() {
        assert_eq!(clean("R&D; &nosuch; &#; &#x; & &"), "R&D; &nosuch; &#; &#x; & &");
    }

    #[test]
    fn white_space_of_every_kind_becomes_one_space() {
        assert_eq!(clean(" \t a\n\nred\u{a0}\u{3000}fox\u{2028}\r\n"), "a red fox");
        assert_eq!(clean("a&nbsp; b"), "a b");
        assert_eq!(clean(" \n "), "");
    }

    #[test]
    fn control_characters_vanish() {
        assert_eq!(clean("\u{feff}a r\0e\u{1b}d\u{7f} fox\u{1f}"), "a red fox");
    }

    #[test]
    fn curly_quotes_become_straight() {
        assert_eq!(clean("\u{201c}It\u{2019}s\u{201d}"), "\"It's\"");
    }
}
