//! `candlewick predict` on the files of test sets says what `evaluate` counts.

use std::fs;
use std::path::Path;

use candlewick::datasets::event::{Format, encode};
use candlewick::datasets::{Image, Picture, Sample, Split, open};
use serde_json::Value;

use crate::Place;

/// Learns enough to be right sometimes and wrong sometimes.
const IMAGES: &str = r#"
[data]
name = "digits"
train_per_class = 20
test_per_class = 6
[input]
augment = [{ normalize = { mean = [0.3], std = [0.4] } }]
[network.spec]
layers = "4C3-AP2-FC10"
[train]
stages = [{ epochs = 3, time_steps = 2 }]
optimizer = { adamw = { learning_rate = 5e-3 } }
"#;

const EVENTS: &str = r#"
[data]
name = "fashion-mnist-dvs"
train_per_class = 4
test_per_class = 3
[input.events]
resize = { way = "bilinear", height = 12, width = 12 }
[network.spec]
layers = "4C3-AP2-FC10"
[train]
stages = [{ epochs = 2, time_steps = 3 }]
optimizer = { adamw = { learning_rate = 5e-3 } }
"#;

impl Place {
    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.output(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// Writes the first `per_class` test samples of each class into `test/LABEL`, and counts them.
fn write_test_set(place: &Place, name: &str, per_class: usize) -> usize {
    let set = open(name, Split::Test, None).unwrap();
    let (mut seen, mut count) = ([0; 10], 0);
    for index in 0..set.len() {
        let label = set.label(index) as usize;
        seen[label] += 1;
        if seen[label] > per_class {
            continue;
        }
        let (bytes, extension) = match set.read(index).unwrap() {
            Sample::Image(image) => (Picture::of(&image).png().unwrap(), "png"),
            Sample::Events(events) => (encode(&events, Format::Atis).unwrap(), "bin"),
            Sample::Array(_) => panic!("no such file"),
        };
        let folder = place.path(format!("test/{label}"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{index}.{extension}")), bytes).unwrap();
        count += 1;
    }
    count
}

/// The folder's name is the label.
fn label(prediction: &Value) -> u64 {
    let folder = Path::new(prediction["file"].as_str().unwrap()).parent().unwrap();
    folder.file_name().unwrap().to_str().unwrap().parse().unwrap()
}

#[test]
fn predictions_of_files_are_those_of_the_evaluation() {
    let mut visited = 0;
    for (name, recipe, per_class) in [("digits", IMAGES, 6), ("fashion-mnist-dvs", EVENTS, 3)] {
        let place = Place::with(recipe);
        assert_eq!(place.code(&["train", "r.toml"]), (0, String::new()));
        let run = place.run();
        let run = run.to_str().unwrap();
        let count = write_test_set(&place, name, per_class);
        let answer = place.json(&["predict", run, "test", "--format", "json", "--top", "10"]);
        let predictions = answer["predictions"].as_array().unwrap();
        assert_eq!((predictions.len(), count), (count, 10 * per_class));
        let right = predictions.iter().filter(|one| one["class"] == label(one)).count();
        let evaluated = place.json(&["evaluate", run, "--format", "json"]);
        let accuracy = evaluated["evaluations"][0]["accuracy"].as_f64().unwrap();
        assert!((accuracy - right as f64 / count as f64).abs() < 1e-9, "{accuracy}, {right}");
        assert!(right > 0 && right < count, "{right} of {count} tell nothing");
        // The names are those of the data set, and the probabilities add up.
        let classes = open(name, Split::Test, None).unwrap().info().classes.clone();
        for one in predictions {
            assert_eq!(one["name"], classes[one["class"].as_u64().unwrap() as usize]);
            let top = one["top"].as_array().unwrap();
            let sum: f64 = top.iter().map(|one| one["probability"].as_f64().unwrap()).sum();
            assert!(top.len() == 10 && (sum - 1.0).abs() < 1e-5, "{sum}");
        }
        // The file of `export` says the same without the run.
        assert_eq!(place.code(&["export", run, "--out", "net.safetensors"]), (0, String::new()));
        let again =
            place.json(&["predict", "net.safetensors", "test", "--format", "json", "--top", "10"]);
        assert_eq!(again["predictions"], answer["predictions"]);
        visited += 1;
    }
    assert_eq!(visited, 2);
}

#[test]
fn a_bad_file_is_named_and_the_others_are_classified() {
    let (place, run) = Place::trained();
    let run = run.to_str().unwrap();
    let good = Picture::new(8, 8, [90; 3]).png().unwrap();
    fs::write(place.path("good.png"), &good).unwrap();
    fs::write(place.path("cut.png"), &good[..good.len() - 9]).unwrap();
    fs::write(place.path("large.png"), Picture::new(12, 8, [90; 3]).png().unwrap()).unwrap();
    fs::write(place.path("words.png"), "no picture").unwrap();
    let files = ["good.png", "cut.png", "large.png", "words.png", "none.png"];
    let output = place.output(&[&["predict", run, "--format", "csv"], &files[..]].concat());
    assert_eq!(output.status.code(), Some(3));
    let lines: Vec<_> = std::str::from_utf8(&output.stdout).unwrap().lines().collect();
    assert_eq!(lines[0], "file,rank,class,name,probability");
    assert!(lines.len() == 2 && lines[1].starts_with("good.png,1,"), "{lines:?}");
    let errors = String::from_utf8(output.stderr).unwrap();
    for words in [
        "cut.png: image: expected a whole PNG",
        "large.png: digits: samples: images of 8×12×1: expected images of 8×8×1, as in the training, since `",
        "; --resize brings it to that size",
        "words.png: image: expected JPEG or PNG",
        "none.png: ",
        "4 of 5 files have no prediction",
    ] {
        assert!(errors.contains(words), "{words}: {errors}");
    }
    let (code, error) = place.code(&["predict", run, "good.png", "large.png", "--resize"]);
    assert_eq!((code, error.as_str()), (0, ""));
    let text = place.output(&["predict", run, "good.png"]).stdout;
    assert!(String::from_utf8(text).unwrap().trim_end().ends_with(" %"));
}

/// Behind global pooling the size of an image is free.
#[test]
fn other_sizes_are_taken_where_the_network_allows() {
    let place = Place::with(&IMAGES.replace("4C3-AP2-FC10", "8C3-GAP-FC10"));
    assert_eq!(place.code(&["train", "r.toml"]), (0, String::new()));
    let run = place.run();
    for (name, height, width) in [("large.png", 10, 12), ("small.png", 8, 8)] {
        let pixels: Vec<u8> = (0..height * width).map(|place| (place * 37 % 256) as u8).collect();
        let image = Image { channels: 1, height, width, pixels: pixels.into() };
        fs::write(place.path(name), Picture::of(&image).png().unwrap()).unwrap();
    }
    let answer = place.json(&[
        "predict",
        run.to_str().unwrap(),
        "large.png",
        "small.png",
        "large.png",
        "--format",
        "json",
    ]);
    let scores: Vec<_> =
        answer["predictions"].as_array().unwrap().iter().map(|one| &one["scores"]).collect();
    assert!(scores.len() == 3 && scores[0] == scores[2] && scores[0] != scores[1], "{scores:?}");
}
