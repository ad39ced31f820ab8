//! A data set of one's own: gratings of four orientations, drawn as they are read.

use candlewick::core::Key;
use candlewick::datasets::{Dataset, Error, Image, Info, Result, Sample, Shape, Split};

/// Sides of the images.
const SIDE: usize = 8;

/// Noisy gratings of random phase; the orientation is the class.
#[derive(Debug)]
pub struct Gratings {
    info: Info,
    labels: Vec<u32>,
}

impl Gratings {
    /// So many images of each orientation.
    pub fn new(split: Split, per_class: usize) -> Self {
        let classes: Vec<_> = (0..4).map(|turn| format!("{} degrees", 45 * turn)).collect();
        let shape = Shape::Image { channels: 1, height: SIDE, width: SIDE };
        let labels = (0..per_class).flat_map(|_| 0..4).collect();
        Self { info: Info::new("gratings", split, shape, classes), labels }
    }
}

impl Dataset for Gratings {
    fn info(&self) -> &Info {
        &self.info
    }

    fn labels(&self) -> &[u32] {
        &self.labels
    }

    fn read(&self, index: usize) -> Result<Sample<'_>> {
        if index >= self.len() {
            return Err(Error::NoSuchSample { index, len: self.len() });
        }
        // The stream has the index in its key: a sample is the same whenever it is read.
        let key = Key::new(0).named(self.info.split.name()).at(index as u64);
        let mut stream = key.stream();
        let phase = stream.range(0.0, std::f32::consts::TAU);
        let (sine, cosine) = (self.label(index) as f32 * std::f32::consts::FRAC_PI_4).sin_cos();
        let mut pixel = |index: usize| {
            let (row, column) = ((index / SIDE) as f32, (index % SIDE) as f32);
            let wave = (1.5 * (column * cosine + row * sine) + phase).sin();
            (128.0 + 70.0 * wave + 20.0 * stream.normal()) as u8
        };
        let pixels: Vec<u8> = (0..SIDE * SIDE).map(&mut pixel).collect();
        let image = Image { channels: 1, height: SIDE, width: SIDE, pixels: pixels.into() };
        Ok(Sample::Image(image))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candlewick::methods::Methods;
    use candlewick::network::Network;
    use candlewick::train::Data;

    use super::*;
    use crate::digits::{LEARNED, start, train};

    #[test]
    fn a_network_learns_it() -> crate::Result<()> {
        let [training, test] = [(Split::Train, 200), (Split::Test, 50)]
            .map(|(split, per_class)| Arc::new(Gratings::new(split, per_class)));
        assert_eq!(test.read(7)?, test.read(7)?);
        let data = Data::new("gratings", training, test).batch_size(32).time_steps(4);
        let network =
            Network::spec("16C3-AP2-FC4").build(data.features()?, data.classes(), start())?;
        let accuracy = train(&network, &mut Methods::new(), &data)?;
        assert!(accuracy >= LEARNED, "{accuracy}");
        Ok(())
    }
}
