//! Fuzzes the reader of IDX files.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| candlewick_datasets_fuzz::idx_survives(bytes));
