//! What the command prints; that it cannot be printed never ends what the command does.
//!
//! A reader may leave early, such as `head`, and a device may be full. What was lost of the results
//! is remembered, and a command that did all else well then ends with an error; messages on standard
//! error are lost in silence, since there is nowhere left to say so.

use std::fmt;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use candlewick::datasets::visible;

use crate::ranks;

/// `println!` that neither panics nor ends the process.
macro_rules! outln {
    ($($text:tt)*) => {
        $crate::output::write(format_args!("{}\n", format_args!($($text)*)))
    };
}

/// `print!` that neither panics nor ends the process.
macro_rules! out {
    ($($text:tt)*) => {
        $crate::output::write(format_args!($($text)*))
    };
}

/// `eprintln!` that neither panics nor ends the process.
macro_rules! noteln {
    ($($text:tt)*) => {
        $crate::output::note(format_args!("{}\n", format_args!($($text)*)))
    };
}

/// Why standard output takes nothing any more.
static LOST: Mutex<Option<ErrorKind>> = Mutex::new(None);

/// `text` as a terminal may show it: what files and arguments hold is escaped but for its lines.
pub(crate) fn shown(text: fmt::Arguments<'_>) -> String {
    let letter = |letter| match letter {
        '\n' | '\t' => String::from(letter),
        letter => visible(letter),
    };
    text.to_string().chars().map(letter).collect()
}

/// Writes to standard output, unless that failed before.
pub(crate) fn write(text: fmt::Arguments<'_>) {
    let mut lost = LOST.lock().unwrap_or_else(PoisonError::into_inner);
    // Of several ranks, the first one prints.
    if lost.is_none() && ranks::is_first() {
        let mut out = io::stdout().lock();
        let written = out.write_all(shown(text).as_bytes()).and_then(|()| out.flush());
        *lost = written.err().map(|error| error.kind());
    }
}

/// Writes to standard error, if that is possible.
pub(crate) fn note(text: fmt::Arguments<'_>) {
    let _ = io::stderr().write_all(shown(text).as_bytes());
}

/// Writes over the last line of standard error, if that is a terminal.
pub(crate) fn progress(text: fmt::Arguments<'_>) {
    let mut out = io::stderr();
    if out.is_terminal() {
        let _ = write!(out, "\r{text}");
    }
}

/// Whether nothing that is written to standard output arrives.
pub(crate) fn is_lost() -> bool {
    LOST.lock().unwrap_or_else(PoisonError::into_inner).is_some()
}

/// The failure of standard output, if there was one and it is more than a reader that left.
pub(crate) fn failure() -> Option<io::Error> {
    let lost = *LOST.lock().unwrap_or_else(PoisonError::into_inner);
    lost.filter(|&kind| kind != ErrorKind::BrokenPipe).map(io::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_and_control_characters_are_escaped() {
        let text = shown(format_args!("a\tb\n{}[2Jµ\r\n", '\u{1b}'));
        assert_eq!(text, "a\tb\n\\u{1b}[2Jµ\\r\n");
    }
}
