#![no_main]
//! See `fuzzed::recording`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzed::recording::run(data));
