//! The life of a run directory: begun, killed at any byte, resumed, completed, read back.

use std::fs;
use std::path::Path;

use candlewick_run::hash::sha256_hex;
use candlewick_run::manifest::SCHEMA;
use candlewick_run::{
    Accuracies, DataHash, EpochMetrics, EvaluationMetrics, GradientNorm, LayerMetrics, Manifest,
    MethodValues, Origin, RunDirectory, RunError, RunRecord, RunState, Samples, Status, Summary,
    Timing, TrainMetrics,
};

const RECIPE: &str = "# mine\nseed = 7\n";
const RESOLVED: &str = "seed = 7\n";

fn manifest() -> Manifest {
    Manifest {
        schema: SCHEMA,
        status: Status::Running,
        version: "0.1.0".to_owned(),
        recipe_hash: sha256_hex(RESOLVED.as_bytes()),
        source_hash: sha256_hex(RECIPE.as_bytes()),
        git_commit: None,
        git_dirty: None,
        features: Vec::new(),
        target: "x86_64-unknown-linux-gnu".to_owned(),
        device: "cpu".to_owned(),
        threads: 2,
        processor: None,
        instructions: None,
        seed: 7,
        samples: Some(Samples {
            kind: "image".into(),
            dims: vec![1, 8, 8],
            classes: vec!["zero".into(), "one".into()],
        }),
        data: vec![DataHash {
            name: "digits/train".to_owned(),
            samples: 1_000,
            sha256: "cd".repeat(32),
            choices: vec!["split = last-500".to_owned()],
        }],
        command_line: vec!["candlewick".to_owned(), "train".to_owned(), "a b.toml".to_owned()],
        started_at: Some(1_800_000_000),
    }
}

fn metrics(epoch: u32) -> EpochMetrics {
    EpochMetrics {
        epoch,
        time_steps: 4,
        learning_rate: 0.1 / f64::from(epoch),
        train: TrainMetrics { loss: 2.0 / f64::from(epoch), accuracy: 0.5 },
        validation: None,
        test: Some(EvaluationMetrics {
            loss: 1.0 / 3.0,
            accuracy: 0.617,
            accuracy_per_step: vec![0.1, 0.2, 0.3, 0.617],
            synaptic_operations: None,
            ..EvaluationMetrics::default()
        }),
        layers: vec![LayerMetrics {
            name: "conv1".to_owned(),
            firing_rate: 0.1,
            dead: Some(0.0),
            active_gradient: None,
            saturated: None,
        }],
        gradient_norms: vec![GradientNorm { name: "conv1.weight".to_owned(), norm: 1e-7 }],
        methods: vec![MethodValues { name: "output_weights".to_owned(), values: vec![0.9, 1.1] }],
    }
}

fn timing(epoch: u32) -> Timing {
    Timing {
        epoch,
        train_seconds: 1.25,
        evaluation_seconds: Some(0.5),
        images_per_second: 4_000.0,
        resident_bytes: None,
    }
}

fn summary() -> Summary {
    Summary {
        schema: SCHEMA,
        dataset: "digits".to_owned(),
        seed: 7,
        recipe_hash: "ab".repeat(32),
        epochs: 3,
        time_steps: 4,
        parameters: 1_234,
        accuracy: Accuracies { final_epoch: 0.617, best_on_test: 0.63, best_on_validation: None },
        loss: 1.0 / 3.0,
        firing_rate: Some(0.1),
        accuracy_per_step: vec![0.1, 0.617],
        synaptic_operations: None,
        layers: Vec::new(),
        seconds: 5.25,
        images_per_second: 4_000.0,
    }
}

fn begin(path: &Path) -> RunDirectory {
    let unknown = Manifest { recipe_hash: String::new(), source_hash: String::new(), ..manifest() };
    RunDirectory::create(path, unknown, RECIPE, RESOLVED)
        .expect("a temporary directory can be written")
}

#[test]
fn a_run_from_its_beginning_to_its_summary() {
    let root = tempfile::tempdir().unwrap();
    let path = RunDirectory::path_for(root.path(), "table-1", "tet", 7, &"ab".repeat(32));
    assert!(path.ends_with("table-1/tet/s7-abababab"));
    assert_eq!(RunDirectory::inspect(&path), RunState::Absent);

    let mut run = begin(&path);
    assert_eq!(RunDirectory::inspect(&path), RunState::Unfinished);
    assert!(run.checkpoints().is_dir());
    for epoch in 1..=3 {
        run.append_metrics(&metrics(epoch)).unwrap();
        run.append_timing(&timing(epoch)).unwrap();
    }
    assert_eq!(run.summary().unwrap(), None);
    run.complete(&summary()).unwrap();
    drop(run);

    let run = RunDirectory::open(&path).unwrap();
    assert!(run.is_complete());
    assert_eq!(*run.manifest(), Manifest { status: Status::Complete, ..manifest() });
    assert_eq!(run.recipe().unwrap(), RECIPE);
    assert_eq!(run.resolved().unwrap(), RESOLVED);
    assert_eq!(run.metrics().unwrap(), [metrics(1), metrics(2), metrics(3)]);
    assert_eq!(run.timings().unwrap(), [timing(1), timing(2), timing(3)]);
    assert_eq!(run.summary().unwrap(), Some(summary()));
    let record = RunRecord::read(&run).unwrap().unwrap();
    assert_eq!((record.summary, record.epochs.len()), (summary(), 3));
}

#[test]
fn a_line_of_metrics_is_the_same_text_everywhere() {
    let root = tempfile::tempdir().unwrap();
    begin(root.path()).append_metrics(&metrics(1)).unwrap();
    let text = fs::read_to_string(root.path().join("metrics.jsonl")).unwrap();
    let expected = concat!(
        r#"{"epoch":1,"time_steps":4,"learning_rate":0.1,"train":{"loss":2.0,"accuracy":0.5},"#,
        r#""test":{"loss":0.3333333333333333,"accuracy":0.617,"accuracy_per_step":[0.1,0.2,0.3,0.617]},"#,
        r#""layers":[{"name":"conv1","firing_rate":0.1,"dead":0.0}],"#,
        r#""gradient_norms":[{"name":"conv1.weight","norm":1e-7}],"#,
        r#""methods":[{"name":"output_weights","values":[0.9,1.1]}]}"#,
        "\n"
    );
    assert_eq!(text, expected);
}

/// Whatever byte the last write stopped at, going back to the checkpoint of epoch 2 gives the same file.
#[test]
fn killed_at_any_byte_and_resumed() {
    let root = tempfile::tempdir().unwrap();
    let run = begin(root.path());
    let file = root.path().join("metrics.jsonl");
    let mut ends = Vec::new();
    for epoch in 1..=3 {
        run.append_metrics(&metrics(epoch)).unwrap();
        run.append_timing(&timing(epoch)).unwrap();
        ends.push(fs::metadata(&file).unwrap().len() as usize);
    }
    drop(run);
    let whole = fs::read(&file).unwrap();
    let mut visited = 0;
    // Every write here is synced, so not every byte is tried, but the ends and many between are.
    let lengths = (ends[1]..whole.len()).step_by(17).chain([whole.len() - 1, whole.len()]);
    for length in lengths {
        fs::write(&file, &whole[..length]).unwrap();
        let mut run = RunDirectory::resume(root.path()).unwrap();
        let readable = run.metrics().unwrap().len();
        assert_eq!(readable, if length == whole.len() { 3 } else { 2 }, "at {length}");
        run.rewind(2).unwrap();
        assert_eq!(fs::read(&file).unwrap(), &whole[..ends[1]], "at {length}");
        run.append_metrics(&metrics(3)).unwrap();
        assert_eq!(fs::read(&file).unwrap(), whole, "at {length}");
        run.append_timing(&timing(3)).unwrap();
        visited += 1;
    }
    assert_eq!(visited, (ends[2] - ends[1]).div_ceil(17) + 2);
    assert!(visited > 20, "{visited}");
}

#[test]
fn a_run_killed_before_its_first_checkpoint_begins_again() {
    let root = tempfile::tempdir().unwrap();
    let run = begin(root.path());
    run.append_metrics(&metrics(1)).unwrap();
    drop(run);
    let mut run = RunDirectory::resume(root.path()).unwrap();
    run.rewind(0).unwrap();
    assert_eq!(run.metrics().unwrap(), []);
    assert_eq!(fs::metadata(root.path().join("metrics.jsonl")).unwrap().len(), 0);
}

#[test]
fn a_checkpoint_ahead_of_its_lines_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let mut run = begin(root.path());
    run.append_metrics(&metrics(1)).unwrap();
    run.append_timing(&timing(1)).unwrap();
    let message = run.rewind(2).unwrap_err().to_string();
    assert!(
        message.ends_with(
            "metrics.jsonl: the checkpoint is of epoch 2, but only 1 epochs are recorded"
        ),
        "{message}"
    );
}

#[test]
fn damage_inside_the_file_is_not_taken_for_a_torn_end() {
    let root = tempfile::tempdir().unwrap();
    let run = begin(root.path());
    let file = root.path().join("metrics.jsonl");
    for epoch in [1, 3] {
        run.append_metrics(&metrics(epoch)).unwrap();
    }
    let message = run.metrics().unwrap_err().to_string();
    assert!(message.ends_with("line 2: expected epoch 2, found epoch 3"), "{message}");

    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen("\"epoch\":1,", "\"epoch\":,", 1)).unwrap();
    let message = run.metrics().unwrap_err().to_string();
    assert!(message.contains("line 1: expected value"), "{message}");
}

#[test]
fn a_number_that_is_not_finite_never_reaches_the_disk() {
    let root = tempfile::tempdir().unwrap();
    let mut run = begin(root.path());
    let mut broken = metrics(1);
    broken.train.loss = f64::NAN;
    assert!(matches!(run.append_metrics(&broken), Err(RunError::Unwritable { .. })));
    assert!(!root.path().join("metrics.jsonl").exists());
    let broken = Summary { seconds: f64::INFINITY, ..summary() };
    let message = run.complete(&broken).unwrap_err().to_string();
    assert!(message.ends_with("`seconds` is not a finite number"), "{message}");
    assert!(!run.is_complete());
}

#[test]
fn two_writers_exclude_each_other_and_readers_do_not_mind() {
    let root = tempfile::tempdir().unwrap();
    let run = begin(root.path());
    assert!(matches!(RunDirectory::resume(root.path()), Err(RunError::Locked { .. })));
    assert!(RunDirectory::open(root.path()).is_ok());
    drop(run);
    assert!(RunDirectory::resume(root.path()).is_ok());
}

#[test]
fn an_existing_run_is_never_overwritten() {
    let root = tempfile::tempdir().unwrap();
    begin(root.path()).complete(&summary()).unwrap();
    let again = RunDirectory::create(root.path(), manifest(), "", "");
    assert!(matches!(again, Err(RunError::Exists { .. })));
    assert!(matches!(RunDirectory::resume(root.path()), Err(RunError::Exists { .. })));
    assert_eq!(RunDirectory::open(root.path()).unwrap().summary().unwrap(), Some(summary()));
}

#[test]
fn a_run_killed_between_manifest_and_recipe_is_as_if_never_begun() {
    let root = tempfile::tempdir().unwrap();
    drop(begin(root.path()));
    fs::remove_file(root.path().join("resolved.toml")).unwrap();
    assert_eq!(RunDirectory::inspect(root.path()), RunState::Absent);
    let message = RunDirectory::open(root.path()).unwrap_err().to_string();
    assert!(message.ends_with("is not a run directory: it has no resolved.toml"), "{message}");
    drop(begin(root.path()));
    assert_eq!(RunDirectory::inspect(root.path()), RunState::Unfinished);
}

#[test]
fn files_of_another_version_are_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    drop(begin(root.path()));
    fs::write(root.path().join("manifest.json"), "{\n  \"schema\": 1\n}\n").unwrap();
    let message = RunDirectory::open(root.path()).unwrap_err().to_string();
    let expected = format!("manifest.json: schema 1, but this version reads schema {SCHEMA}");
    assert!(message.ends_with(&expected), "{message}");
}

/// A complete run of three epochs.
fn complete(path: &Path) -> Result<(), RunError> {
    let mut run = begin(path);
    for epoch in 1..=3 {
        run.append_metrics(&metrics(epoch))?;
        run.append_timing(&timing(epoch))?;
    }
    run.complete(&summary())
}

#[test]
fn a_changed_character_anywhere_in_a_run_is_noticed_and_its_file_named() {
    let root = tempfile::tempdir().unwrap();
    complete(root.path()).unwrap();
    let mut visited = 0;
    for name in ["manifest.json", "recipe.toml", "resolved.toml", "summary.json", "metrics.jsonl"] {
        let file = root.path().join(name);
        let whole = fs::read(&file).unwrap();
        for at in (0..whole.len()).step_by(7) {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(&file, damaged).unwrap();
            let outcome = RunDirectory::open(root.path()).and_then(|run| RunRecord::read(&run));
            let message = outcome.expect_err(name).to_string();
            assert!(message.contains(name), "{name}, byte {at}: {message}");
            visited += 1;
        }
        fs::write(&file, whole).unwrap();
    }
    assert!(visited > 200, "{visited}");
    let run = RunDirectory::open(root.path()).unwrap();
    assert!(RunRecord::read(&run).unwrap().is_some());
}

#[test]
fn a_document_of_another_run_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let (mine, other) = (root.path().join("mine"), root.path().join("other"));
    complete(&mine).unwrap();
    RunDirectory::create(&other, manifest(), RECIPE, "seed = 8\n")
        .unwrap()
        .complete(&summary())
        .unwrap();
    fs::copy(other.join("summary.json"), mine.join("summary.json")).unwrap();
    let message = RunDirectory::open(&mine).unwrap().summary().unwrap_err().to_string();
    assert!(message.contains("summary.json: written with another recipe: expected "), "{message}");
}

#[test]
fn an_origin_is_of_its_run_and_of_its_epochs() {
    let root = tempfile::tempdir().unwrap();
    let run = begin(root.path());
    let start = Origin::of(&run, 0).unwrap();
    for epoch in 1..=3 {
        run.append_metrics(&metrics(epoch)).unwrap();
    }
    let file = Path::new("last.safetensors");
    let origin = Origin::of(&run, 2).unwrap();
    for known in [&start, &origin, &Origin::of(&run, 3).unwrap()] {
        known.check(&run, file).unwrap();
    }
    let refused = |origin: Origin| origin.check(&run, file).unwrap_err().to_string();
    let seed = refused(Origin { seed: 8, ..origin.clone() });
    assert_eq!(seed, "last.safetensors: written with another seed: expected 7, found 8");
    let recipe = refused(Origin { recipe_hash: "ab".into(), ..origin.clone() });
    assert!(recipe.starts_with("last.safetensors: written with another recipe"), "{recipe}");
    let ahead = refused(Origin { epochs: 4, ..origin.clone() });
    assert!(ahead.ends_with("is of epoch 4, but only 3 epochs are recorded"), "{ahead}");

    let lines = root.path().join("metrics.jsonl");
    let text = fs::read_to_string(&lines).unwrap();
    // A digit of the third epoch does not concern the second.
    fs::write(
        &lines,
        text.replacen("\"epoch\":3,\"time_steps\":4", "\"epoch\":3,\"time_steps\":5", 1),
    )
    .unwrap();
    origin.check(&run, file).unwrap();
    fs::write(
        &lines,
        text.replacen("\"epoch\":2,\"time_steps\":4", "\"epoch\":2,\"time_steps\":5", 1),
    )
    .unwrap();
    let message = refused(origin);
    assert!(message.contains("metrics.jsonl: damaged or edited: expected SHA-256 "), "{message}");
}

#[test]
fn damaged_recipes_are_mended_from_their_texts_and_from_no_others() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path();
    drop(begin(path));
    assert!(RunDirectory::mend(path, RECIPE, RESOLVED).unwrap().is_empty());
    let mut visited = 0;
    for damaged in
        [vec!["resolved.toml"], vec!["recipe.toml"], vec!["resolved.toml", "recipe.toml"]]
    {
        for (index, name) in damaged.iter().enumerate() {
            if index == 0 {
                fs::write(path.join(name), "seed = 9\n").unwrap();
            } else {
                fs::remove_file(path.join(name)).unwrap();
            }
        }
        assert!(RunDirectory::open(path).is_err());
        assert!(RunDirectory::mend(path, RECIPE, "seed = 9\n").unwrap().is_empty());
        assert!(RunDirectory::open(path).is_err());
        assert_eq!(RunDirectory::mend(path, RECIPE, RESOLVED).unwrap(), damaged);
        assert_eq!(*RunDirectory::open(path).unwrap().manifest(), manifest());
        visited += 1;
    }
    assert_eq!(visited, 3);
    // The recipe may have got another comment since the start.
    fs::write(path.join("recipe.toml"), "").unwrap();
    RunDirectory::mend(path, "# yours\nseed = 7\n", RESOLVED).unwrap();
    assert_eq!(RunDirectory::open(path).unwrap().recipe().unwrap(), "# yours\nseed = 7\n");
}

#[test]
fn what_was_measured_is_not_overwritten_when_the_manifest_is_lost() {
    let root = tempfile::tempdir().unwrap();
    let run = begin(root.path());
    run.append_metrics(&metrics(1)).unwrap();
    drop(run);
    fs::remove_file(root.path().join("manifest.json")).unwrap();
    assert_eq!(RunDirectory::inspect(root.path()), RunState::Unfinished);
    let again = RunDirectory::create(root.path(), manifest(), RECIPE, RESOLVED);
    assert!(matches!(again, Err(RunError::Exists { .. })));
    let message = RunDirectory::resume(root.path()).unwrap_err().to_string();
    assert!(message.ends_with("is not a run directory: it has no manifest.json"), "{message}");
}
