//! `--launch slurm` with stand-ins for the commands of Slurm.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::{Place, RECIPE};

/// Numbers jobs from 1, and keeps their scripts; refuses what asks for a partition that is not there.
const SBATCH: &str = r#"#!/bin/sh
cd "$(dirname "$0")" || exit
job=1
while [ -e "$job.job" ]; do job=$((job + 1)); done
cat > "$job.job"
if grep -q partition=none "$job.job"; then
    rm "$job.job"
    echo "sbatch: error: invalid partition specified: none" >&2
    exit 1
fi
echo "$job"
"#;

/// Says what the test wrote.
const SQUEUE: &str = "#!/bin/sh\ncat \"$(dirname \"$0\")/queue\"\n";

/// Two rows of a table, and a cluster for them.
struct Cluster(Place);

impl Cluster {
    fn new() -> Self {
        let place = Place::with(RECIPE);
        let rows =
            "[[rows]]\nid = \"plain\"\n[[rows]]\nid = \"tet\"\nrecipe = { loss = { tet = {} } }\n";
        let base = RECIPE.replace("[data]", "[base.data]").replace("[network", "[base.network");
        let base = base.replace("[train]", "[base.train]");
        fs::write(place.path("mine.toml"), format!("{base}{rows}")).unwrap();
        fs::create_dir(place.path("bin")).unwrap();
        for (name, text) in [("sbatch", SBATCH), ("squeue", SQUEUE)] {
            let path = place.path("bin").join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let cluster = Self(place);
        cluster.queue("");
        cluster
    }

    /// What waits or runs from now on.
    fn queue(&self, tasks: &str) {
        fs::write(self.0.path("bin/queue"), tasks).unwrap();
    }

    fn command(&self, more: &[&str]) -> Command {
        let path = std::env::var_os("PATH").unwrap();
        let folders = [self.0.path("bin")].into_iter().chain(std::env::split_paths(&path));
        let path = std::env::join_paths(folders).unwrap();
        let mut command = self.0.command(&["reproduce", "mine.toml", "--seeds", "2"]);
        command.args(more).env("PATH", path);
        command
    }

    /// What the command says, and prints.
    fn reproduce(&self, more: &[&str]) -> [String; 2] {
        let output = self.command(more).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        [said, String::from_utf8(output.stdout).unwrap()]
    }

    /// Runs a task of a job, as a node does.
    fn run(&self, job: usize, task: usize) -> Output {
        let mut shell = Command::new("sh");
        shell.arg(self.0.path(format!("bin/{job}.job"))).current_dir("/");
        shell.env("SLURM_ARRAY_TASK_ID", task.to_string()).output().unwrap()
    }

    fn has_job(&self, job: usize) -> bool {
        self.0.path(format!("bin/{job}.job")).exists()
    }
}

const SLURM: [&str; 2] = ["--launch", "slurm"];

/// The results in a folder of runs, but for where and how fast.
fn results(folder: &Path) -> Value {
    let text = fs::read(folder.join("results.json")).unwrap();
    let mut results: Value = serde_json::from_slice(&text).unwrap();
    for row in results["rows"].as_array_mut().unwrap() {
        for run in row["runs"].as_array_mut().unwrap() {
            run.as_object_mut().unwrap().remove("directory").unwrap();
            for name in ["seconds", "images_per_second"] {
                run["summary"].as_object_mut().unwrap().remove(name).unwrap();
            }
        }
    }
    results
}

#[test]
fn a_table_is_submitted_collected_and_completed() {
    let cluster = Cluster::new();
    let long = [&SLURM[..], &["--slurm-option=--partition=long"]].concat();
    let [said, printed] = cluster.reproduce(&long);
    assert!(
        said.contains("submitted: job 1, 4 tasks with --cpus-per-task=1 --time=0-00:1"),
        "{said}"
    );
    assert!(said.contains("Partial: 4 of 4 runs not complete") && printed.is_empty(), "{said}");
    let script = fs::read_to_string(cluster.0.path("bin/1.job")).unwrap();
    assert_eq!(script, fs::read_to_string(cluster.0.path("runs/slurm/1.sh")).unwrap());
    assert!(script.contains("#SBATCH --array=0-3\n"), "{script}");
    assert!(script.contains("#SBATCH --partition=long\n"), "{script}");

    // Nothing twice, whether it waits, runs or is complete.
    cluster.queue("1_0\n1_1\n1_2\n1_3\n7_0\n");
    let [said, _] = cluster.reproduce(&SLURM);
    assert!(said.contains("in the queue: 4 of 4 open runs"), "{said}");
    for task in 0..3 {
        let output = cluster.run(1, task);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stdout.is_empty());
    }
    cluster.queue("1_3\n");
    let [said, printed] = cluster.reproduce(&SLURM);
    assert!(said.contains("in the queue: 1 of 1 open runs"), "{said}");
    assert!(!cluster.has_job(2));

    // The last one is lost.
    cluster.queue("");
    let partial = "Partial: 1 of 4 runs not complete: mine, row tet, seed 2.";
    let [said, again] = cluster.reproduce(&["--collect"]);
    assert!(said.contains(partial) && printed.contains(partial), "{said}{printed}");
    assert!(printed.contains("1 seed") && printed.contains("2 seeds"), "{printed}");
    assert_eq!(printed.lines().next(), again.lines().next());
    let [said, _] = cluster.reproduce(&[&SLURM[..], &["--collect"]].concat());
    assert!(said.contains("tet seed 2: its task ended early, see "), "{said}");
    assert!(said.contains("runs/slurm/1_3.log") && !said.contains("submitted"), "{said}");
    assert!(!cluster.0.path("runs/mine/demo/results.json").exists());

    let [said, _] = cluster.reproduce(&SLURM);
    assert!(said.contains("submitted: job 2, 1 task with ") && !cluster.has_job(3), "{said}");
    assert!(cluster.run(2, 0).status.success());
    let [said, printed] = cluster.reproduce(&SLURM);
    assert!(said.contains("0 runs to train, 4 complete") && !said.contains("submitted"), "{said}");
    assert!(!printed.contains("Partial"), "{printed}");

    // And is the table of one machine.
    cluster.reproduce(&["--runs-dir", "here", "--threads", "1"]);
    let folders = ["runs", "here"].map(|runs| cluster.0.path(runs).join("mine/demo/partial"));
    let [slurm, local] = folders.map(|folder| results(&folder));
    assert_eq!(slurm, local);
}

/// A task that comes too late has nothing to do, or says that its run is no more.
#[test]
fn a_task_trains_nothing_twice_and_nothing_else() {
    let cluster = Cluster::new();
    cluster.reproduce(&SLURM);
    assert!(cluster.run(1, 1).status.success());
    let late = cluster.run(1, 1);
    let said = String::from_utf8(late.stderr).unwrap();
    assert!(late.status.success() && said.contains("0 runs to train, 1 complete"), "{said}");
    // The table changes between submission and start.
    let table = fs::read_to_string(cluster.0.path("mine.toml")).unwrap();
    fs::write(cluster.0.path("mine.toml"), table.replace("epochs = 2", "epochs = 3")).unwrap();
    let output = cluster.run(1, 0);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("mine as it is now has no run there"), "{said}");
}

#[test]
fn a_dry_run_needs_no_slurm_and_leaves_nothing() {
    let cluster = Cluster::new();
    let limits = ["--slurm-option=--time=10", "--slurm-option=--mem=1G", "--dry-run"];
    let dry = [&SLURM[..], &limits].concat();
    let mut command = cluster.command(&dry);
    let output = command.env("PATH", cluster.0.path("nowhere")).output().unwrap();
    let (said, script) =
        (String::from_utf8(output.stderr).unwrap(), String::from_utf8(output.stdout).unwrap());
    assert!(output.status.success() && !said.contains("measuring"), "{said}");
    assert!(script.starts_with("#!/bin/sh\n") && script.contains("#SBATCH --mem=1G\n"), "{script}");
    assert!(!cluster.0.path("runs").exists() && !cluster.has_job(1));
}

#[test]
fn what_cannot_be_submitted_is_said_in_a_sentence() {
    let cluster = Cluster::new();
    let refused = |command: &mut Command| {
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let error = said.lines().find(|line| line.starts_with("error: ")).unwrap().to_owned();
        (output.status.code().unwrap(), error)
    };
    let mut command = cluster.command(&SLURM);
    let (code, error) = refused(command.env("PATH", cluster.0.path("nowhere")));
    assert_eq!(code, 2);
    assert!(
        error.contains("expected the command sbatch of Slurm on the PATH, found none"),
        "{error}"
    );
    let none =
        ["--slurm-option=--partition=none", "--slurm-option=--mem=1", "--slurm-option=--time=1"];
    let (code, error) = refused(&mut cluster.command(&[&SLURM[..], &none].concat()));
    assert_eq!(code, 1);
    let expected = "sbatch refused the job: sbatch: error: invalid partition specified: none";
    assert!(error.ends_with(expected), "{error}");
    assert!(!cluster.0.path("runs/slurm/1.sh").exists());
    for alone in ["--dry-run", "--slurm-option=--qos=x"] {
        let (code, error) = refused(&mut cluster.command(&[alone]));
        assert!(code == 2 && error.contains("goes with --launch slurm"), "{error}");
    }
    let (code, error) =
        refused(&mut cluster.command(&[&SLURM[..], &["--slurm-option=x"]].concat()));
    assert!(code == 2 && error.contains("such as --partition=long"), "{error}");
    // Without an answer of the queue, nothing is submitted again.
    cluster.reproduce(&SLURM);
    fs::write(cluster.0.path("bin/squeue"), "#!/bin/sh\necho timed out >&2\nexit 1\n").unwrap();
    let (code, error) = refused(&mut cluster.command(&SLURM));
    assert!(code == 1 && error.ends_with("submitted before: timed out"), "{error}");
    assert!(!cluster.has_job(2));
}
