//! JSON as run directories hold it: keys in the order of the struct, shortest floats that read back equal, no `null`.
//!
//! A number that is not finite has no JSON form, and `serde_json` writes `null` for it in silence.
//! Here it is an error that names the field; an absent value is left out instead.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};

use crate::error::{Result, RunError};

/// One line without a line break; `path` is the file it is meant for, named in the error.
pub(crate) fn to_line<T: Serialize>(value: &T, path: &Path) -> Result<Vec<u8>> {
    write(value, CompactFormatter, path)
}

/// An indented document that ends with a line break; `path` is the file it is meant for.
pub(crate) fn to_document<T: Serialize>(value: &T, path: &Path) -> Result<Vec<u8>> {
    let mut bytes = write(value, PrettyFormatter::new(), path)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn write<T: Serialize>(value: &T, layout: impl Formatter, path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let formatter = FiniteFormatter { layout, in_key: false, key: String::new() };
    value
        .serialize(&mut Serializer::with_formatter(&mut bytes, formatter))
        .map_err(|source| RunError::Unwritable { path: path.to_path_buf(), source })?;
    Ok(bytes)
}

/// Lays out like `layout`, but refuses `null` and remembers the last key for the message.
struct FiniteFormatter<F> {
    layout: F,
    in_key: bool,
    key: String,
}

impl<F: Formatter> Formatter for FiniteFormatter<F> {
    fn write_null<W: ?Sized + Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        Err(io::Error::other(format!("`{}` is not a finite number", self.key)))
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.in_key = true;
        self.key.clear();
        self.layout.begin_object_key(writer, first)
    }

    fn end_object_key<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.in_key = false;
        self.layout.end_object_key(writer)
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if self.in_key {
            self.key.push_str(fragment);
        }
        self.layout.write_string_fragment(writer, fragment)
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.layout.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.layout.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.layout.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.layout.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.layout.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.layout.end_object(writer)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.layout.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.layout.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Record {
        zebra: f32,
        apple: Vec<f64>,
    }

    #[test]
    fn keys_keep_their_order_and_floats_their_shortest_form() {
        let record = Record { zebra: 0.1, apple: vec![1.0 / 3.0, 1e-7, 2.0] };
        let line = to_line(&record, Path::new("metrics.jsonl")).unwrap();
        assert_eq!(
            String::from_utf8(line).unwrap(),
            r#"{"zebra":0.1,"apple":[0.3333333333333333,1e-7,2.0]}"#
        );
    }

    #[test]
    fn a_number_that_is_not_finite_is_refused_by_name() {
        let cases = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        for value in cases {
            let record = Record { zebra: 0.0, apple: vec![0.0, value] };
            let message = to_document(&record, Path::new("metrics.jsonl")).unwrap_err().to_string();
            assert_eq!(
                message,
                "metrics.jsonl: cannot write the record: `apple` is not a finite number"
            );
        }
        assert_eq!(cases.len(), 3);
    }
}
