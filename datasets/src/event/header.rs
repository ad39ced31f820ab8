//! Headers of text lines before binary events.

use super::decoder::Fault;

/// A longer line is taken for the beginning of the events.
const LONGEST_LINE: usize = 4096;

/// What stands at the start of some bytes.
pub(crate) enum Line<'a> {
    /// A line of the header, with its end.
    Text(&'a [u8]),
    /// No line of the header: the events begin here.
    Events,
    /// Perhaps a line; more bytes will tell.
    Unfinished,
}

/// Looks for a line that begins with `marker`.
///
/// A line holds no control characters, so that events that begin with the byte of the marker are
/// told from text.
pub(crate) fn line(bytes: &[u8], marker: u8) -> Line<'_> {
    match bytes.first() {
        None => return Line::Unfinished,
        Some(&first) if first != marker => return Line::Events,
        Some(_) => {}
    }
    let seen = &bytes[..bytes.len().min(LONGEST_LINE)];
    let is_control = |&byte: &u8| byte < b' ' && !matches!(byte, b'\t' | b'\r');
    match seen.iter().position(is_control) {
        Some(at) if seen[at] == b'\n' => Line::Text(&seen[..=at]),
        Some(_) => Line::Events,
        None if seen.len() == LONGEST_LINE => Line::Events,
        None => Line::Unfinished,
    }
}

/// The last line before the events of AEDAT 1.0 and 2.0, which older files lack.
pub(crate) const END_OF_LINES: &str = "#End Of ASCII Header";

/// Uses up the lines before the events of AEDAT 1.0 and 2.0, of which `look` sees each; returns their
/// bytes.
pub(crate) fn lines(
    stage: &mut Stage,
    magic: &'static str,
    bytes: &[u8],
    mut look: impl FnMut(&[u8]),
) -> Result<usize, Fault> {
    let mut used = 0;
    while *stage != Stage::Events {
        match line(&bytes[used..], b'#') {
            Line::Unfinished => break,
            Line::Events if *stage == Stage::Start => return Err(wrong_magic(magic, bytes)),
            Line::Events => *stage = Stage::Events,
            Line::Text(text) => {
                if *stage == Stage::Start && !text.starts_with(magic.as_bytes()) {
                    return Err(wrong_magic(magic, bytes));
                }
                let is_last = text.starts_with(END_OF_LINES.as_bytes());
                *stage = if is_last { Stage::Events } else { Stage::Header };
                look(text);
                used += text.len();
            }
        }
    }
    Ok(used)
}

/// Where a decoder is in its file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Before the first byte.
    #[default]
    Start,
    /// In the header, after its first line.
    Header,
    /// Behind the header.
    Events,
}

impl Stage {
    /// The fault of a file that ends here, if it is one.
    pub(crate) fn finish(self, magic: &'static str, rest: &[u8]) -> Result<(), Fault> {
        match self {
            Self::Start if rest.is_empty() => Err(wrong_magic(magic, rest)),
            Self::Start | Self::Header if !rest.is_empty() => {
                Err(Fault::new("header", "a line that ends", format!("{} bytes", rest.len())))
            }
            _ if rest.is_empty() => Ok(()),
            _ => {
                let found = format!("{} bytes after the last", rest.len());
                Err(Fault::cut("end of the file", "whole records", found))
            }
        }
    }
}

/// The fault of a file that begins in the wrong way.
pub(crate) fn wrong_magic(magic: &'static str, start: &[u8]) -> Fault {
    let start = &start[..start.len().min(16)];
    let found = if start.is_empty() {
        "the end of the file".to_owned()
    } else {
        format!("`{}`", start.escape_ascii())
    };
    Fault::new("magic", format!("`{magic}`"), found)
}

/// Whether `line` holds `word`, in capitals or not.
pub(crate) fn holds(line: &[u8], word: &str) -> bool {
    line.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}
