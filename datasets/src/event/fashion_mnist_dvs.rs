//! The event data set that needs no download: [`DvsModel`] looks at the embedded Fashion-MNIST.

use candlewick_kernels::random::Key;
use sha2::Digest;

use super::DvsModel;
use crate::entry::{Content, Entry, OFFICIAL, Request, Source};
use crate::image::mnist::{FASHION_CITATION, FASHION_MNIST_SMALL};
use crate::{Dataset, Error, Info, Result, Sample, Shape, hash};

/// Raise it when a change of the model changes the events, so that their content hash changes too.
const MODEL_VERSION: u64 = 1;

pub(crate) const FASHION_MNIST_DVS: Entry = Entry {
    name: "fashion-mnist-dvs",
    description: "a simulated event camera looks at fashion-mnist-small: 5,000 + 1,000, 34×34",
    shape: Shape::Events { width: 34, height: 34 },
    classes: 10,
    license: "MIT",
    citation: FASHION_CITATION,
    content: Content::counted(6_000),
    choices: &[],
    partitions: OFFICIAL,
    source: Source::Embedded(&[]),
    open: |request| Ok(Box::new(FashionMnistDvs::new(request)?)),
};

/// Recordings that are simulated when they are read; the same each time.
#[derive(Debug)]
struct FashionMnistDvs {
    info: Info,
    images: Box<dyn Dataset>,
    model: DvsModel,
    key: Key,
}

impl FashionMnistDvs {
    fn new(request: &Request<'_>) -> Result<Self> {
        let source = Request {
            entry: &FASHION_MNIST_SMALL,
            partition: &OFFICIAL[0],
            split: request.split,
            root: None,
        };
        let (images, model) = ((source.entry.open)(&source)?, DvsModel::default());
        let mut content = hash::start(request.entry.shape, images.labels());
        content.update(&images.info().content_hash);
        content.update(MODEL_VERSION.to_le_bytes());
        content.update(format!("{model:?}"));
        let classes = images.info().classes.clone();
        let info = request.info(classes, request.entry.shape, hash::finish(content));
        let key = Key::new(0).named(request.entry.name).named(request.split.name());
        Ok(Self { info, images, model, key })
    }
}

impl Dataset for FashionMnistDvs {
    fn info(&self) -> &Info {
        &self.info
    }

    fn labels(&self) -> &[u32] {
        self.images.labels()
    }

    fn read(&self, index: usize) -> Result<Sample<'_>> {
        match self.images.read(index)? {
            Sample::Image(image) => {
                Ok(Sample::Events(self.model.look(&image, self.key.at(index as u64))))
            }
            other => {
                let found = other.shape();
                Err(Error::format(FASHION_MNIST_SMALL.name, "sample", "an image", found))
            }
        }
    }
}
