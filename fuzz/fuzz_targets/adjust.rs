#![no_main]
//! See `fuzzed::adjust`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzed::adjust::run(data));
