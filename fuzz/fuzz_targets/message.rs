//! libFuzzer's entry to [`nextbest_fuzz::message`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nextbest_fuzz::message::run(data));
