//! `cargo xtask golden`: the Python scripts that make golden values, `**/golden/*.py`.
//!
//! Each script says in its first lines what it needs and where its values go.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Result, bail};

use crate::process::check;
use crate::tidy::Tree;
use crate::workspace::Workspace;

/// What to do with which scripts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    python: String,
    run: bool,
    names: Vec<String>,
}

impl Request {
    /// Reads the arguments; an error says which one makes no sense.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut request = Self { python: "python3".to_owned(), run: false, names: Vec::new() };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--run" => request.run = true,
                "--python" => {
                    let path = arguments.next().ok_or("--python needs a path")?;
                    request.python.clone_from(path);
                }
                flag if flag.starts_with('-') => return Err(format!("golden has no `{flag}`")),
                name => request.names.push(name.to_owned()),
            }
        }
        Ok(request)
    }
}

/// Lists the scripts, or runs them one after the other, each in its own folder.
pub(crate) fn run(workspace: &Workspace, request: &Request) -> Result<ExitCode> {
    let tree = Tree::read(&workspace.root)?;
    let scripts: Vec<&str> =
        tree.paths().filter(|path| is_golden(path) && wanted(path, &request.names)).collect();
    if scripts.is_empty() {
        bail!("no script in a folder `golden` has a path that contains {:?}", request.names);
    }
    for script in scripts {
        println!("{script}");
        if request.run {
            let path = workspace.root.join(script);
            let folder = path.parent().unwrap_or(Path::new("."));
            check(Command::new(&request.python).arg(&path).current_dir(folder))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn is_golden(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let file = parts.next().unwrap_or_default();
    Path::new(file).extension().is_some_and(|extension| extension == "py")
        && parts.next() == Some("golden")
}

fn wanted(path: &str, names: &[String]) -> bool {
    names.is_empty() || names.iter().any(|name| path.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_known_by_their_folder() {
        assert!(is_golden("crates/neuron/golden/lif.py"));
        assert!(!is_golden("crates/neuron/golden/lif.json"));
        assert!(!is_golden("datasets/embedded/cut.py"));
        assert!(wanted("crates/neuron/golden/lif.py", &["lif".to_owned()]));
        assert!(!wanted("crates/neuron/golden/lif.py", &["train".to_owned()]));
    }

    #[test]
    fn arguments_are_read_or_refused() {
        let parse = |text: &str| {
            Request::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        };
        let request = parse("--run --python py lif").unwrap();
        assert_eq!(
            request,
            Request { python: "py".to_owned(), run: true, names: vec!["lif".to_owned()] }
        );
        assert_eq!(parse("--fast").unwrap_err(), "golden has no `--fast`");
        assert_eq!(parse("--python").unwrap_err(), "--python needs a path");
    }
}
