#![no_main]
//! See `fuzzed::callback`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzed::callback::run(data));
