//! A run's saved network is the one that was evaluated.

use std::error::Error;
use std::sync::atomic::AtomicBool;

use candlewick_datasets::{Image, Sample, Split, open};
use candlewick_experiment::{Experiment, Machine, RawRecipe, Trained};
use candlewick_run::manifest::SCHEMA;
use candlewick_run::{Manifest, RunDirectory, Status};
use candlewick_train::{Ended, Silent};

type Checked = Result<(), Box<dyn Error>>;

const IMAGES: &str = r#"
[data]
name = "digits"
train_per_class = 40
test_per_class = 8

[input]
augment = [{ crop = { padding = 1 } }, { normalize = { mean = [0.3], std = [0.4] } }]

[network.spec]
layers = "16C3-AP2-FC10"

[methods.temporally_weighted_output]
start_epoch = 0

[train]
stages = [{ epochs = 1, time_steps = 2 }, { epochs = 2, time_steps = 3 }]
optimizer = { adamw = { learning_rate = 5e-3 } }
"#;

const EVENTS: &str = r#"
[data]
name = "fashion-mnist-dvs"
train_per_class = 4
test_per_class = 2

[input]
batch_size = 8

[input.events]
resize = { way = "bilinear", height = 12, width = 12 }

[network.spec]
layers = "8C3-AP2-FC10"

[train]
stages = [{ epochs = 1, time_steps = 4 }]
optimizer = { sgd = {} }
"#;

#[test]
fn a_saved_network_classifies_as_it_was_evaluated() -> Checked {
    let folder = tempfile::tempdir()?;
    let mut visited = 0;
    for (name, text, per_class) in [("images", IMAGES, 8), ("events", EVENTS, 2)] {
        let recipe = RawRecipe::parse(text, name)?.resolve(name)?;
        let path = folder.path().join(name);
        let manifest = Manifest {
            schema: SCHEMA,
            status: Status::Running,
            version: "0".into(),
            recipe_hash: String::new(),
            source_hash: String::new(),
            git_commit: None,
            git_dirty: None,
            features: Vec::new(),
            target: "test".into(),
            device: "cpu".into(),
            threads: 1,
            processor: None,
            instructions: None,
            seed: 1,
            data: Vec::new(),
            samples: None,
            command_line: Vec::new(),
            started_at: None,
        };
        let mut run = RunDirectory::create(&path, manifest, text, &recipe.to_toml()?)?;
        let machine = Machine { workers: 0, ..Machine::default() };
        let set = open(&recipe.data.name, Split::Test, None)?;
        let mut experiment = Experiment::prepare(recipe, name, &machine)?;
        let ended = experiment.train(Some(&mut run), &mut Silent, &AtomicBool::new(false))?;
        let Ended::Complete(summary) = ended else { return Err("not complete".into()) };

        let trained = Trained::open(&path)?;
        let (mut samples, mut labels, mut seen) = (Vec::new(), Vec::new(), [0; 10]);
        for index in 0..set.len() {
            let label = set.label(index) as usize;
            seen[label] += 1;
            if seen[label] <= per_class {
                samples.push(set.read(index)?);
                labels.push(label);
            }
        }
        let predictions = trained.classify(&samples)?;
        let right = predictions.iter().zip(&labels).filter(|(found, label)| found.class == **label);
        let (right, count) = (right.count(), predictions.len());
        // Alone or in a batch, in the same bits.
        for place in [0, count - 1] {
            assert_eq!(trained.classify(&samples[place..=place])?, predictions[place..=place]);
        }
        assert_eq!(trained.classify(&[])?, []);
        assert_eq!(trained.classes(), set.info().classes);
        assert_eq!(count, 10 * per_class);
        let accuracy = right as f64 / count as f64;
        let evaluated = summary.accuracy.final_epoch;
        assert!((accuracy - evaluated).abs() < 1e-9, "{name}: {accuracy}, evaluated {evaluated}");
        if name == "images" {
            assert!(accuracy > 0.3, "it has learned nothing: {accuracy}");
        }

        let file = folder.path().join(format!("{name}.safetensors"));
        trained.save(&file)?;
        let loaded = Trained::open(&file)?;
        assert_eq!(loaded.classify(&samples)?, predictions);
        assert_eq!(loaded.classes(), trained.classes());
        assert_eq!(loaded.recipe(), trained.recipe());

        // What was edited since is not evaluated.
        let resolved = path.join("resolved.toml");
        let whole = std::fs::read_to_string(&resolved)?;
        std::fs::write(&resolved, whole.replacen("v_threshold = 1.0", "v_threshold = 2.0", 1))?;
        let error = Trained::open(&path).err().ok_or("an edited recipe was read")?.to_string();
        assert!(error.contains("resolved.toml: damaged or edited: expected SHA-256"), "{error}");
        std::fs::write(&resolved, whole)?;
        // A network of the same shape, but not of this run.
        std::fs::copy(&file, run.checkpoints().join("last.safetensors"))?;
        let error = Trained::open(&path).err().ok_or("a foreign file was read")?.to_string();
        assert!(error.ends_with("origin: it was not written in a run"), "{error}");

        let pixels = vec![0; 15].into();
        let other = Sample::Image(Image { channels: 1, height: 5, width: 3, pixels });
        let error = trained.classify(&[other]).unwrap_err().to_string();
        assert!(error.contains("images of 5×3×1: expected "), "{error}");
        visited += 1;
    }
    assert_eq!(visited, 2);
    Ok(())
}
