#![no_main]
//! See `fuzzed::webhook`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzed::webhook::run(data));
