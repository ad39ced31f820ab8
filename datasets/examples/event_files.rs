//! Writes one recording in every format that this crate writes, for other programs to read:
//! `cargo run -p candlewick-datasets --example event_files -- FOLDER`.

use std::error::Error;
use std::path::Path;

use candlewick_datasets::event::{Format, encode};
use candlewick_datasets::{Sample, Split, open};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("expected the folder to write to")?;
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;
    let Sample::Events(mut events) = open("fashion-mnist-dvs", Split::Train, None)?.read(3)? else {
        return Err("expected events".into());
    };
    std::fs::write(folder.join("recording.bin"), encode(&events, Format::Atis)?)?;
    // In AEDAT 3.1 the later half comes after three overflows of the time.
    for time in &mut events.t[2_001..] {
        *time += 3 << 31;
    }
    std::fs::write(folder.join("recording-3.1.aedat"), encode(&events, Format::Aedat3)?)?;
    for time in &mut events.t {
        *time &= 0xffff_ffff;
    }
    for (name, format) in
        [("recording-2.0.aedat", Format::Aedat2), ("davis-2.0.aedat", Format::Aedat2Davis)]
    {
        std::fs::write(folder.join(name), encode(&events, format)?)?;
    }
    Ok(())
}
