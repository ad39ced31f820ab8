//! Fuzzes the decoder `es`.
#![no_main]

use candlewick_datasets::event::Format;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    candlewick_datasets_fuzz::decoder_survives(Format::Es, bytes);
});
