#![no_main]
//! See `fuzzed::heads`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzed::heads::run(data));
