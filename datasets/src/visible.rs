//! Text from files, before a terminal shows it.

use std::fmt::Display;

/// `text` with its control characters escaped as in Rust, `\u{1b}` for example, and so are the characters
/// that change the direction of writing.
///
/// A name in a file may hold codes that move the cursor, retitle a window or feign another message.
pub fn visible(text: impl Display) -> String {
    let mut shown = String::new();
    for letter in text.to_string().chars() {
        let redirects = matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if letter.is_control() || redirects {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_letters_are_not() {
        let text = "conv\u{1b}[2J\r\n\u{9b}31m\u{7}\u{202e}µ×²-\\ö";
        let expected = "conv\\u{1b}[2J\\r\\n\\u{9b}31m\\u{7}\\u{202e}µ×²-\\ö";
        assert_eq!(visible(text), expected);
    }
}
