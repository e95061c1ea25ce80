//! libFuzzer's entry to [`nextbest_fuzz::token`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nextbest_fuzz::token::run(data));
