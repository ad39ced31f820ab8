//! Texts that people write: read up to a bound, since nobody writes megabytes of TOML.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::{Error, Result};

/// The most bytes that a recipe or a name map may have; in memory TOML takes some thirty times as much.
const LONGEST: u64 = 1_000_000;

/// Reads a recipe or a name map, of which no more is read than it may have: 1 MB.
///
/// # Errors
/// If it cannot be read, is longer, or is not UTF-8.
pub fn read_toml(path: &Path) -> Result<String> {
    let failed = |source| Error::Read { path: path.to_path_buf(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LONGEST {
        return Err(Error::Field {
            name: path.display().to_string(),
            field: "size".into(),
            expected: format!("at most {LONGEST} bytes of TOML"),
        });
    }
    String::from_utf8(bytes)
        .map_err(|error| failed(std::io::Error::new(std::io::ErrorKind::InvalidData, error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file has a hole, so that only a reader that goes on would take its 8 TiB.
    #[test]
    fn no_more_is_read_than_a_text_may_have() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("recipe.toml");
        std::fs::write(&path, "seed = 1")?;
        assert_eq!(read_toml(&path)?, "seed = 1");
        File::options().write(true).open(&path)?.set_len(8 << 40)?;
        let error = read_toml(&path).unwrap_err().to_string();
        assert!(error.ends_with("recipe.toml: size: expected at most 1000000 bytes of TOML"));
        std::fs::write(&path, [b'#', 0xff])?;
        assert!(read_toml(&path).unwrap_err().to_string().contains("utf-8"));
        Ok(())
    }
}
