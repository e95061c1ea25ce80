//! libFuzzer's entry to [`nextbest_fuzz::pack`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nextbest_fuzz::pack::run(data));
