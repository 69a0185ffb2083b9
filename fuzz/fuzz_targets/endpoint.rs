#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oxizmq_fuzz::texts::endpoint(data));
