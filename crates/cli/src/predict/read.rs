//! From files to samples of a trained network.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use candlewick::datasets::event::{EXTENSIONS, decode, stated_sensor};
use candlewick::datasets::image::picture_file;
use candlewick::datasets::{Entry, Image, Sample, Shape, file, find};
use candlewick::experiment::Trained;

use crate::arguments::{PredictArguments, RecordingArguments};
use crate::{events, exit};

/// Reads files as the data set of the training would, and knows the network for each of their shapes.
pub(super) struct Reader<'a> {
    trained: &'a Trained,
    arguments: &'a PredictArguments,
    entry: &'static Entry,
    sensor: Option<(usize, usize)>,
    /// The network for samples of other shapes, or why there is none.
    others: Vec<(Shape, Result<Trained, String>)>,
}

impl<'a> Reader<'a> {
    /// A reader for a network of images or recordings.
    pub(super) fn new(trained: &'a Trained, arguments: &'a PredictArguments) -> Result<Self> {
        let (entry, _) = find(&trained.recipe().data.name)?;
        if !matches!(trained.shape(), Shape::Image { .. } | Shape::Events { .. }) {
            return Err(exit::usage(format!(
                "{}: predict reads images and event recordings, and this network was trained on {}; \
                 `Trained::classify` of the library takes those",
                arguments.run.display(),
                trained.shape()
            )));
        }
        let sensor = events::sensor(arguments.sensor.as_deref())?;
        Ok(Self { trained, arguments, entry, sensor, others: Vec::new() })
    }

    /// The sample in a file, of the size of the training if that is wanted.
    pub(super) fn read(&self, path: &Path) -> Result<Sample<'static>> {
        let shape = self.trained.shape();
        let sample = match shape {
            Shape::Events { width, height } => self.recording(path, (width, height))?,
            Shape::Image { channels: 1, .. } => Sample::Image(gray(&picture_file::read(path)?)),
            _ => Sample::Image(picture_file::read(path)?),
        };
        let mut sample = if self.arguments.resize && !shape.holds(sample.shape()) {
            self.trained.resized(&sample)?
        } else {
            sample
        };
        if let Sample::Events(events) = &mut sample {
            self.entry.turn(events);
        }
        Ok(sample)
    }

    fn recording(&self, path: &Path, trained: (usize, usize)) -> Result<Sample<'static>> {
        let decoder = self.arguments.decoder.clone();
        let recording = RecordingArguments { file: path.to_path_buf(), decoder, sensor: None };
        let format = events::format_of(&recording)?;
        let bytes = file::read(path)?;
        let sensor = self.sensor.or_else(|| stated_sensor(format, &bytes)).unwrap_or(trained);
        Ok(Sample::Events(decode(path, &bytes, format, Some(sensor))?))
    }

    /// The network for samples of a shape.
    pub(super) fn network(&mut self, shape: Shape) -> Result<&Trained, String> {
        if self.trained.shape().holds(shape) {
            return Ok(self.trained);
        }
        let place = self.others.iter().position(|(known, _)| *known == shape);
        let place = place.unwrap_or_else(|| {
            let other = self.trained.for_shape(shape).map_err(|error| {
                format!("{}; --resize brings it to that size", exit::in_words(&anyhow!(error)))
            });
            self.others.push((shape, other));
            self.others.len() - 1
        });
        self.others[place].1.as_ref().map_err(Clone::clone)
    }
}

/// The luma of ITU-R BT.601, to the nearest level; of gray pixels their gray.
fn gray(image: &Image<'_>) -> Image<'static> {
    let size = image.height * image.width;
    let luma = |place: usize| {
        let [red, green, blue] =
            [0, 1, 2].map(|channel| u32::from(image.pixels[channel * size + place]));
        ((299 * red + 587 * green + 114 * blue + 500) / 1000) as u8
    };
    let pixels = (0..size).map(luma).collect::<Vec<u8>>().into();
    Image { channels: 1, height: image.height, width: image.width, pixels }
}

/// The files, and those of folders and the folders in them that are samples by their names, in order.
pub(super) fn listed(paths: &[PathBuf], shape: Shape) -> Vec<PathBuf> {
    let is_sample = |path: &Path| match shape {
        Shape::Events { .. } => {
            let extension = path.extension().map(|text| text.to_string_lossy().into_owned());
            extension.is_some_and(|text| EXTENSIONS.contains(&text.as_str()))
        }
        _ => picture_file::is_named(path),
    };
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let before = files.len();
            walk(path, &is_sample, &mut files);
            // A folder without samples is named as what cannot be read.
            if files.len() == before {
                files.push(path.clone());
            }
        } else {
            files.push(path.clone());
        }
    }
    files
}

fn walk(folder: &Path, is_sample: &impl Fn(&Path) -> bool, files: &mut Vec<PathBuf>) {
    // A folder that cannot be read has no samples.
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        let is_hidden =
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        // A link to a folder might lead back.
        if path.is_dir() && !path.is_symlink() && !is_hidden {
            walk(&path, is_sample, files);
        } else if !is_hidden && is_sample(&path) {
            files.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0.299·200 + 0.587·100 + 0.114·50 = 124.2.
    #[test]
    fn colors_become_luma_and_gray_stays() {
        let pixels = vec![200, 77, 100, 77, 50, 77].into();
        let image = Image { channels: 3, height: 1, width: 2, pixels };
        assert_eq!(gray(&image).pixels[..], [124, 77]);
    }

    #[test]
    fn folders_are_searched_for_what_the_network_knows() {
        let root = tempfile::tempdir().unwrap();
        for name in ["b/1.png", "b/.hidden.png", "a.jpg", "c/d/2.bin", "notes.txt"] {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let found = |shape, of: &[&str]| -> Vec<String> {
            let paths: Vec<_> = of.iter().map(|name| root.path().join(name)).collect();
            let name =
                |path: PathBuf| path.strip_prefix(root.path()).unwrap().display().to_string();
            listed(&paths, shape).into_iter().map(name).collect()
        };
        let images = Shape::Image { channels: 1, height: 8, width: 8 };
        assert_eq!(found(images, &["", "notes.txt"]), ["a.jpg", "b/1.png", "notes.txt"]);
        assert_eq!(found(images, &["c", "none.png"]), ["c", "none.png"]);
        assert_eq!(found(Shape::Events { width: 8, height: 8 }, &[""]), ["c/d/2.bin"]);
    }
}
