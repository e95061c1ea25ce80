//! libFuzzer's entry to [`nextbest_fuzz::engine`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nextbest_fuzz::engine::run(data));
