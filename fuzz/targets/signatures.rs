#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| shop::properties::signatures(bytes));
