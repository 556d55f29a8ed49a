#![no_main]
//! See `fuzzed::route`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzed::route::run(data));
