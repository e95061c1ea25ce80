//! libFuzzer's entry to [`nextbest_fuzz::advertisements`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nextbest_fuzz::advertisements::run(data));
