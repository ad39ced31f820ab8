//! Classifies an image by the saved weights of a run: `cargo run --example classify -- RUN_DIRECTORY`.

use candlewick::datasets::{Split, open};
use candlewick::experiment::Trained;

#[expect(clippy::print_stdout, reason = "this is where the example speaks")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let run = std::env::args().nth(1).ok_or("which run directory?")?;
    let trained = Trained::open(run.as_ref())?;
    // Any image or event recording of the shape that the network was trained on.
    let samples = open(&trained.recipe().data.name, Split::Test, None)?;
    let first: Vec<_> = (0..4).map(|index| samples.read(index)).collect::<Result<_, _>>()?;
    for (index, prediction) in trained.classify(&first)?.iter().enumerate() {
        let (class, probability) = prediction.top(1)[0];
        let label = samples.label(index) as usize;
        println!(
            "{} ({probability:.2}), labelled {}",
            trained.classes()[class],
            trained.classes()[label]
        );
    }
    Ok(())
}
