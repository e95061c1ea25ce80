//! libFuzzer's entry to [`nextbest_fuzz::journal`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nextbest_fuzz::journal::run(data));
