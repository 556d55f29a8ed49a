#![no_main]
//! See `fuzzed::redaction`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzed::redaction::run(data));
