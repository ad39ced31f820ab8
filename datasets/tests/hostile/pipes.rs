//! A pipe in the place of a file is refused by name: nobody may ever write to it.

use std::path::Path;
use std::process::Command;
use std::sync::mpsc::channel;
use std::time::Duration;

use candlewick_datasets::{Split, census, file, identify, open};

/// Makes a named pipe.
fn pipe(path: &Path) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// What `task` gives, unless it waits for somebody to write.
fn in_time<T: Send + 'static>(task: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = channel();
    std::thread::spawn(move || sender.send(task()));
    receiver.recv_timeout(Duration::from_secs(20)).expect("it waits for the pipe")
}

#[test]
fn pipes_in_the_place_of_files_are_refused_by_name() {
    let cases = [
        ("mnist", "train-images-idx3-ubyte"),
        ("cifar10", "data_batch_1.bin"),
        ("nmnist-small", "train1K.txt"),
        ("nmnist-small", "1.bs2"),
        ("dvs128-gesture", "trials_to_train.txt"),
        ("tiny-imagenet", "wnids.txt"),
    ];
    let mut visited = 0;
    for (name, path) in cases {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("train1K.txt"), "1 3\n").unwrap();
        if path == "train1K.txt" {
            std::fs::remove_file(root.path().join(path)).unwrap();
        }
        pipe(&root.path().join(path));
        let folder = root.path().to_path_buf();
        let (found, text) = in_time(move || {
            let found = identify(&folder).iter().any(|candidate| candidate.entry.name == name);
            (found, open(name, Split::Train, Some(&folder)).unwrap_err().to_string())
        });
        let expected = format!("{path}: expected a regular file, found a pipe");
        assert!(found && text.ends_with(&expected), "{name}: {text}");
        visited += 1;
    }
    assert_eq!(visited, 6);
}

/// Images are opened when they are read.
#[test]
fn a_pipe_among_images_is_named_by_the_census() {
    let root = tempfile::tempdir().unwrap();
    pipe(&root.path().join("train/cat/1.jpg"));
    pipe(&root.path().join("val/cat/1.jpg"));
    let set = open("image-folder", Split::Train, Some(root.path())).unwrap();
    let broken = in_time(move || census(&*set).broken);
    let text = broken[0].1.to_string();
    assert!(text.ends_with("1.jpg: expected a regular file, found a pipe"), "{text}");
}

#[test]
fn a_device_is_refused_by_name() {
    let text = file::read(Path::new("/dev/zero")).unwrap_err().to_string();
    assert_eq!(text, "/dev/zero: expected a regular file, found a device");
}
