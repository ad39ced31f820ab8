//! Moving pixels about, as Pillow does it for the nearest pixel: in 16.16 fixed point.

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
}
