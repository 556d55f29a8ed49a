#![no_main]
//! See `fuzzed::initiate`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzed::initiate::run(data));
