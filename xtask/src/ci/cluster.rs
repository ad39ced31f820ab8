//! A cluster of Slurm with one node, which is this machine, in a folder of its own; both end with the value.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process::{check, words};

/// What is started, in this order.
const DAEMONS: [&str; 3] = ["munged", "slurmctld", "slurmd"];
/// What users call.
const COMMANDS: [&str; 4] = ["sbatch", "squeue", "scancel", "sinfo"];
/// How long a cluster may take to start, and a queue to become empty.
const PATIENCE: Duration = Duration::from_mins(10);

/// The daemons, and where they keep what is theirs.
#[derive(Debug)]
pub(super) struct Cluster {
    folder: PathBuf,
    daemons: Vec<Child>,
}

impl Cluster {
    /// Starts the daemons, and waits until the node takes jobs.
    pub(super) fn start() -> Result<Self> {
        let absent: Vec<&str> =
            DAEMONS.into_iter().chain(COMMANDS).filter(|name| find(name).is_none()).collect();
        if !absent.is_empty() {
            bail!(
                "expected Slurm and munge on this machine, found no {}: install them (on Debian \
                 `apt-get install slurm-wlm munge`), or leave the step out with `--skip slurm`",
                absent.join(", ")
            );
        }
        // Sockets have short paths.
        let folder = std::env::temp_dir().join(format!("slurm-{}", std::process::id()));
        let create = |path: &Path, mode| {
            let made = fs::DirBuilder::new().mode(mode).create(path);
            made.with_context(|| format!("cannot create {}", path.display()))
        };
        create(&folder, 0o755)?;
        let mut cluster = Self { folder, daemons: Vec::new() };
        let at = |name: &str| cluster.folder.join(name);
        for name in ["munge", "state", "spool"] {
            create(&at(name), 0o700)?;
        }
        let mut key = fs::OpenOptions::new();
        let mut key = key.write(true).create_new(true).mode(0o600).open(at("munge/key"))?;
        std::io::copy(&mut std::io::Read::take(File::open("/dev/urandom")?, 1024), &mut key)?;
        fs::write(at("slurm.conf"), cluster.configuration()?)?;
        // slurmd looks for the mount of cgroups unless it is told their version, and then never uses them.
        fs::write(at("cgroup.conf"), "CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n")?;
        let munge = ["key-file", "socket", "pid-file", "log-file", "seed-file"].map(|name| {
            let file = name.trim_end_matches("-file");
            format!("--{name}={}", at("munge").join(file).display())
        });
        for name in DAEMONS {
            let mut command = cluster.command(name);
            match name {
                "munged" => command.args(["--foreground", "--force"]).args(&munge),
                _ => command.arg("-D"),
            };
            let log = File::create(cluster.folder.join(name).with_extension("out"))?;
            command.stdout(log.try_clone()?).stderr(log);
            let started = command.spawn();
            cluster.daemons.push(started.with_context(|| format!("cannot start {name}"))?);
            if name == "munged" {
                cluster.wait(|cluster| Ok(cluster.folder.join("munge/socket").exists()))?;
            }
        }
        cluster.wait(|cluster| {
            let mut sinfo = cluster.command("sinfo");
            let said = sinfo.args(["--noheader", "--format=%T"]).output()?;
            Ok(said.stdout.starts_with(b"idle"))
        })?;
        Ok(cluster)
    }

    /// The configuration: everything in the folder, nothing of cgroups, which containers lack.
    fn configuration(&self) -> Result<String> {
        let output = |program: &str, argument: &str| -> Result<String> {
            let mut command = Command::new(find(program).unwrap_or_else(|| program.into()));
            let said = command.arg(argument).output();
            let said = said.with_context(|| format!("cannot start {program}"))?.stdout;
            Ok(String::from_utf8_lossy(&said).lines().next().unwrap_or_default().trim().to_owned())
        };
        let user = output("id", "-un")?;
        let node = output("slurmd", "-C")?;
        let host = node.split(['=', ' ']).nth(1).unwrap_or_default();
        let folder = self.folder.display();
        let ports = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
        let [controller, daemon] = [ports[0].local_addr()?.port(), ports[1].local_addr()?.port()];
        Ok(format!(
            "ClusterName=candlewick\nSlurmctldHost={host}(127.0.0.1)\nSlurmUser={user}\n\
             SlurmdUser={user}\nAuthType=auth/munge\nAuthInfo=socket={folder}/munge/socket\n\
             SlurmctldPort={controller}\nSlurmdPort={daemon}\nStateSaveLocation={folder}/state\n\
             SlurmdSpoolDir={folder}/spool\nSlurmctldPidFile={folder}/slurmctld.pid\n\
             SlurmdPidFile={folder}/slurmd.pid\nProctrackType=proctrack/linuxproc\n\
             TaskPlugin=task/none\nMpiDefault=none\nSelectType=select/cons_tres\n\
             SelectTypeParameters=CR_CPU_Memory\nKillWait=10\n{node} NodeAddr=127.0.0.1\n\
             PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n"
        ))
    }

    /// A command that talks to this cluster.
    pub(super) fn command(&self, program: impl AsRef<Path>) -> Command {
        let program = program.as_ref();
        let found = program.to_str().and_then(find).unwrap_or_else(|| program.to_path_buf());
        let mut command = Command::new(found);
        command.env("SLURM_CONF", self.folder.join("slurm.conf"));
        command
    }

    /// Waits until no task waits or runs.
    pub(super) fn wait_until_empty(&mut self) -> Result<()> {
        self.wait(|cluster| {
            let mut squeue = cluster.command("squeue");
            let said = squeue.arg("--noheader").output()?;
            if !said.status.success() {
                bail!("`{}` failed", words(&squeue));
            }
            Ok(said.stdout.is_empty())
        })
    }

    /// Waits for something that the daemons bring about.
    pub(super) fn wait(&mut self, is_so: impl Fn(&Self) -> Result<bool>) -> Result<()> {
        let started = Instant::now();
        while !is_so(self)? {
            let mut ended = false;
            for daemon in &mut self.daemons {
                ended |= daemon.try_wait()?.is_some();
            }
            if ended || started.elapsed() > PATIENCE {
                let log = |name: &str| {
                    let path = self.folder.join(name).with_extension("out");
                    format!("{name}:\n{}", fs::read_to_string(path).unwrap_or_default())
                };
                let why = if ended { "a daemon ended" } else { "nothing happened for long" };
                bail!("Slurm: {why}\n{}", DAEMONS.map(log).join("\n"));
            }
            sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.daemons.len() == DAEMONS.len() {
            // What still runs would outlive its daemon.
            let _ = self.command("scancel").args(["--full", "--signal=KILL", "--me"]).status();
        }
        for daemon in self.daemons.iter_mut().rev() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Kills the process of a task, which has that argument, as if its node were gone: nobody tells it before.
pub(super) fn kill(argument: &str) -> Result<()> {
    for entry in fs::read_dir("/proc").context("cannot read /proc")?.flatten() {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if line.split(|&byte| byte == 0).any(|word| word == argument.as_bytes()) {
            return check(Command::new("kill").arg("-KILL").arg(entry.file_name()));
        }
    }
    bail!("no process has the argument {argument}")
}

/// A program on the path, or where daemons are that users do not start.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}
