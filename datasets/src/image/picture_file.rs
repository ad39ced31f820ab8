//! Files of one picture: JPEG and PNG, told apart by their content.

use std::path::Path;

use super::{jpeg, png};
use crate::{Error, Image, Result, file};

/// The extensions of the names of such files, in lower case.
pub const EXTENSIONS: [&str; 3] = ["jpg", "jpeg", "png"];

/// Pixels of a picture at most; those of ImageNet have up to 61 million.
const LARGEST: usize = 1 << 26;

/// Whether the name of a file is that of a picture, in letters of either case; hidden files are none.
pub fn is_named(path: &Path) -> bool {
    let extension = path.extension().map(|text| text.to_string_lossy().to_ascii_lowercase());
    let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    !hidden && extension.is_some_and(|text| EXTENSIONS.contains(&text.as_str()))
}

/// Reads a file of a picture in color, `[3, height, width]`; gray becomes color, and transparency is
/// left out.
///
/// # Errors
/// If the file cannot be read, is neither JPEG nor PNG, is damaged, or holds more than 67 million pixels.
pub fn read(path: &Path) -> Result<Image<'static>> {
    decode(path, &file::read(path)?)
}

/// Decodes a file by its content, whatever its name says; `path` is only a name.
fn decode(path: &Path, bytes: &[u8]) -> Result<Image<'static>> {
    let (format, decoded) = if bytes.starts_with(jpeg::MAGIC) {
        ("a whole JPEG", jpeg::decode(bytes, LARGEST))
    } else if bytes.starts_with(png::MAGIC) {
        ("a whole PNG", png::decode(bytes, LARGEST))
    } else {
        let start = bytes[..bytes.len().min(8)].escape_ascii();
        ("JPEG or PNG", Err(format!("`{start}` at its beginning")))
    };
    let (width, height, colors) =
        decoded.map_err(|error| Error::format(path, "image", format, error))?;
    let mut pixels = vec![0; 3 * width * height];
    for (place, color) in colors.as_chunks::<3>().0.iter().enumerate() {
        for (channel, &value) in color.iter().enumerate() {
            pixels[channel * width * height + place] = value;
        }
    }
    Ok(Image { channels: 3, height, width, pixels: pixels.into() })
}
