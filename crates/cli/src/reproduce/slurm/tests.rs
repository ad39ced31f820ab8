//! The script, its limits, and what is submitted of what is open.

use std::collections::BTreeSet;
use std::path::Path;

use candlewick::experiment::Scale;
use candlewick::experiment::estimate::Cost;
use clap::Parser;

use super::script::{Script, command, runs};
use super::{Limits, Submitted, job_id};
use crate::arguments::{Arguments, Command, ReproduceArguments};

const SCRIPT: &str = "\
#!/bin/sh
# Trains runs of table-1 (reduced scale), a task each.
#SBATCH --job-name=table-1
#SBATCH --array=0-2%2
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --time=1-06:40:00
#SBATCH --mem=2512M
#SBATCH --signal=B:TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH '--output=/data/50%% of it/slurm/%A_%a.log'
#SBATCH --partition=long
#SBATCH '--comment=it'\\''s mine'

run=$(sed -n \"$((SLURM_ARRAY_TASK_ID + 1))p\" <<'RUNS'
table-1/reduced/sdt/s1-00000000
table-1/reduced/it's/s1-11111111
claims/tet/reduced/sdt/s1-22222222
RUNS
)
exec '/opt/candle wick' reproduce table-1 --task \"$run\"
";

const RUNS: [&str; 3] = [
    "table-1/reduced/sdt/s1-00000000",
    "table-1/reduced/it's/s1-11111111",
    "claims/tet/reduced/sdt/s1-22222222",
];

fn words(text: &[&str]) -> Vec<String> {
    text.iter().map(|word| (*word).to_owned()).collect()
}

fn cost(seconds: f64, mebibytes: u64) -> Cost {
    Cost { seconds, bytes: Some(mebibytes << 20) }
}

#[test]
fn the_script_as_a_whole() {
    let options = words(&["--partition=long", "--comment=it's mine"]);
    let mut limits = Limits::unknown(4, &options);
    // The longest and the largest row: 3 × 10 h and 10 min, rounded up; 2 × 1000 MiB and 512.
    limits.measured([cost(36_000.0 + 599.0, 30), cost(7.0, 1000)].into_iter());
    let script = Script {
        table: "table-1",
        scale: Scale::Reduced,
        runs: words(&RUNS),
        limits: &limits,
        side_by_side: Some(2),
        options: &options,
        folder: Path::new("/data/50% of it/slurm"),
        command: words(&["/opt/candle wick", "reproduce", "table-1"]),
    };
    assert_eq!(script.text(), SCRIPT);
    assert_eq!(runs(SCRIPT).collect::<Vec<_>>(), RUNS);
    assert_eq!(runs("#!/bin/sh\necho 1\n").count(), 0);
}

/// The shell that runs a task finds the run of its number.
#[cfg(unix)]
#[test]
fn each_task_takes_its_own_run() {
    let script = SCRIPT.replace("exec '/opt/candle wick'", "exec echo");
    for (task, run) in RUNS.iter().enumerate() {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &script]).env("SLURM_ARRAY_TASK_ID", task.to_string());
        let said = String::from_utf8(shell.output().unwrap().stdout).unwrap();
        assert_eq!(said, format!("reproduce table-1 --task {run}\n"));
    }
    assert_eq!(RUNS.len(), 3);
}

#[test]
fn what_the_user_says_is_not_measured() {
    let limits = |options: &[&str]| {
        let mut limits = Limits::unknown(1, &words(options));
        let measured = limits.are_to_be_measured();
        limits.measured([cost(1.0, 100)].into_iter());
        (measured, limits.options()[1..].join(" "))
    };
    assert_eq!(limits(&["--qos=x"]), (true, "--time=0-00:11:00 --mem=712M".into()));
    assert_eq!(limits(&["--time=5", "--timeout"]), (true, "--mem=712M".into()));
    assert_eq!(limits(&["--mem-per-cpu=1G"]), (true, "--time=0-00:11:00".into()));
    assert_eq!(limits(&["--time 5", "--mem=0"]), (false, String::new()));
    let mut unknown = Limits::unknown(1, &[]);
    unknown.measured([Cost { seconds: 1.0, bytes: None }].into_iter());
    assert_eq!(unknown.to_string(), "--cpus-per-task=1 --time=0-00:11:00");
}

#[test]
fn a_run_is_in_the_queue_by_any_of_its_tasks() {
    let again = SCRIPT.replace("table-1/reduced/sdt/s1-00000000\n", "");
    let submitted = Submitted::of([(99, SCRIPT), (100, &again)]);
    let queue = |tasks: &[&str]| -> BTreeSet<String> { words(tasks).into_iter().collect() };
    assert_eq!(submitted.last(RUNS[0]), Some("99_0"));
    assert_eq!(submitted.last(RUNS[2]), Some("100_1"));
    assert_eq!(submitted.last("table-1/reduced/sdt/s2-00000000"), None);
    assert!(submitted.is_in(RUNS[2], &queue(&["99_2"])));
    assert!(submitted.is_in(RUNS[2], &queue(&["98_0", "100_1"])));
    assert!(!submitted.is_in(RUNS[2], &queue(&["100_2", "99_1"])));
}

#[test]
fn scripts_are_read_from_their_folder() {
    let folder = tempfile::tempdir().unwrap();
    let read = |folder: &Path| Submitted::read(folder).unwrap();
    assert_eq!(read(&folder.path().join("absent")), Submitted::default());
    for name in ["100.sh", "9.sh", "9_0.log", "mine.sh"] {
        std::fs::write(folder.path().join(name), SCRIPT).unwrap();
    }
    assert_eq!(read(folder.path()), Submitted::of([(9, SCRIPT), (100, SCRIPT)]));
    assert_eq!(read(folder.path()).last(RUNS[0]), Some("100_0"));
}

#[test]
fn the_id_of_a_job_in_what_sbatch_prints() {
    assert_eq!(job_id("123\n"), Some(123));
    assert_eq!(job_id("123;cluster\n"), Some(123));
    assert_eq!(job_id("Welcome to the cluster\n77\n"), Some(77));
    assert_eq!(job_id("Submitted batch job 5\n"), None);
    assert_eq!(job_id(""), None);
}

fn parsed(text: &str) -> ReproduceArguments {
    match Arguments::parse_from(text.split(' ')).command {
        Command::Reproduce(arguments) => arguments,
        other => panic!("{other:?}"),
    }
}

/// Whoever starts it, and wherever.
#[test]
fn a_task_has_what_the_user_typed_and_absolute_paths() {
    let arguments = parsed(
        "candlewick reproduce mine.toml --scale full --row a,b --seeds 3 --epochs 2 --device cuda:0 \
         --data-dir /data --cache-dir /cache --runs-dir /runs --tensorboard --jobs 2 --yes \
         --launch slurm --slurm-option=--gres=gpu:1",
    );
    let here = std::env::current_dir().unwrap();
    let words = command(Path::new("/bin/candlewick"), &arguments, 6).unwrap();
    let expected = format!(
        "/bin/candlewick reproduce {}/mine.toml --scale full --row a --row b --seeds 3 --epochs 2 \
         --device cuda:0 --data-dir /data --cache-dir /cache --runs-dir /runs --threads 6 --tensorboard",
        here.display()
    );
    assert_eq!(words.join(" "), expected);
    let again = parsed(&expected);
    assert_eq!(
        (again.rows, again.seeds, again.epochs),
        (arguments.rows, arguments.seeds, arguments.epochs)
    );
    let claims = parsed("candlewick reproduce claims --claim tet/accuracy");
    let words = command(Path::new("candlewick"), &claims, 1).unwrap().join(" ");
    assert!(words.contains("reproduce claims --scale demo --claim tet/accuracy --device cpu"));
}
