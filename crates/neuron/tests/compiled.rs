//! The texts for devices, compiled for GPUs by NVRTC, which needs no GPU.

use std::path::PathBuf;
use std::sync::Mutex;

use candlewick_core::{Key, Result};
use candlewick_device::{Nvrtc, Scan, Usage};
use candlewick_kernels::cuda::{LIBRARY, signatures};
use candlewick_kernels::neuron::traced::{Mask, ScanSettings};
use candlewick_kernels::random::bernoulli::Bernoulli;
use candlewick_neuron::AnyNeuron;
use candlewick_surrogate::AnySurrogate;
use rayon::prelude::*;

const ARCHITECTURES: [&str; 2] = ["sm_80", "sm_90"];

/// Every kernel of the library, and the scans of every pair of a neuron and a surrogate: plain, measured with a
/// learned width, and masked.
#[test]
#[ignore = "needs NVRTC: `cargo xtask ci --only nvrtc` fetches it"]
fn every_text_compiles_for_gpus() -> Result<()> {
    let file = std::env::var_os("CANDLEWICK_NVRTC").map(PathBuf::from);
    let nvrtc = Nvrtc::load(&file.expect("CANDLEWICK_NVRTC names the library"))?;
    let mut texts = vec![LIBRARY.to_owned()];
    let pairs = AnyNeuron::all().len() * AnySurrogate::all().len();
    for neuron in AnyNeuron::all() {
        let traced = neuron.model().trace();
        for (number, surrogate) in AnySurrogate::all().iter().enumerate() {
            let mut derivative = surrogate.trace().expect("a registered surrogate");
            // The forms take turns.
            let (measure, masked) = (number % 3 == 1, number % 3 == 2);
            let learns = measure && traced.fires() && surrogate.parameter().is_some();
            let bits = Bernoulli::new(Key::new(1), 0.3);
            derivative.mask = masked.then_some(Mask { masked: bits, scale: 1.0 });
            let steps = [4, 10][number % 2];
            let settings = ScanSettings { steps, measure, learns };
            texts.push(Scan::new(&traced, Some(&derivative), settings).text().to_owned());
        }
    }
    let most = Mutex::new(Vec::<Usage>::new());
    let compiled = texts
        .par_iter()
        .flat_map(|text| ARCHITECTURES.map(|architecture| (text, architecture)))
        .map(|(text, architecture)| -> Result<usize> {
            let usages = nvrtc.compile(text, architecture)?;
            assert_eq!(usages.len(), signatures(text).len(), "{architecture}: {usages:?}");
            most.lock().expect("no panic").extend(usages);
            Ok(1)
        })
        .sum::<Result<usize>>()?;
    let most = most.into_inner().expect("no panic");
    let registers = most.iter().max_by_key(|usage| usage.registers).expect("kernels");
    let spilled = most.iter().filter(|usage| usage.spilled > 0).count();
    println!(
        "{compiled} texts with {} kernels compiled; most registers: {registers:?}; {spilled} kernels spill",
        most.len(),
    );
    assert_eq!(compiled, ARCHITECTURES.len() * (1 + pairs));
    Ok(())
}

/// A text with a mistake does not pass.
#[test]
#[ignore = "needs NVRTC: `cargo xtask ci --only nvrtc` fetches it"]
fn a_mistake_is_refused_with_the_words_of_the_compiler() -> Result<()> {
    let file = std::env::var_os("CANDLEWICK_NVRTC").map(PathBuf::from);
    let nvrtc = Nvrtc::load(&file.expect("CANDLEWICK_NVRTC names the library"))?;
    let planted = LIBRARY.replacen("sum += x[", "sum += y[", 1);
    assert_ne!(planted, LIBRARY);
    let error = nvrtc.compile(&planted, "sm_90").unwrap_err().to_string();
    assert!(error.contains("identifier \"y\" is undefined"), "{error}");
    Ok(())
}
