#![no_main]
//! See `fuzzed::words`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzed::words::run(data));
