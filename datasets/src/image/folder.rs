//! Images in folders: any set of JPEG and PNG files with a folder per class, ImageNet, Tiny-ImageNet.
//!
//! The label is the place of the class's folder among all, in the order of their names as bytes; that
//! is the order of PyTorch's `ImageFolder`, and for ImageNet the usual index of the 1,000 classes.
//! Files are decoded when a sample is read, so on the threads of a loader; gray images become color,
//! and transparency is left out.

use std::fmt;
use std::path::{Path, PathBuf};

use sha2::Digest;

use super::picture_file;
use crate::entry::{Content, Entry, OFFICIAL, Partition, Request, Source};
use crate::event::recordings::{Recording, entries, not_empty};
use crate::{Dataset, Error, Info, Result, Sample, Shape, Split, file, hash};

/// Images of different sizes.
const ANY: Shape = Shape::Image { channels: 3, height: 0, width: 0 };

pub(crate) const IMAGE_FOLDER: Entry = Entry {
    name: "image-folder",
    description: "any JPEG and PNG images with a folder per class, of different sizes",
    shape: ANY,
    classes: 0,
    license: "that of the images",
    citation: "that of the images",
    content: Content::counted(0),
    choices: &["classes = the folders of train/ in the order of their names as bytes"],
    partitions: &[Partition {
        name: "folders",
        source: "train/ trains; test/, or val/ where there is none, tests",
    }],
    source: Source::Folder {
        folders: &["image-folder"],
        layout: "train/CLASS/ and test/CLASS/ (or val/CLASS/) with .jpg, .jpeg or .png files",
        files: &[],
    },
    open: |request| {
        let test = request.find(Path::new("test")).or_else(|_| request.find(Path::new("val")));
        open(request, &request.find(Path::new("train"))?, &test?)
    },
};

pub(crate) const IMAGENET: Entry = Entry {
    name: "imagenet",
    description: "ImageNet (ILSVRC 2012): 1,281,167 + 50,000 images of 1,000 classes",
    shape: ANY,
    classes: 1_000,
    license: "for research, after registration at image-net.org",
    citation: "O. Russakovsky et al., \"ImageNet Large Scale Visual Recognition Challenge\", IJCV \
               115, 2015",
    content: Content::counted(1_331_167),
    choices: &[
        "classes = the WordNet numbers in ascending order, as PyTorch's ImageFolder has them",
    ],
    partitions: &[Partition {
        name: "validation",
        source: "the authors' validation images test, as in all papers; those of the test have no \
                 public labels",
    }],
    source: Source::Folder {
        folders: &["imagenet", "ILSVRC2012", "ILSVRC/Data/CLS-LOC"],
        layout: "train/n01440764/ to train/n15075141/ and val/n01440764/ to val/n15075141/ with \
                 .JPEG files; the validation images sorted into folders",
        files: &[],
    },
    open: |request| {
        open(request, &request.find(Path::new("train"))?, &request.find(Path::new("val"))?)
    },
};

pub(crate) const TINY_IMAGENET: Entry = Entry {
    name: "tiny-imagenet",
    description: "Tiny-ImageNet: 100,000 + 10,000 images 64×64 color of 200 classes",
    shape: Shape::Image { channels: 3, height: 64, width: 64 },
    classes: 200,
    license: "none stated; the images are ImageNet's",
    citation: "Y. Le, X. Yang, \"Tiny ImageNet Visual Recognition Challenge\", Stanford CS231N, 2015",
    content: Content::counted(110_000),
    choices: &["classes = the WordNet numbers in ascending order, not the order of wnids.txt"],
    partitions: &[Partition {
        source: "the authors' validation images test; those of the test have no public labels",
        ..OFFICIAL[0]
    }],
    source: Source::Folder {
        folders: &["tiny-imagenet-200", "tiny-imagenet", "tiny-imagenet/tiny-imagenet-200"],
        layout: "wnids.txt, train/n01443537/images/ and so on, val/images/ and \
                 val/val_annotations.txt",
        files: &[],
    },
    open: open_tiny,
};

/// Opens a set with a folder per class in each of two folders.
pub(super) fn open(request: &Request<'_>, train: &Path, test: &Path) -> Result<Box<dyn Dataset>> {
    let classes = class_names(train)?;
    check_classes(request, train, &classes)?;
    let folder = if request.split == Split::Train { train } else { test };
    let mut files = Vec::new();
    for name in class_names(folder)? {
        let Ok(label) = classes.binary_search(&name) else {
            let found = format!("`{name}`");
            return Err(Error::format(folder, "classes", "the folders of train", found));
        };
        let paths = images_in(&folder.join(&name))?;
        files.extend(paths.into_iter().map(|path| Recording { path, label: label as u32 }));
    }
    not_empty(folder, &files, "image")?;
    Ok(Box::new(Pictures::new(request, folder, classes, files)?))
}

fn open_tiny(request: &Request<'_>) -> Result<Box<dyn Dataset>> {
    let list = request.find(Path::new("wnids.txt"))?;
    let root = list.parent().unwrap_or(Path::new("."));
    let text = file::read_text(&list)?;
    let mut classes: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    classes.sort();
    check_classes(request, &list, &classes)?;
    let mut files = Vec::new();
    if request.split == Split::Train {
        for (label, name) in classes.iter().enumerate() {
            let paths = images_in(&root.join("train").join(name).join("images"))?;
            files.extend(paths.into_iter().map(|path| Recording { path, label: label as u32 }));
        }
    } else {
        let table = root.join("val/val_annotations.txt");
        let text = file::read_text(&table)?;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            // Name of the file, class, and a box that nobody needs here.
            let mut words = line.split('\t');
            let (name, class) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
            let is_name = Path::new(name).file_name() == Some(name.as_ref());
            let Some(label) = classes.iter().position(|known| known == class).filter(|_| is_name)
            else {
                let expected = "the name of a file and a class of wnids.txt";
                return Err(Error::format(table, "line", expected, format!("{line:?}")));
            };
            let path = root.join("val/images").join(name);
            files.push(Recording { path, label: label as u32 });
        }
    }
    not_empty(root, &files, "image")?;
    Ok(Box::new(Pictures::new(request, root, classes, files)?))
}

fn check_classes(request: &Request<'_>, place: &Path, classes: &[String]) -> Result<()> {
    let expected = request.entry.classes;
    if expected == 0 && !classes.is_empty() || classes.len() == expected && expected > 0 {
        return Ok(());
    }
    let expected = if expected == 0 { "at least one".to_owned() } else { expected.to_string() };
    Err(Error::format(place, "classes", expected, classes.len()))
}

/// The names of the folders in a folder, in order.
pub(crate) fn class_names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for path in entries(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// The images of a folder in the order of their names.
fn images_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = entries(folder)?;
    files.retain(|path| picture_file::is_named(path));
    files.sort();
    Ok(files)
}

/// Images in files, decoded when they are read.
struct Pictures {
    info: Info,
    labels: Vec<u32>,
    paths: Vec<PathBuf>,
}

impl Pictures {
    /// The content hash is over the names and sizes of the files: there may be a million of them.
    fn new(
        request: &Request<'_>,
        root: &Path,
        classes: Vec<String>,
        files: Vec<Recording>,
    ) -> Result<Self> {
        let shape = request.entry.shape;
        let (labels, paths): (Vec<_>, Vec<_>) =
            files.into_iter().map(|file| (file.label, file.path)).unzip();
        let mut content = hash::start(shape, &labels);
        for path in &paths {
            let size = std::fs::metadata(path).map_err(Error::io(path))?.len();
            for part in path.strip_prefix(root).unwrap_or(path) {
                content.update(part.as_encoded_bytes());
                content.update(b"/");
            }
            content.update(size.to_le_bytes());
        }
        let info = request.info(classes, shape, hash::finish(content));
        Ok(Self { info, labels, paths })
    }
}

impl Dataset for Pictures {
    fn info(&self) -> &Info {
        &self.info
    }

    fn labels(&self) -> &[u32] {
        &self.labels
    }

    fn read(&self, index: usize) -> Result<Sample<'_>> {
        let Some(path) = self.paths.get(index) else {
            return Err(Error::NoSuchSample { index, len: self.paths.len() });
        };
        Ok(Sample::Image(picture_file::read(path)?))
    }
}

impl fmt::Debug for Pictures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pictures")
            .field("info", &self.info)
            .field("len", &self.labels.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Picture, census, open};

    fn write(path: &Path, color: [u8; 3]) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, Picture::new(3, 2, color).png().unwrap()).unwrap();
    }

    #[test]
    fn folders_are_classes_in_the_order_of_their_names() {
        let root = tempfile::tempdir().unwrap();
        for (name, color) in [
            ("train/zebra/1.png", [9, 8, 7]),
            ("train/Ape/2.PNG", [1, 2, 3]),
            // The content says what it is, not the name.
            ("train/Ape/10.jpeg", [4, 5, 6]),
            ("train/Ape/.hidden.png", [0; 3]),
            ("val/zebra/a.png", [5; 3]),
        ] {
            write(&root.path().join(name), color);
        }
        std::fs::write(root.path().join("train/Ape/notes.txt"), "no image").unwrap();
        let train = open("image-folder", Split::Train, Some(root.path())).unwrap();
        assert_eq!(
            (train.info().classes.join(" "), train.labels()),
            ("Ape zebra".into(), &[0, 0, 1][..])
        );
        let Sample::Image(image) = train.read(0).unwrap() else { panic!("an image") };
        assert_eq!((image.channels, image.height, image.width), (3, 2, 3));
        assert_eq!(image.pixels[..], [[4; 6], [5; 6], [6; 6]].concat());
        let test = open("image-folder", Split::Test, Some(root.path())).unwrap();
        assert_eq!(test.labels(), [1]);
        assert_ne!(test.info().content_hash, train.info().content_hash);

        // A broken file is found when it is read, and named.
        std::fs::write(root.path().join("train/Ape/2.PNG"), b"\x89PNG\r\n\x1a\nrest").unwrap();
        let cut = include_bytes!("../../tests/fixtures/progressive.jpg");
        std::fs::write(root.path().join("train/zebra/cut.jpg"), &cut[..cut.len() - 40]).unwrap();
        let train = open("image-folder", Split::Train, Some(root.path())).unwrap();
        let broken = census(&*train).broken;
        assert_eq!(broken.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [1, 3]);
        assert!(broken[0].1.to_string().contains("2.PNG: image: expected a whole PNG"));
        let text = broken[1].1.to_string();
        assert!(text.contains("cut.jpg: image: expected a whole JPEG, found the end of"), "{text}");

        // A class that was not trained cannot be tested.
        write(&root.path().join("val/yak/a.png"), [5; 3]);
        let text = open("image-folder", Split::Test, Some(root.path())).unwrap_err().to_string();
        assert!(text.ends_with("classes: expected the folders of train, found `yak`"), "{text}");
        let text = open("imagenet", Split::Test, Some(root.path())).unwrap_err().to_string();
        assert!(text.ends_with("classes: expected 1000, found 2"), "{text}");
    }

    #[test]
    fn tiny_imagenet_has_a_table_for_its_test() {
        let root = tempfile::tempdir().unwrap();
        let names: Vec<String> = (0..200).rev().map(|number| format!("n{number:03}")).collect();
        std::fs::write(root.path().join("wnids.txt"), names.join("\n")).unwrap();
        for name in &names {
            let file = format!("train/{name}/images/{name}_0.JPEG");
            write(&root.path().join(file), [1; 3]);
        }
        write(&root.path().join("val/images/val_0.JPEG"), [2; 3]);
        let table = root.path().join("val/val_annotations.txt");
        std::fs::write(&table, "val_0.JPEG\tn007\t0\t0\t63\t63\n").unwrap();
        let train = open("tiny-imagenet", Split::Train, Some(root.path())).unwrap();
        assert_eq!(
            (train.len(), train.label(199), &train.info().classes[199][..]),
            (200, 199, "n199")
        );
        let test = open("tiny-imagenet", Split::Test, Some(root.path())).unwrap();
        assert_eq!(test.labels(), [7]);
        std::fs::write(&table, "../val_0.JPEG\tn007\n").unwrap();
        let text = open("tiny-imagenet", Split::Test, Some(root.path())).unwrap_err().to_string();
        assert!(text.contains("expected the name of a file and a class of wnids.txt"), "{text}");
    }
}
