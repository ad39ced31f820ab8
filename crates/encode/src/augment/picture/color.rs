//! Changing the values of pixels, as Pillow's `ImageEnhance` and `ImageOps` do it.

use super::Picture;

/// `from + factor · (to - from)`, truncated and limited to a byte.
fn blend(from: u8, to: u8, factor: f32) -> u8 {
    // The cast truncates and saturates.
    (f32::from(from) + factor * (f32::from(to) - f32::from(from))) as u8
}

/// The brightness of a pixel (ITU-R 601-2) in 16-bit fixed point.
fn grey(pixel: &[u8]) -> u8 {
    let [red, green, blue] = *pixel else {
        return pixel[0];
    };
    let sum = u32::from(red) * 19_595 + u32::from(green) * 38_470 + u32::from(blue) * 7_471;
    ((sum + 0x8000) >> 16) as u8
}

impl Picture {
    /// Away from black.
    pub(super) fn brightness(&mut self, factor: f32) {
        self.map(|byte| blend(0, byte, factor));
    }

    /// Away from the picture without colors.
    pub(super) fn color(&mut self, factor: f32) {
        for pixel in self.bytes.chunks_exact_mut(self.channels) {
            let grey = grey(pixel);
            for byte in pixel {
                *byte = blend(grey, *byte, factor);
            }
        }
    }

    /// Away from the mean brightness.
    pub(super) fn contrast(&mut self, factor: f32) {
        let pixels = self.bytes.chunks_exact(self.channels);
        let count = pixels.len() as f64;
        let sum: u64 = pixels.map(|pixel| u64::from(grey(pixel))).sum();
        let mean = (sum as f64 / count + 0.5) as u8;
        self.map(|byte| blend(mean, byte, factor));
    }

    /// Away from the picture smoothed by (1 1 1 / 1 5 1 / 1 1 1) / 13; the edge stays.
    pub(super) fn sharpness(&mut self, factor: f32) {
        let (channels, row) = (self.channels, self.width * self.channels);
        if self.width < 3 || self.height < 3 {
            return;
        }
        self.spare.clone_from(&self.bytes);
        for y in 1..self.height - 1 {
            for at in y * row + channels..(y + 1) * row - channels {
                let mut sum = 4 * u32::from(self.spare[at]);
                for line in [at - row, at, at + row] {
                    for place in [line - channels, line, line + channels] {
                        sum += u32::from(self.spare[place]);
                    }
                }
                // Rounded: sum / 13 is never halfway.
                let smooth = ((2 * sum + 13) / 26) as u8;
                self.bytes[at] = blend(smooth, self.spare[at], factor);
            }
        }
    }

    /// Each channel stretched to 0 to 255.
    pub(super) fn auto_contrast(&mut self) {
        self.channel_tables(|histogram| {
            let low = histogram.iter().position(|&count| count > 0)?;
            let high = histogram.iter().rposition(|&count| count > 0)?;
            if high <= low {
                return None;
            }
            let scale = 255.0 / (high - low) as f64;
            let offset = -(low as f64) * scale;
            Some(std::array::from_fn(|byte| (byte as f64 * scale + offset) as u8))
        });
    }

    /// Each channel with its histogram made even.
    pub(super) fn equalize(&mut self) {
        self.channel_tables(|histogram| {
            let last = histogram.iter().rfind(|&&count| count > 0)?;
            let step = (histogram.iter().sum::<u32>() - last) / 255;
            if step == 0 {
                return None;
            }
            let mut sum = step / 2;
            Some(histogram.map(|count| {
                let value = (sum / step).min(255) as u8;
                sum += count;
                value
            }))
        });
    }

    /// Maps the bytes of each channel by a table made of its histogram, if there is one.
    fn channel_tables(&mut self, table: impl Fn([u32; 256]) -> Option<[u8; 256]>) {
        for channel in 0..self.channels {
            let mut histogram = [0; 256];
            for &byte in self.bytes[channel..].iter().step_by(self.channels) {
                histogram[usize::from(byte)] += 1;
            }
            let Some(table) = table(histogram) else {
                continue;
            };
            for byte in self.bytes[channel..].iter_mut().step_by(self.channels) {
                *byte = table[usize::from(*byte)];
            }
        }
    }
}
