//! Where the files of each data set come from: addresses, published checksums, and what to do where
//! a program may not fetch them.

/// Where a data set is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Origin {
    /// Name of the data set in the registry.
    pub dataset: &'static str,
    /// The page of the set, for people.
    pub page: &'static str,
    /// The files, in the order in which they are fetched.
    pub downloads: &'static [Download],
}

/// A file of a data set as it is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Download {
    /// Name that the file gets.
    pub file: &'static str,
    /// Where it is; `None` where a license must be accepted or an account is needed, so that a
    /// person has to fetch it from the page and put it into the folder.
    pub url: Option<&'static str>,
    /// MD5 in hexadecimal, the checksum that publishers and other libraries state.
    pub md5: &'static str,
    /// What becomes of it.
    pub unpack: Unpack,
}

/// What becomes of a file after its checksum was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unpack {
    /// It is read as it is.
    Keep,
    /// A ZIP archive, unpacked beside it.
    Zip,
    /// A gzipped tar archive, unpacked beside it.
    TarGz,
}

/// The origin of a data set; `None` for embedded sets and those that are nowhere to be had.
pub fn origin(dataset: &str) -> Option<&'static Origin> {
    ORIGINS.iter().find(|origin| origin.dataset == dataset)
}

const fn get(file: &'static str, url: &'static str, md5: &'static str, unpack: Unpack) -> Download {
    Download { file, url: Some(url), md5, unpack }
}

const fn by_hand(file: &'static str, md5: &'static str, unpack: Unpack) -> Download {
    Download { file, url: None, md5, unpack }
}

/// Checksums are those of the publishers' pages, torchvision 0.29, tonic 1.7 and SpikingJelly 2.0.
const ORIGINS: &[Origin] = &[
    Origin {
        dataset: "cifar10",
        page: "https://www.cs.toronto.edu/~kriz/cifar.html",
        downloads: &[get(
            "cifar-10-binary.tar.gz",
            "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            "c32a1d4ab5d03f1284b67883e8d87530",
            Unpack::TarGz,
        )],
    },
    Origin {
        dataset: "cifar10-dvs",
        page: "https://figshare.com/articles/dataset/CIFAR10-DVS_New/4724671",
        downloads: &[
            get(
                "airplane.zip",
                "https://ndownloader.figshare.com/files/7712788",
                "0afd5c4bf9ae06af762a77b180354fdd",
                Unpack::Zip,
            ),
            get(
                "automobile.zip",
                "https://ndownloader.figshare.com/files/7712791",
                "8438dfeba3bc970c94962d995b1b9bdd",
                Unpack::Zip,
            ),
            get(
                "bird.zip",
                "https://ndownloader.figshare.com/files/7712794",
                "a9c207c91c55b9dc2002dc21c684d785",
                Unpack::Zip,
            ),
            get(
                "cat.zip",
                "https://ndownloader.figshare.com/files/7712812",
                "52c63c677c2b15fa5146a8daf4d56687",
                Unpack::Zip,
            ),
            get(
                "deer.zip",
                "https://ndownloader.figshare.com/files/7712815",
                "b6bf21f6c04d21ba4e23fc3e36c8a4a3",
                Unpack::Zip,
            ),
            get(
                "dog.zip",
                "https://ndownloader.figshare.com/files/7712818",
                "f379ebdf6703d16e0a690782e62639c3",
                Unpack::Zip,
            ),
            get(
                "frog.zip",
                "https://ndownloader.figshare.com/files/7712842",
                "cad6ed91214b1c7388a5f6ee56d08803",
                Unpack::Zip,
            ),
            get(
                "horse.zip",
                "https://ndownloader.figshare.com/files/7712851",
                "e7cbbf77bec584ffbf913f00e682782a",
                Unpack::Zip,
            ),
            get(
                "ship.zip",
                "https://ndownloader.figshare.com/files/7712836",
                "41c7bd7d6b251be82557c6cce9a7d5c9",
                Unpack::Zip,
            ),
            get(
                "truck.zip",
                "https://ndownloader.figshare.com/files/7712839",
                "89f3922fd147d9aeff89e76a2b0b70a7",
                Unpack::Zip,
            ),
        ],
    },
    Origin {
        dataset: "cifar100",
        page: "https://www.cs.toronto.edu/~kriz/cifar.html",
        downloads: &[get(
            "cifar-100-binary.tar.gz",
            "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
            "03b5dce01913d631647c71ecec9e9cb8",
            Unpack::TarGz,
        )],
    },
    Origin {
        dataset: "dvs128-gesture",
        page: "https://ibm.ent.box.com/s/3hiq58ww1pbbjrinh367ykfdf60xsfm8/folder/50167556794",
        downloads: &[by_hand(
            "DvsGesture.tar.gz",
            "8a5c71fb11e24e5ca5b11866ca6c00a1",
            Unpack::TarGz,
        )],
    },
    Origin {
        dataset: "fashion-mnist",
        page: "https://github.com/zalandoresearch/fashion-mnist",
        downloads: &[
            get(
                "train-images-idx3-ubyte.gz",
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/train-images-idx3-ubyte.gz",
                "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                Unpack::Keep,
            ),
            get(
                "train-labels-idx1-ubyte.gz",
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/train-labels-idx1-ubyte.gz",
                "25c81989df183df01b3e8a0aad5dffbe",
                Unpack::Keep,
            ),
            get(
                "t10k-images-idx3-ubyte.gz",
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/t10k-images-idx3-ubyte.gz",
                "bef4ecab320f06d8554ea6380940ec79",
                Unpack::Keep,
            ),
            get(
                "t10k-labels-idx1-ubyte.gz",
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/t10k-labels-idx1-ubyte.gz",
                "bb300cfdad3c16e7a12a480ee83cd310",
                Unpack::Keep,
            ),
        ],
    },
    Origin {
        dataset: "kmnist",
        page: "http://codh.rois.ac.jp/kmnist/",
        downloads: &[
            get(
                "train-images-idx3-ubyte.gz",
                "http://codh.rois.ac.jp/kmnist/dataset/kmnist/train-images-idx3-ubyte.gz",
                "bdb82020997e1d708af4cf47b453dcf7",
                Unpack::Keep,
            ),
            get(
                "train-labels-idx1-ubyte.gz",
                "http://codh.rois.ac.jp/kmnist/dataset/kmnist/train-labels-idx1-ubyte.gz",
                "e144d726b3acfaa3e44228e80efcd344",
                Unpack::Keep,
            ),
            get(
                "t10k-images-idx3-ubyte.gz",
                "http://codh.rois.ac.jp/kmnist/dataset/kmnist/t10k-images-idx3-ubyte.gz",
                "5c965bf0a639b31b8f53240b1b52f4d7",
                Unpack::Keep,
            ),
            get(
                "t10k-labels-idx1-ubyte.gz",
                "http://codh.rois.ac.jp/kmnist/dataset/kmnist/t10k-labels-idx1-ubyte.gz",
                "7320c461ea6c1c855c0b718fb2a4b134",
                Unpack::Keep,
            ),
        ],
    },
    Origin {
        dataset: "mnist",
        page: "http://yann.lecun.com/exdb/mnist/",
        downloads: &[
            get(
                "train-images-idx3-ubyte.gz",
                "https://ossci-datasets.s3.amazonaws.com/mnist/train-images-idx3-ubyte.gz",
                "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                Unpack::Keep,
            ),
            get(
                "train-labels-idx1-ubyte.gz",
                "https://ossci-datasets.s3.amazonaws.com/mnist/train-labels-idx1-ubyte.gz",
                "d53e105ee54ea40749a09fcbcd1e9432",
                Unpack::Keep,
            ),
            get(
                "t10k-images-idx3-ubyte.gz",
                "https://ossci-datasets.s3.amazonaws.com/mnist/t10k-images-idx3-ubyte.gz",
                "9fb629c4189551a2d022fa330f9573f3",
                Unpack::Keep,
            ),
            get(
                "t10k-labels-idx1-ubyte.gz",
                "https://ossci-datasets.s3.amazonaws.com/mnist/t10k-labels-idx1-ubyte.gz",
                "ec29112dd5afa0611ce80d1b7f02629c",
                Unpack::Keep,
            ),
        ],
    },
    Origin {
        dataset: "n-caltech101",
        page: "https://www.garrickorchard.com/datasets/n-caltech101",
        downloads: &[get(
            "Caltech101.zip",
            "https://data.mendeley.com/public-files/datasets/cy6cvx3ryv/files/36b5c52a-b49d-4853-addb-a836a8883e49/file_downloaded",
            "66201824eabb0239c7ab992480b50ba3",
            Unpack::Zip,
        )],
    },
    Origin {
        dataset: "nmnist",
        page: "https://www.garrickorchard.com/datasets/n-mnist",
        downloads: &[
            get(
                "Train.zip",
                "https://data.mendeley.com/public-files/datasets/468j46mzdv/files/39c25547-014b-4137-a934-9d29fa53c7a0/file_downloaded",
                "20959b8e626244a1b502305a9e6e2031",
                Unpack::Zip,
            ),
            get(
                "Test.zip",
                "https://data.mendeley.com/public-files/datasets/468j46mzdv/files/05a4d654-7e03-4c15-bdfa-9bb2bcbea494/file_downloaded",
                "69ca8762b2fe404d9b9bad1103e97832",
                Unpack::Zip,
            ),
        ],
    },
    Origin {
        dataset: "shd",
        page: "https://zenkelab.org/resources/spiking-heidelberg-datasets-shd/",
        downloads: &[
            get(
                "shd_train.h5.zip",
                "https://zenkelab.org/datasets/shd_train.h5.zip",
                "f3252aeb598ac776c1b526422d90eecb",
                Unpack::Zip,
            ),
            get(
                "shd_test.h5.zip",
                "https://zenkelab.org/datasets/shd_test.h5.zip",
                "1503a5064faa34311c398fb0a1ed0a6f",
                Unpack::Zip,
            ),
        ],
    },
    Origin {
        dataset: "ssc",
        page: "https://zenkelab.org/resources/spiking-heidelberg-datasets-shd/",
        downloads: &[
            get(
                "ssc_train.h5.zip",
                "https://zenkelab.org/datasets/ssc_train.h5.zip",
                "d102be95e7144fcc0553d1f45ba94170",
                Unpack::Zip,
            ),
            get(
                "ssc_valid.h5.zip",
                "https://zenkelab.org/datasets/ssc_valid.h5.zip",
                "b4eee3516a4a90dd0c71a6ac23a8ae43",
                Unpack::Zip,
            ),
            get(
                "ssc_test.h5.zip",
                "https://zenkelab.org/datasets/ssc_test.h5.zip",
                "a35ff1e9cffdd02a20eb850c17c37748",
                Unpack::Zip,
            ),
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry;

    #[test]
    fn origins_are_of_data_sets_and_complete() {
        let mut visited = 0;
        for pair in ORIGINS.windows(2) {
            assert!(pair[0].dataset < pair[1].dataset);
        }
        for origin in ORIGINS {
            assert!(registry().iter().any(|entry| entry.name == origin.dataset), "{origin:?}");
            assert!(origin.page.starts_with("http") && !origin.downloads.is_empty());
            for download in origin.downloads {
                let is_digest = download.md5.len() == 32
                    && download.md5.bytes().all(|byte| b"0123456789abcdef".contains(&byte));
                assert!(is_digest, "{download:?}");
                assert!(download.url.is_none_or(|url| url.starts_with("http")), "{download:?}");
                assert!(!download.file.contains(['/', '\\']), "{download:?}");
                visited += 1;
            }
        }
        assert!(visited >= ORIGINS.len() && visited > 0, "{visited}");
        assert!(origin("digits").is_none() && origin("mnist").is_some());
    }
}
