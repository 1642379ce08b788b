#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| clipmill_api::fuzz::multipart(data));
