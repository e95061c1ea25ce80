//! libFuzzer's entry to [`nextbest_fuzz::payloads`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nextbest_fuzz::payloads::run(data));
