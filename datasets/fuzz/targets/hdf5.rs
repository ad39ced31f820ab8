//! Fuzzes the reader of SHD and SSC.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| candlewick_datasets_fuzz::hdf5_survives(bytes));
