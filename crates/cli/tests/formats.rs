use keepstone::format::crc32;
use serde_json::json;

use crate::support::{json_on, on, patch_header, with_file, world_bytes};

/// Checks both verbs on these bytes: exit code, kind of the error in JSON, and a part of its message.
fn check(bytes: &[u8], exit: i32, kind: &str, message: &str) {
    // The name says one thing, the bytes another: the bytes count.
    with_file("something.keep", bytes, |path| {
        for verb in ["inspect", "verify"] {
            let (found, document) = json_on(verb, path);
            assert_eq!((found, &document["error"]["kind"]), (exit, &json!(kind)), "{document}");
            let text = document["error"]["message"].as_str().unwrap();
            assert!(text.contains(message), "{text}");
            let answer = on(verb, path);
            assert_eq!((answer.exit, answer.out.as_str()), (exit, ""));
            assert!(answer.err.starts_with("error: ") && answer.err.contains(message), "{}", answer.err);
        }
    });
}

#[test]
fn an_empty_file_is_nothing_that_is_known() {
    check(b"", 1, "damaged", "begins with nothing");
}

#[test]
fn other_bytes_are_shown() {
    check(b"%PDF-1.7 and so on", 1, "damaged", "25 50 44 46");
    check(b"once upon a time", 1, "damaged", "once upo");
}

#[test]
fn a_generation_under_another_name_is_none() {
    check(b"KGEN\x01\x00\x00\x00", 1, "not_found", "no generation is committed in it");
}

#[test]
fn a_newer_major_version_is_newer() {
    let mut bytes = world_bytes();
    patch_header(&mut bytes, 8, &2_u16.to_le_bytes());
    check(&bytes, 2, "newer", "update the program");
}

#[test]
fn an_unknown_required_feature_is_newer() {
    let mut bytes = world_bytes();
    patch_header(&mut bytes, 16, &(1_u64 << 40).to_le_bytes());
    check(&bytes, 2, "newer", "0x10000000000");
}

#[test]
fn a_head_beyond_the_limit_is_a_limit() {
    let mut bytes = world_bytes();
    patch_header(&mut bytes, 56, &4097_u32.to_le_bytes());
    check(&bytes, 2, "limit", "4097");
}

#[test]
fn a_save_that_announces_too_much_is_a_limit() {
    // LZ4 could make 300 MB of 2 MB, which is more than 16 times the file and more than 256 MiB.
    let mut data = 300_000_000_u32.to_le_bytes().to_vec();
    data.resize(2_000_000, 0);
    let mut bytes = b"ASVS\x02\x00\x01\x00".to_vec();
    bytes.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
    bytes.extend(crc32(&data).to_le_bytes());
    bytes.extend(data);
    check(&bytes, 2, "limit", "300000000");
}
