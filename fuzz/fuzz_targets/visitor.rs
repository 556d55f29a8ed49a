#![no_main]
//! See `fuzzed::visitor`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzed::visitor::run(data));
