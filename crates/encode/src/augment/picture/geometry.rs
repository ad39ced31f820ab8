//! Moving pixels about, as Pillow does it: for the nearest pixel in 16.16 fixed point, and between
//! pixels by cubics.

use super::Picture;

impl Picture {
    /// The pixel whose middle is at (x, y) comes from `(m0·x + m1·y + m2, m3·x + m4·y + m5)`.
    pub(super) fn affine(&mut self, matrix: [f64; 6], fill: u8) {
        let fixed = |value: f64| (value * 65536.0 + 0.5).floor() as i64;
        let [m0, m1, m2, m3, m4, m5] = matrix;
        // The middle of the first pixel.
        let mut row_x = fixed(m2 + (m0 + m1) * 0.5);
        let mut row_y = fixed(m5 + (m3 + m4) * 0.5);
        let channels = self.channels;
        self.spare.clear();
        self.spare.resize(self.bytes.len(), fill);
        for row in self.spare.chunks_exact_mut(self.width * channels) {
            let (mut x, mut y) = (row_x, row_y);
            for target in row.chunks_exact_mut(channels) {
                let (column, line) = (x >> 16, y >> 16);
                let inside = (0..self.width as i64).contains(&column)
                    && (0..self.height as i64).contains(&line);
                if inside {
                    let at = (line as usize * self.width + column as usize) * channels;
                    target.copy_from_slice(&self.bytes[at..at + channels]);
                }
                x += fixed(m0);
                y += fixed(m3);
            }
            row_x += fixed(m1);
            row_y += fixed(m4);
        }
        std::mem::swap(&mut self.bytes, &mut self.spare);
    }

    /// Counter-clockwise around the middle.
    pub(super) fn rotate(&mut self, degrees: f64, fill: u8) {
        let (sin, cos) = (-degrees.to_radians()).sin_cos();
        let (x, y) = (self.width as f64 / 2.0, self.height as f64 / 2.0);
        let right = x - cos * x - sin * y;
        let down = y + sin * x - cos * y;
        self.affine([cos, sin, right, -sin, cos, down], fill);
    }

    /// As [`affine`](Self::affine), with the 16 pixels around each place.
    pub(super) fn smooth(&mut self, matrix: [f64; 6], fill: u8) {
        let [m0, m1, m2, m3, m4, m5] = matrix;
        let (channels, width, height) = (self.channels, self.width, self.height);
        self.spare.clear();
        self.spare.resize(self.bytes.len(), fill);
        for (number, target) in self.spare.chunks_exact_mut(channels).enumerate() {
            let column = (number % width) as f64 + 0.5;
            let row = (number / width) as f64 + 0.5;
            let x = m0 * column + m1 * row + m2;
            let y = m3 * column + m4 * row + m5;
            if x < 0.0 || x >= width as f64 || y < 0.0 || y >= height as f64 {
                continue;
            }
            let (x, y) = (x - 0.5, y - 0.5);
            let (left, top) = (x.floor(), y.floor());
            // Beyond the edge the last pixel counts again.
            let near = |place: f64, size: usize| place.clamp(0.0, size as f64 - 1.0) as usize;
            let lines = [-1.0, 0.0, 1.0, 2.0].map(|step| near(top + step, height) * width);
            let columns = [-1.0, 0.0, 1.0, 2.0].map(|step| near(left + step, width));
            for (channel, target) in target.iter_mut().enumerate() {
                let lines = lines.map(|line| {
                    let values = columns
                        .map(|column| f64::from(self.bytes[(line + column) * channels + channel]));
                    cubic(values, x - left)
                });
                // The cast truncates and saturates.
                *target = cubic(lines, y - top) as u8;
            }
        }
        std::mem::swap(&mut self.bytes, &mut self.spare);
    }
}

/// The cubic through the middle two of four values, with the slopes of their neighbors (Keys 1981
/// with a = -1), at `place` in 0 to 1 between them.
fn cubic([a, b, c, d]: [f64; 4], place: f64) -> f64 {
    let cube = -a + b - c + d;
    let square = 2.0 * (a - b) + c - d;
    b + place * (c - a + place * (square + place * cube))
}
