//! The life of a run directory: begun, killed at any byte, resumed, completed, read back.

use std::fs;
use std::path::Path;

use candlewick_run::{
    Accuracies, DataHash, EpochMetrics, EvaluationMetrics, GradientNorm, LayerMetrics, Manifest,
    MethodValues, RunDirectory, RunError, RunRecord, RunState, Status, Summary, Timing,
    TrainMetrics,
};

fn manifest() -> Manifest {
    Manifest {
        schema: 1,
        status: Status::Running,
        version: "0.1.0".to_owned(),
        recipe_hash: "ab".repeat(32),
        git_commit: None,
        git_dirty: None,
        features: Vec::new(),
        target: "x86_64-unknown-linux-gnu".to_owned(),
        device: "cpu".to_owned(),
        threads: 2,
        seed: 7,
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
        schema: 1,
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
    RunDirectory::create(path, manifest(), "# mine\nseed = 7\n", "seed = 7\n")
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
    assert_eq!(run.recipe().unwrap(), "# mine\nseed = 7\n");
    assert_eq!(run.resolved().unwrap(), "seed = 7\n");
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
fn files_of_another_version_or_with_unknown_keys_are_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    drop(begin(root.path()));
    let file = root.path().join("manifest.json");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("\"schema\": 1", "\"schema\": 9")).unwrap();
    let message = RunDirectory::open(root.path()).unwrap_err().to_string();
    assert!(
        message.ends_with("manifest.json: schema 9, but this version reads schema 1"),
        "{message}"
    );
    fs::write(&file, text.replace("\"threads\"", "\"treads\"")).unwrap();
    let message = RunDirectory::open(root.path()).unwrap_err().to_string();
    assert!(message.contains("unknown field `treads`"), "{message}");
}
