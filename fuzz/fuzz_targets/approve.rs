#![no_main]
//! See `fuzzed::approve`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzed::approve::run(data));
