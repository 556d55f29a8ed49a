#![no_main]
//! See `fuzzed::grant`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzed::grant::run(data));
