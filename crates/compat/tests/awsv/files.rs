//! The fixtures; see their README for where they come from.

use keepstone_compat::Error;
use keepstone_compat::awsv::File;
use keepstone_format::Limits;

macro_rules! fixtures {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_bytes!(concat!("../fixtures/awsv/", $name)))),+]
    };
}

/// Every fixture that holds a save, good or damaged.
pub(super) const ALL: &[(&str, &[u8])] = fixtures![
    "bad_crc.awsv",
    "codec0_none.awsv",
    "slot00_2026-03-13T08-45-25Z_7331e190-9275-41f6-93b9-f3627dbc2637.awsv",
    "slot00_2026-11-20T21-47-33Z_a0000000-0000-4000-8000-000000000000.awsv",
    "slot01_2026-11-20T21-47-33Z_a0000000-0000-4000-8000-000000000002.awsv",
    "slot05_2026-03-13T08-45-25Z_6ea6b68a-b2e8-41b3-bc0a-09d93acfe4cd.awsv",
    "truncated.awsv",
    "v1_with_companion.awsv",
    "version3.awsv",
];

pub(super) const LISTING: &str = include_str!("../fixtures/awsv/listing.json");

pub(super) fn named(name: &str) -> &'static [u8] {
    let found = ALL.iter().find(|(listed, _)| *listed == name);
    found.unwrap_or_else(|| panic!("no fixture {name}")).1
}

/// The fixtures that this build reads without an error.
pub(super) fn good() -> impl Iterator<Item = (&'static str, &'static [u8])> {
    ALL.iter()
        .copied()
        .filter(|(name, _)| name.starts_with("slot") || name.starts_with("v1_") || name.starts_with("codec0"))
        .filter(|(name, _)| cfg!(feature = "lz4") || name.starts_with("codec0"))
}

pub(super) fn read(bytes: &[u8]) -> Result<File, Error> {
    File::read(bytes, &Limits::for_file_len(bytes.len() as u64))
}

/// Reads a good LZ4 file; a build without the codec has to say so instead.
pub(super) fn read_lz4(bytes: &[u8]) -> Option<File> {
    let result = read(bytes);
    if cfg!(feature = "lz4") {
        return Some(result.unwrap());
    }
    assert!(matches!(result, Err(Error::CodecNotBuilt { codec: "lz4", feature: "lz4" })));
    None
}
