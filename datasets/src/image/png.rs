//! PNG, as color of 8 bits: gray becomes color, transparency is left out, and 16 bits are rounded to 8.

use std::io::Cursor;

use png::{BitDepth, ColorType, Decoder, Encoder, EncodingError, Transformations};

/// What a PNG begins with.
pub(crate) const MAGIC: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Width, height, and red, green and blue of each pixel.
///
/// # Errors
/// If the file is damaged, ends early, or holds more than `largest` pixels.
pub(crate) fn decode(bytes: &[u8], largest: usize) -> Result<(usize, usize, Vec<u8>), String> {
    let mut decoder = Decoder::new(Cursor::new(bytes));
    // Palettes become colors, and 1, 2 and 4 bits become 8.
    decoder.set_transformations(Transformations::EXPAND);
    let fault = |error: png::DecodingError| error.to_string();
    let mut reader = decoder.read_info().map_err(fault)?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    if width.saturating_mul(height) > largest {
        return Err(format!("{width}×{height} pixels, where at most {largest} are read"));
    }
    let size = reader.output_buffer_size().ok_or("more pixels than the memory holds")?;
    let mut samples = vec![0; size];
    let frame = reader.next_frame(&mut samples).map_err(fault)?;
    reader.finish().map_err(fault)?;
    samples.truncate(frame.buffer_size());
    if frame.bit_depth == BitDepth::Sixteen {
        let rounded = samples.as_chunks::<2>().0.iter().map(|&pair| eight_bits(pair));
        samples = rounded.collect();
    }
    let channels = frame.color_type.samples();
    let colors = match frame.color_type {
        ColorType::Rgb => samples,
        ColorType::Rgba => {
            samples.chunks_exact(channels).flat_map(|p| [p[0], p[1], p[2]]).collect()
        }
        _ => samples.chunks_exact(channels).flat_map(|pixel| [pixel[0]; 3]).collect(),
    };
    Ok((width, height, colors))
}

/// The nearest of the 256 levels to one of 65,536.
fn eight_bits(pair: [u8; 2]) -> u8 {
    ((u32::from(u16::from_be_bytes(pair)) + 128) / 257) as u8
}

/// The bytes of a file of `width * height` pixels of red, green and blue.
///
/// # Errors
/// If a side is 0 or beyond 32 bits.
pub(crate) fn encode(
    width: usize,
    height: usize,
    pixels: &[[u8; 3]],
) -> Result<Vec<u8>, EncodingError> {
    let mut bytes = Vec::new();
    let side = |side: usize| u32::try_from(side).unwrap_or(0);
    let mut encoder = Encoder::new(&mut bytes, side(width), side(height));
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels.as_flattened())?;
    writer.finish()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(color: ColorType, depth: BitDepth, palette: &[u8], data: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 2, 1);
        encoder.set_color(color);
        encoder.set_depth(depth);
        if !palette.is_empty() {
            encoder.set_palette(palette);
        }
        encoder.write_header().unwrap().write_image_data(data).unwrap();
        bytes
    }

    /// 0x8080 = 128 · 257 is the level 128; 0x0080 = 128 is the middle between 0 and 1, and becomes 0.
    #[test]
    fn every_color_type_becomes_red_green_and_blue_of_8_bits() {
        type Case<'a> = (ColorType, BitDepth, &'a [u8], &'a [u8], [u8; 6]);
        let palette = [1, 2, 3, 4, 5, 6];
        let cases: [Case<'_>; 7] = [
            (ColorType::Rgb, BitDepth::Eight, &[], &[1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]),
            (ColorType::Rgba, BitDepth::Eight, &[], &[1, 2, 3, 0, 4, 5, 6, 9], [1, 2, 3, 4, 5, 6]),
            (ColorType::Grayscale, BitDepth::Eight, &[], &[7, 9], [7, 7, 7, 9, 9, 9]),
            (ColorType::Grayscale, BitDepth::One, &[], &[0b0100_0000], [0, 0, 0, 255, 255, 255]),
            (ColorType::GrayscaleAlpha, BitDepth::Eight, &[], &[7, 0, 9, 1], [7, 7, 7, 9, 9, 9]),
            (ColorType::Indexed, BitDepth::One, &palette, &[0b0100_0000], [1, 2, 3, 4, 5, 6]),
            (
                ColorType::Grayscale,
                BitDepth::Sixteen,
                &[],
                &[0x80, 0x80, 0, 0x80],
                [128, 128, 128, 0, 0, 0],
            ),
        ];
        let mut visited = 0;
        for (color, depth, palette, data, expected) in cases {
            let bytes = written(color, depth, palette, data);
            assert_eq!(decode(&bytes, 2), Ok((2, 1, expected.to_vec())), "{color:?} {depth:?}");
            assert_eq!(decode(&bytes, 1).unwrap_err(), "2×1 pixels, where at most 1 are read");
            visited += 1;
        }
        assert_eq!(visited, 7);
    }

    #[test]
    fn a_png_that_ends_early_is_refused_wherever_it_ends() {
        let pixels: Vec<[u8; 3]> = (0..=255).map(|level| [level, 255 - level, 7]).collect();
        let bytes = encode(16, 16, &pixels).unwrap();
        assert_eq!(decode(&bytes, 256).unwrap().2, pixels.as_flattened());
        let mut visited = 0;
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end], 256).is_err(), "{end}");
            visited += 1;
        }
        assert!(visited > 60, "{visited}");
    }
}
