#![no_main]
//! See `fuzzed::from_ecom`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzed::from_ecom::run(data));
