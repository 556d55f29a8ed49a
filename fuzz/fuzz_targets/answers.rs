#![no_main]
//! See `fuzzed::answers`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzed::answers::run(data));
