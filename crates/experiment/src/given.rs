//! Samples that somebody gives to a trained network, as a data set; and what a run records of its samples.

use std::borrow::Cow;

use candlewick_datasets::{Array, Dataset, Events, Image, Info, Sample, Shape, Split};
use candlewick_run::Samples;

/// Samples of one kind without labels.
#[derive(Debug)]
pub(crate) struct Given {
    info: Info,
    samples: Vec<Sample<'static>>,
    labels: Vec<u32>,
}

impl Given {
    /// Copies of samples that are of `shape`.
    pub(crate) fn new(shape: Shape, samples: &[Sample<'_>]) -> Self {
        let info = Info::new("given samples", Split::Test, shape, vec!["unknown".into()]);
        let samples: Vec<_> = samples.iter().map(owned).collect();
        Self { info, labels: vec![0; samples.len()], samples }
    }

    /// One sample of that shape with nothing in it.
    pub(crate) fn blank(shape: Shape) -> Self {
        Self::new(shape, &[blank(shape)])
    }
}

impl Dataset for Given {
    fn info(&self) -> &Info {
        &self.info
    }

    fn labels(&self) -> &[u32] {
        &self.labels
    }

    fn read(&self, index: usize) -> candlewick_datasets::Result<Sample<'_>> {
        let len = self.samples.len();
        let sample = self.samples.get(index);
        sample.cloned().ok_or(candlewick_datasets::Error::NoSuchSample { index, len })
    }
}

/// A copy that borrows nothing.
fn owned(sample: &Sample<'_>) -> Sample<'static> {
    match sample {
        Sample::Image(image) => {
            Sample::Image(Image { pixels: Cow::Owned(image.pixels.to_vec()), ..*image })
        }
        Sample::Array(array) => {
            Sample::Array(Array { values: Cow::Owned(array.values.to_vec()), ..*array })
        }
        Sample::Events(events) => Sample::Events(events.clone()),
    }
}

fn blank(shape: Shape) -> Sample<'static> {
    match shape {
        Shape::Image { channels, height, width } => {
            let pixels = Cow::Owned(vec![0; channels * height * width]);
            Sample::Image(Image { channels, height, width, pixels })
        }
        Shape::Array { channels, height, width } => {
            let values = Cow::Owned(vec![0.0; channels * height * width]);
            Sample::Array(Array { shape, values })
        }
        Shape::Vector { size } => {
            Sample::Array(Array { shape, values: Cow::Owned(vec![0.0; size]) })
        }
        Shape::Events { width, height } => Sample::Events(Events::with_capacity(width, height, 0)),
    }
}

/// What a run records of a data set's samples.
pub(crate) fn recorded(shape: Shape, classes: &[String]) -> Samples {
    let (kind, dims) = match shape {
        Shape::Image { channels, height, width } => ("image", vec![channels, height, width]),
        Shape::Array { channels, height, width } => ("array", vec![channels, height, width]),
        Shape::Vector { size } => ("vector", vec![size]),
        Shape::Events { width, height } => ("events", vec![width, height]),
    };
    Samples { kind: kind.into(), dims, classes: classes.to_vec() }
}

/// The shape that was recorded; `None` if it is none of those.
pub(crate) fn shape_of(samples: &Samples) -> Option<Shape> {
    Some(match (samples.kind.as_str(), &samples.dims[..]) {
        ("image", &[channels, height, width]) => Shape::Image { channels, height, width },
        ("array", &[channels, height, width]) => Shape::Array { channels, height, width },
        ("vector", &[size]) => Shape::Vector { size },
        ("events", &[width, height]) => Shape::Events { width, height },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_recorded_and_read_back() {
        let shapes = [
            Shape::Image { channels: 3, height: 0, width: 0 },
            Shape::Array { channels: 2, height: 3, width: 4 },
            Shape::Vector { size: 5 },
            Shape::Events { width: 6, height: 7 },
        ];
        for shape in shapes {
            let samples = recorded(shape, &["a".into()]);
            assert_eq!(shape_of(&samples), Some(shape));
            assert_eq!(Given::blank(shape).read(0).unwrap().shape(), shape);
            assert_eq!(shape_of(&Samples { kind: "sound".into(), ..samples }), None);
        }
        assert_eq!(shapes.len(), 4);
        assert!(Given::blank(shapes[2]).read(1).is_err());
    }
}
