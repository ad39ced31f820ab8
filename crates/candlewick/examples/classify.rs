//! Classifies an image by the saved weights of a run: `cargo run --example classify -- RUN_DIRECTORY`.

use candlewick::datasets::{Split, open};
use candlewick::experiment::Trained;

#[expect(clippy::print_stdout, reason = "this is where the example speaks")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let run = std::env::args().nth(1).ok_or("which run directory?")?;
    let trained = Trained::open(run.as_ref())?;
    // Any image or event recording of the shape that the network was trained on.
    let samples = open(&trained.recipe().data.name, Split::Test, None)?;
    let class = trained.classify(&samples.read(0)?)?;
    println!("{}, labelled {}", samples.info().classes[class], samples.label(0));
    Ok(())
}
