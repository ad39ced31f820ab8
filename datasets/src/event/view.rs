//! Recordings to look at: frames of equal time, with ON and OFF in colors of their own, as a sheet
//! or as a moving picture.

use gif::{Encoder, Frame, Repeat};

use crate::{Error, Events, Picture, Result};

/// Levels of each polarity; level 0 is no event.
const LEVELS: usize = 8;
const MOST_PIXELS: usize = 1 << 26;
const ON: [u16; 3] = [70, 170, 255];
const OFF: [u16; 3] = [255, 110, 40];

/// The frames of a recording in colors: black without events, blue for ON, orange for OFF.
#[derive(Clone, Debug)]
pub struct View {
    width: usize,
    height: usize,
    /// One entry of the palette per pixel, `LEVELS · ON + OFF`.
    frames: Vec<Vec<u8>>,
}

impl View {
    /// Divides the time from the first to the last event into `frames` equal parts.
    ///
    /// The colors are as bright as the square root of the number of events, relative to the most of
    /// any pixel and frame.
    ///
    /// # Errors
    /// If the frames have more than 2²⁶ pixels together.
    pub fn new(events: &Events, frames: usize) -> Result<Self> {
        let (width, height, frames) = (events.width.max(1), events.height.max(1), frames.max(1));
        if (width * height).saturating_mul(frames) > MOST_PIXELS {
            let found = format!("{frames} frames of {width}×{height}");
            let expected = format!("at most {MOST_PIXELS} in all");
            return Err(Error::format("picture", "pixels", expected, found));
        }
        let first = events.t.iter().min().copied().unwrap_or(0);
        let span = events.t.iter().max().map_or(1, |last| last - first + 1);
        let mut counts = vec![vec![[0_u32; 2]; width * height]; frames];
        for index in 0..events.len() {
            let part = i128::from(events.t[index] - first) * frames as i128 / i128::from(span);
            let place = usize::from(events.y[index]) * width + usize::from(events.x[index]);
            counts[part as usize][place][usize::from(events.p[index])] += 1;
        }
        let most = counts.iter().flatten().flatten().copied().max().unwrap_or(0);
        let level = |count: u32| {
            let brightness = (f64::from(count) / f64::from(most.max(1))).sqrt();
            // At least 1 for an event, so that it is seen.
            let level = (brightness * (LEVELS - 1) as f64).round() as usize;
            level.max(usize::from(count > 0))
        };
        let entry = |&[off, on]: &[u32; 2]| (LEVELS * level(on) + level(off)) as u8;
        let frames = counts.iter().map(|frame| frame.iter().map(entry).collect()).collect();
        Ok(Self { width, height, frames })
    }

    /// Each frame as a picture, with pixels as squares of `factor` × `factor`.
    pub fn pictures(&self, factor: usize) -> Vec<Picture> {
        let palette = palette();
        let picture = |frame: &Vec<u8>| {
            let pixels = frame.iter().map(|&entry| palette[usize::from(entry)]).collect();
            Picture::from_pixels(self.width, self.height, pixels).enlarged(factor)
        };
        self.frames.iter().map(picture).collect()
    }

    /// The bytes of a GIF that repeats its frames for ever, each for `centiseconds`; pixels are
    /// squares of `factor` × `factor`.
    ///
    /// # Errors
    /// If a side is beyond 65,535 pixels.
    pub fn gif(&self, factor: usize, centiseconds: u16) -> Result<Vec<u8>> {
        let side = |size: usize| u16::try_from(size * factor);
        let (Ok(width), Ok(height)) = (side(self.width), side(self.height)) else {
            let found = format!("{}×{}", self.width * factor, self.height * factor);
            return Err(Error::format("picture", "size", "what GIF holds, 65535×65535", found));
        };
        let failed = |error| Error::format("picture", "GIF", "a frame", error);
        let palette = palette();
        let mut bytes = Vec::new();
        let mut encoder =
            Encoder::new(&mut bytes, width, height, palette.as_flattened()).map_err(failed)?;
        encoder.set_repeat(Repeat::Infinite).map_err(failed)?;
        for frame in &self.frames {
            let mut pixels = Vec::with_capacity(usize::from(width) * usize::from(height));
            for row in frame.chunks_exact(self.width) {
                for _ in 0..factor {
                    for &entry in row {
                        pixels.extend(std::iter::repeat_n(entry, factor));
                    }
                }
            }
            let mut frame = Frame::from_indexed_pixels(width, height, pixels, None);
            frame.delay = centiseconds;
            encoder.write_frame(&frame).map_err(failed)?;
        }
        drop(encoder);
        Ok(bytes)
    }
}

fn palette() -> Vec<[u8; 3]> {
    let share = |color: u16, level: usize| color * level as u16 / (LEVELS - 1) as u16;
    let entry = |number: usize| {
        let (on, off) = (number / LEVELS, number % LEVELS);
        [0, 1, 2].map(|channel| (share(ON[channel], on) + share(OFF[channel], off)).min(255) as u8)
    };
    (0..LEVELS * LEVELS).map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polarity_is_a_color_and_time_a_frame() {
        let mut events = Events { width: 3, height: 2, ..Events::default() };
        events.push(0, 0, 10, true);
        events.push(2, 1, 19, false);
        events.push(2, 1, 20, true);
        events.push(2, 1, 29, false);
        let pictures = View::new(&events, 2).unwrap().pictures(1);
        let lit = |picture: &Picture, place: usize| picture.pixels()[place];
        assert_eq!((lit(&pictures[0], 0), lit(&pictures[0], 5)), ([70, 170, 255], [255, 110, 40]));
        assert_eq!((lit(&pictures[1], 0), lit(&pictures[1], 5)), ([0; 3], [255; 3]));
        // No event at all is a black frame; the last instant belongs to the last frame.
        assert_eq!(View::new(&Events::default(), 1).unwrap().pictures(1)[0].pixels(), [[0; 3]]);
    }

    #[test]
    fn moving_pictures_are_read_back() {
        let mut events = Events { width: 2, height: 1, ..Events::default() };
        events.push(0, 0, 0, true);
        events.push(1, 0, 9, false);
        let view = View::new(&events, 3).unwrap();
        let bytes = view.gif(2, 10).unwrap();
        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::RGBA);
        let mut decoder = options.read_info(&bytes[..]).unwrap();
        let mut visited = 0;
        for picture in view.pictures(2) {
            let frame = decoder.read_next_frame().unwrap().unwrap();
            let colors: Vec<_> =
                frame.buffer.as_chunks::<4>().0.iter().map(|c| [c[0], c[1], c[2]]).collect();
            assert_eq!(colors, picture.pixels());
            visited += 1;
        }
        assert_eq!(visited, 3);
        let wide = Events { width: 40_000, ..events };
        assert!(View::new(&wide, 1).unwrap().gif(2, 10).is_err());
        assert!(View::new(&wide, 1_000_000).is_err());
    }
}
