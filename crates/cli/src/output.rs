//! Standard output, whose reader may leave early, such as `head`: the command then ends quietly.

use std::fmt;
use std::io::{self, ErrorKind, Write};

/// `println!` that does not panic.
macro_rules! outln {
    ($($text:tt)*) => {
        $crate::output::write(format_args!("{}\n", format_args!($($text)*)))
    };
}

/// `print!` that does not panic.
macro_rules! out {
    ($($text:tt)*) => {
        $crate::output::write(format_args!($($text)*))
    };
}

/// Writes to standard output.
///
/// If nobody reads any more, there is nothing left to do: results are in files by then, and the
/// process ends as if all had been read. Any other failure, such as a full disk, ends it with code 1.
pub(crate) fn write(text: fmt::Arguments<'_>) {
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_fmt(text).and_then(|()| out.flush()) {
        std::process::exit(ended(&error));
    }
}

#[expect(clippy::print_stderr, reason = "this is where the command speaks")]
fn ended(error: &io::Error) -> i32 {
    if error.kind() == ErrorKind::BrokenPipe {
        return 0;
    }
    eprintln!("error: cannot write to standard output: {error}");
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_reader_that_left_is_no_failure() {
        assert_eq!(ended(&ErrorKind::BrokenPipe.into()), 0);
        assert_eq!(ended(&ErrorKind::StorageFull.into()), 1);
    }
}
