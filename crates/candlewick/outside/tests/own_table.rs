//! A loss of one's own in a table against the methods of candlewick, by the command of this crate.

use std::path::Path;
use std::process::Command;

/// Two rows, of which one is inherited from table-1, for an epoch with one seed.
#[test]
fn a_loss_of_ones_own_stands_in_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("my-table.toml");
    let output = Command::new(env!("CARGO_BIN_EXE_outside"))
        .arg("reproduce")
        .arg(&table)
        .args(["--row", "sdt,squared-error", "--epochs", "1", "--seeds", "1"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("SDT") && text.contains("Squared error"), "{text}");
    // The run of the inherited row is that of table-1, which would not train it again.
    for row in ["table-1/demo/sdt", "my-table/demo/squared-error"] {
        let runs = folder.path().join("runs").join(row);
        assert_eq!(std::fs::read_dir(runs).unwrap().count(), 1, "{row}");
    }
}
