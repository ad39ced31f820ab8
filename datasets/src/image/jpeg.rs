//! JPEG, decoded strictly: a file that ends early is damaged, where viewers show the rest in gray.
//!
//! A file that has its end marker but lacks blocks before it passes, as it does in libjpeg.

use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// What a JPEG begins with.
pub(crate) const MAGIC: &[u8] = b"\xff\xd8\xff";

/// Width, height, and red, green and blue of each pixel.
///
/// # Errors
/// If the file is damaged, ends early, or holds more than `largest` pixels.
pub(crate) fn decode(bytes: &[u8], largest: usize) -> Result<(usize, usize, Vec<u8>), String> {
    // The decoder looks for the end of its data once per row of blocks, so not in the last one.
    if !ends(bytes) {
        return Err("the end of the file before the end marker".to_owned());
    }
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let fault = |error: DecodeErrors| error.to_string().trim_end().to_owned();
    decoder.decode_headers().map_err(fault)?;
    let (width, height) = decoder.dimensions().ok_or("no frame header")?;
    if width * height > largest {
        return Err(format!("{width}×{height} pixels, where at most {largest} are read"));
    }
    Ok((width, height, decoder.decode().map_err(fault)?))
}

/// Whether the segments end in the marker of the end (T.81, B.1.1).
///
/// Markers within a segment, such as those of a thumbnail, are skipped with it.
fn ends(bytes: &[u8]) -> bool {
    let mut at = 0;
    loop {
        let Some(next) = bytes.get(at..).and_then(|rest| rest.iter().position(|&b| b == 0xff))
        else {
            return false;
        };
        at += next + 1;
        match bytes.get(at..) {
            Some([0xd9, ..]) => return true,
            // Filling, a byte of data that is escaped, and markers without a segment.
            Some([0xff, ..]) => {}
            Some([0 | 1 | 0xd0..=0xd8, ..]) => at += 1,
            Some([_, high, low, ..]) => at += 1 + usize::from(u16::from_be_bytes([*high, *low])),
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use jpeg_encoder::{ColorType, Encoder};

    use super::*;

    /// By Pillow: progressive, with restart markers.
    const PROGRESSIVE: &[u8] = include_bytes!("../../tests/fixtures/progressive.jpg");
    const ANY: usize = usize::MAX;

    fn written(width: u16, height: u16, color: ColorType) -> Vec<u8> {
        let channels = if color == ColorType::Rgb { 3 } else { 1 };
        let count = usize::from(width) * usize::from(height) * channels;
        let pixels: Vec<u8> = (0..count).map(|place| (place * place % 251) as u8).collect();
        let mut bytes = Vec::new();
        Encoder::new(&mut bytes, 75).encode(&pixels, width, height, color).unwrap();
        bytes
    }

    /// Files of one row of blocks and of several, in color and gray, baseline and progressive.
    fn files() -> Vec<Vec<u8>> {
        let sizes = [(8, 8), (33, 15), (40, 40)];
        let colors = [ColorType::Rgb, ColorType::Luma];
        let written = sizes.iter().flat_map(|&(width, height)| {
            colors.iter().map(move |&color| written(width, height, color))
        });
        written.chain([PROGRESSIVE.to_vec()]).collect()
    }

    #[test]
    fn whole_files_have_the_pixels_of_the_lenient_decoder() {
        for bytes in files() {
            let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
            let mut lenient = JpegDecoder::new_with_options(ZCursor::new(&bytes), options);
            let expected = lenient.decode().unwrap();
            let (width, height, pixels) = decode(&bytes, ANY).unwrap();
            assert_eq!(Some((width, height)), lenient.dimensions());
            assert_eq!(pixels, expected);
        }
        assert_eq!(files().len(), 7);
    }

    #[test]
    fn a_jpeg_that_ends_early_is_refused_wherever_it_ends() {
        let mut visited = 0;
        for bytes in files() {
            // A thumbnail of its own has an end marker, too.
            let thumbnail = written(8, 8, ColorType::Luma);
            let mut segment = vec![0xff, 0xd8, 0xff, 0xe1];
            segment.extend((thumbnail.len() as u16 + 2).to_be_bytes());
            segment.extend(thumbnail);
            segment.extend(&bytes[2..]);
            for bytes in [bytes, segment] {
                assert!(decode(&bytes, ANY).is_ok());
                for end in 0..bytes.len() {
                    let text = decode(&bytes[..end], ANY).unwrap_err();
                    assert_eq!(text, "the end of the file before the end marker", "{end}");
                    visited += 1;
                }
            }
        }
        assert!(visited > 10_000, "{visited}");
    }

    #[test]
    fn a_jpeg_of_too_many_pixels_is_refused_by_its_header() {
        let mut bytes = written(8, 8, ColorType::Rgb);
        let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
        bytes[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
        let text = decode(&bytes, 1 << 26).unwrap_err();
        assert_eq!(text, "65535×65535 pixels, where at most 67108864 are read");
    }
}
