//! libFuzzer's entry to [`nextbest_fuzz::frames`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nextbest_fuzz::frames::run(data));
