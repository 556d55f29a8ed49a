#![no_main]
//! See `fuzzed::configuration`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzed::configuration::run(data));
