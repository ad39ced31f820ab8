//! A model of a dynamic vision sensor that looks at a still image through three saccades, as N-MNIST
//! was recorded (Orchard et al. 2015); the pixel is that of Lichtsteiner, Posch, Delbrück 2008.
//!
//! The light of a pixel is `L = ln(dark + I)`, with the image `I` in 0..1 sampled between its pixels.
//! A pixel remembers the level `M` of its last crossing and emits ON when `L ≥ M + on`, OFF when
//! `L ≤ M − off`, and then moves `M` by that threshold; within `refractory` after an event it moves
//! `M` in silence.
//! Each pixel has thresholds of its own (mismatch), and emits events without cause at `noise_rate`.

use candlewick_kernels::random::{Key, Stream};

use crate::{Events, Image};

/// The parameters of the sensor and of its movement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DvsModel {
    /// Mean threshold of ON and OFF in units of `ln` of light; 0.001 to 1,000.
    pub threshold: f32,
    /// Standard deviation of the thresholds between pixels, as a share of the mean; 0 to 10.
    pub mismatch: f32,
    /// Time after an event in which the pixel emits no other, in µs; at least 0.
    pub refractory: i64,
    /// Events without cause, per pixel and second, 0 to 100,000; half are ON.
    pub noise_rate: f32,
    /// Light of a black pixel as a share of that of a white one; at least 0.000001.
    pub dark: f32,
    /// Width and height of the triangle of the saccades, in pixels: right and down by half of the
    /// width and all of the height, right and up, and back to the left; 0 to 1,000.
    pub amplitude: [f32; 2],
    /// Time of one saccade, in µs; at least 1.
    pub saccade: i64,
    /// Width and height of the sensor; up to 4,096 each.
    pub sensor: (usize, usize),
    /// Names the sensor: the same number gives the same mismatch.
    pub seed: u64,
}

/// Steps per saccade; light changes linearly within a step of about 0.13 pixels.
const STEPS: usize = 50;

impl Default for DvsModel {
    /// A 34×34 sensor with saccades of 100 ms over 7 pixels, as N-MNIST has; the rest is ours.
    fn default() -> Self {
        Self {
            threshold: 0.5,
            mismatch: 0.1,
            refractory: 1_000,
            noise_rate: 0.2,
            dark: 0.1,
            amplitude: [7.0, 7.0],
            saccade: 100_000,
            sensor: (34, 34),
            seed: 0,
        }
    }
}

/// Memory of the pixels, in reading order.
struct Pixels {
    level: Vec<f32>,
    on: Vec<f32>,
    off: Vec<f32>,
    silent_until: Vec<i64>,
}

/// Pixels that are looked at together.
const BLOCK: usize = 16;

impl Pixels {
    /// Whether one of the pixels from `start` on crosses a threshold at the light `next`.
    fn any_crosses(&self, start: usize, next: &[f32]) -> bool {
        let end = (start + BLOCK).min(next.len());
        let levels = self.level[start..end].iter().zip(&next[start..end]);
        let thresholds = self.on[start..end].iter().zip(&self.off[start..end]);
        // Without an early exit, so that the loop runs in vectors.
        levels.zip(thresholds).fold(false, |any, ((level, next), (on, off))| {
            any | (next - level >= *on) | (level - next >= *off)
        })
    }
}

impl DvsModel {
    /// The events of the sensor that looks at a grey image (the first channel of others), in the
    /// order of time, then row, then column.
    ///
    /// `key` names the recording: it decides the noise.
    /// The image starts half of the amplitude left of and above the center and ends there.
    /// Parameters out of their ranges are put into them; a sensor without pixels sees nothing.
    pub fn look(&self, image: &Image<'_>, key: Key) -> Events {
        let model = &self.in_range();
        let (width, height) = model.sensor;
        if width * height == 0 {
            return Events { width, height, ..Events::default() };
        }
        let light = model.light(image);
        let mut view = vec![0.0; width * height];
        let mut next = view.clone();
        light.sample(model.offset(image, triangle(0)), width, &mut view);
        let mut pixels = model.pixels(&view);

        // (time, place, polarity); the place in reading order.
        let mut found: Vec<(i64, u32, bool)> = Vec::new();
        let step_time = model.saccade as f32 / STEPS as f32;
        for step in 0..3 * STEPS {
            light.sample(model.offset(image, triangle(step + 1)), width, &mut next);
            let start = model.saccade * step as i64 / STEPS as i64;
            // Most pixels rest in most steps.
            for block in (0..next.len()).step_by(BLOCK) {
                if !pixels.any_crosses(block, &next) {
                    continue;
                }
                for place in block..(block + BLOCK).min(next.len()) {
                    let (before, after) = (view[place], next[place]);
                    loop {
                        let level = pixels.level[place];
                        let on = after - level >= pixels.on[place];
                        let off = level - after >= pixels.off[place];
                        if !on && !off {
                            break;
                        }
                        let level = level + if on { pixels.on[place] } else { -pixels.off[place] };
                        pixels.level[place] = level;
                        let share = ((level - before) / (after - before)).clamp(0.0, 1.0);
                        let time = start + (share * step_time) as i64;
                        if time >= pixels.silent_until[place] {
                            pixels.silent_until[place] = time + model.refractory;
                            found.push((time, place as u32, on));
                        }
                    }
                }
            }
            std::mem::swap(&mut view, &mut next);
        }
        model.add_noise(key, &mut found);
        found.sort_unstable();

        let mut events = Events::with_capacity(width, height, found.len());
        for (time, place, on) in found {
            let (row, column) = (place as usize / width, place as usize % width);
            events.push(column as u16, row as u16, time, on);
        }
        events
    }

    /// The same model with every parameter in its range.
    fn in_range(&self) -> Self {
        let finite = |value: f32, low: f32, high: f32| {
            if value.is_finite() { value.clamp(low, high) } else { low }
        };
        Self {
            threshold: finite(self.threshold, 1e-3, 1e3),
            mismatch: finite(self.mismatch, 0.0, 10.0),
            refractory: self.refractory.clamp(0, 1 << 40),
            noise_rate: finite(self.noise_rate, 0.0, 1e5),
            dark: finite(self.dark, 1e-6, 1e6),
            amplitude: self.amplitude.map(|size| finite(size, 0.0, 1e3)),
            saccade: self.saccade.clamp(1, 1 << 40),
            sensor: (self.sensor.0.min(1 << 12), self.sensor.1.min(1 << 12)),
            seed: self.seed,
        }
    }

    /// The logarithm of the light of each image pixel.
    fn light(&self, image: &Image<'_>) -> Light {
        // In f64, so that the last bit of the platform's logarithm is lost in the rounding.
        let table: Vec<f32> = (0..=255_u32)
            .map(|value| (f64::from(self.dark) + f64::from(value) / 255.0).ln() as f32)
            .collect();
        let levels: Vec<f32> = image.pixels[..image.height * image.width]
            .iter()
            .map(|&value| table[usize::from(value)])
            .collect();
        let range = (self.offset(image, [0.0, 0.0]), self.offset(image, [1.0, 1.0]));
        Light::new(&levels, (image.width, image.height), table[0], self.sensor, range)
    }

    /// Where the image's first pixel is on the sensor, `[x, y]`, at a place of the triangle.
    fn offset(&self, image: &Image<'_>, [x, y]: [f32; 2]) -> [f32; 2] {
        let margin = |sensor: usize, image: usize, amplitude: f32, share: f32| {
            (sensor as f32 - image as f32 - amplitude) / 2.0 + amplitude * share
        };
        [
            margin(self.sensor.0, image.width, self.amplitude[0], x),
            margin(self.sensor.1, image.height, self.amplitude[1], y),
        ]
    }

    /// The pixels at rest, with their mismatch.
    fn pixels(&self, view: &[f32]) -> Pixels {
        let mut stream = Key::new(self.seed).named("dvs").named("mismatch").stream();
        // A threshold near 0 would fire without end.
        let mut threshold =
            || self.threshold * (1.0 + self.mismatch * stream.normal()).clamp(0.2, 5.0);
        let (mut on, mut off) = (Vec::new(), Vec::new());
        for _ in view {
            on.push(threshold());
            off.push(threshold());
        }
        Pixels { level: view.to_vec(), on, off, silent_until: vec![i64::MIN; view.len()] }
    }

    /// Adds events at the times of a Poisson process over the whole sensor.
    fn add_noise(&self, key: Key, found: &mut Vec<(i64, u32, bool)>) {
        let (mut stream, end) = (key.named("dvs").named("noise").stream(), 3 * self.saccade);
        let places = (self.sensor.0 * self.sensor.1) as u32;
        let rate = f64::from(self.noise_rate) * f64::from(places) * 1e-6;
        let mut time = waiting(&mut stream) / rate;
        while time < end as f64 {
            found.push((time as i64, stream.below(places), stream.bernoulli(0.5)));
            time += waiting(&mut stream) / rate;
        }
    }
}

/// The place on the triangle of the saccades at a step, as shares of its width and height.
fn triangle(step: usize) -> [f32; 2] {
    let share = (step % STEPS) as f32 / STEPS as f32;
    match step / STEPS % 3 {
        0 => [0.5 * share, share],
        1 => [0.5 + 0.5 * share, 1.0 - share],
        _ => [1.0 - share, 0.0],
    }
}

/// A waiting time of mean 1.
fn waiting(stream: &mut Stream) -> f64 {
    -(1.0 - f64::from(stream.uniform())).ln()
}

/// An image of logarithms of light, with as much dark around it as the movement shows.
struct Light {
    levels: Vec<f32>,
    columns: usize,
    /// Columns of dark to the left of the image, and rows above it.
    margin: [i64; 2],
}

impl Light {
    /// Puts dark around the `levels` of an image that moves between the offsets `low` and `high`.
    fn new(
        levels: &[f32],
        (width, height): (usize, usize),
        dark: f32,
        sensor: (usize, usize),
        (low, high): ([f32; 2], [f32; 2]),
    ) -> Self {
        let side = |sensor: usize, image: usize, low: f32, high: f32| {
            let before = (high.floor() as i64 + 1).max(0);
            (before, before + (sensor as i64 - low.floor() as i64).max(image as i64))
        };
        let (left, columns) = side(sensor.0, width, low[0], high[0]);
        let (top, rows) = side(sensor.1, height, low[1], high[1]);
        let columns = columns as usize;
        let mut padded = vec![dark; columns * rows as usize];
        for (row, line) in levels.chunks_exact(width).enumerate() {
            let start = (row + top as usize) * columns + left as usize;
            padded[start..start + width].copy_from_slice(line);
        }
        Self { levels: padded, columns, margin: [left, top] }
    }

    /// Samples the image between its pixels, with its first pixel at `offset` on the sensor.
    fn sample(&self, [x, y]: [f32; 2], width: usize, view: &mut [f32]) {
        // A sensor pixel lies `right` and `below` short of the image pixel after it.
        let (right, below) = (x - x.floor(), y - y.floor());
        let column = (self.margin[0] - x.floor() as i64) as usize;
        let row = (self.margin[1] - y.floor() as i64) as usize;
        for (number, line) in view.chunks_exact_mut(width).enumerate() {
            let row_at = |row: usize, column: usize| {
                let start = row * self.columns + column;
                &self.levels[start..start + width]
            };
            let above =
                row_at(row + number - 1, column - 1).iter().zip(row_at(row + number - 1, column));
            let here = row_at(row + number, column - 1).iter().zip(row_at(row + number, column));
            for ((value, (above_left, above)), (left, here)) in line.iter_mut().zip(above).zip(here)
            {
                let top = above + right * (above_left - above);
                let bottom = here + right * (left - here);
                *value = bottom + below * (top - bottom);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn image(pixels: &[u8], width: usize) -> Image<'_> {
        let height = pixels.len() / width;
        Image { channels: 1, height, width, pixels: Cow::Borrowed(pixels) }
    }

    fn quiet() -> DvsModel {
        DvsModel { mismatch: 0.0, noise_rate: 0.0, refractory: 0, ..DvsModel::default() }
    }

    /// A white bar on black, `ln(1.1 / 0.1) = 2.398`, is 4 thresholds of 0.5 high: a pixel over
    /// which an edge passes whole emits 4 events, ON when the bar comes and OFF when it goes.
    #[test]
    fn an_edge_emits_its_height_in_thresholds() {
        let model = DvsModel { amplitude: [7.0, 0.0], ..quiet() };
        let mut pixels = [0; 28 * 28];
        for row in pixels.chunks_exact_mut(28) {
            row[14..].fill(255);
        }
        let events = model.look(&image(&pixels, 28), Key::new(0));
        let at = |x, y| -> Vec<(i64, bool)> {
            (0..events.len())
                .filter(|&k| (events.x[k], events.y[k]) == (x, y))
                .map(|k| (events.t[k], events.p[k]))
                .collect()
        };
        let middle = at(17, 17);
        let polarities: Vec<bool> = middle.iter().map(|&(_, on)| on).collect();
        // The way back ends at the fourth threshold to the bit, so rounding decides on the last.
        assert_eq!(polarities[..7], [false, false, false, false, true, true, true]);
        assert!(polarities.len() <= 8);
        // Column 14 of the image, the first white one, moves from sensor column 13.5 to 20.5 in
        // 200 ms and back in 100 ms.
        // Column 17 of the sensor sees it at 100 ms, and the black one before it 200 / 7 = 28.57 ms
        // later; the first event is after 0.5 / 2.398 of that, 5.957 ms.
        assert_eq!(middle[0].0, 105_957);
        // On the way back it leaves black at 200 + 100 · 2.5 / 7 = 235.714 ms and sees white after
        // 14.286 ms; the level is 2.0 below white, so ON comes 1.5 below, after 0.898 / 2.398.
        assert_eq!(middle[4].0, 241_063);
        assert_eq!(at(10, 17), []);
        // Rows 0 to 2 and 31 to 33 see no image.
        assert!(events.y.iter().all(|y| (3..31).contains(y)));
    }

    #[test]
    fn no_contrast_and_no_noise_is_silence() {
        let model = DvsModel { sensor: (10, 10), ..quiet() };
        assert!(model.look(&image(&[0; 64], 8), Key::new(0)).is_empty());
        // An image larger than the sensor, whose border is never seen.
        assert!(model.look(&image(&[99; 1024], 32), Key::new(0)).is_empty());
    }

    /// No parameters cause a panic or an endless loop.
    #[test]
    fn parameters_are_put_into_their_ranges() {
        let mut visited = 0;
        for value in [f32::NAN, f32::INFINITY, -1.0, 0.0, 1e30] {
            let model = DvsModel {
                threshold: value.max(0.1),
                mismatch: value,
                dark: value,
                amplitude: [value.min(20.0); 2],
                sensor: (9, 7),
                ..DvsModel::default()
            };
            let events = model.look(&image(&[7; 16], 4), Key::new(0));
            assert!(events.x.iter().all(|&x| x < 9) && events.y.iter().all(|&y| y < 7));
            let model = DvsModel { threshold: value, refractory: i64::MIN, saccade: 0, ..model };
            assert!(model.look(&image(&[7; 16], 4), Key::new(0)).t.iter().all(|&t| t < 3));
            visited += 1;
        }
        assert_eq!(visited, 5);
        let blind = DvsModel { sensor: (0, 5), ..DvsModel::default() };
        assert!(blind.look(&image(&[7; 16], 4), Key::new(0)).is_empty());
    }

    #[test]
    fn noise_is_a_poisson_process() {
        let model = DvsModel { noise_rate: 10.0, ..quiet() };
        let events = model.look(&image(&[0; 784], 28), Key::new(5));
        // 34 · 34 pixels · 0.3 s · 10 / s = 3,468, five standard deviations of 59.
        assert!((3_174..3_762).contains(&events.len()), "{}", events.len());
        assert!(events.t.is_sorted() && events.t.iter().all(|t| (0..300_000).contains(t)));
        let again = model.look(&image(&[0; 784], 28), Key::new(5));
        assert_eq!(events, again);
        assert_ne!(events, model.look(&image(&[0; 784], 28), Key::new(6)));
    }

    #[test]
    fn a_pixel_rests_after_an_event() {
        let model = DvsModel { refractory: 20_000, ..quiet() };
        let pixels: Vec<u8> = (0..784).map(|k| if k / 28 % 4 < 2 { 255 } else { 0 }).collect();
        let events = model.look(&image(&pixels, 28), Key::new(0));
        let free = quiet().look(&image(&pixels, 28), Key::new(0));
        assert!(events.len() > 1_000 && 2 * events.len() < free.len());
        let mut last = vec![i64::MIN / 2; 34 * 34];
        for k in 0..events.len() {
            let place = usize::from(events.y[k]) * 34 + usize::from(events.x[k]);
            assert!(events.t[k] - last[place] >= 20_000);
            last[place] = events.t[k];
        }
    }
}
