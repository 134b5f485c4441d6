#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| multihot_fuzz::Target::named("decode").unwrap().read(bytes));
