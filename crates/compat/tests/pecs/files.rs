//! The fixtures; see their README for where they come from.

use keepstone_compat::Error;
use keepstone_compat::pecs::{File, ReadOptions};
use keepstone_format::Limits;

/// A file that PECS wrote, and the listing of what it holds.
pub(super) struct Fixture {
    pub(super) name: &'static str,
    pub(super) bytes: &'static [u8],
    pub(super) listing: &'static str,
}

macro_rules! fixtures {
    ($($name:literal),+ $(,)?) => {
        &[$(Fixture {
            name: $name,
            bytes: include_bytes!(concat!("../fixtures/pecs/", $name, ".pecs")),
            listing: include_str!(concat!("../fixtures/pecs/", $name, ".listing.json")),
        }),+]
    };
}

pub(super) const ALL: &[Fixture] = fixtures![
    "01_empty",
    "02_one_entity",
    "05_type_registry_unicode",
    "06_fixed_ids",
    "11_format_structs_components",
];

/// The fixtures that are short enough to be damaged in every way.
pub(super) fn small() -> impl Iterator<Item = &'static Fixture> {
    ALL.iter().filter(|fixture| fixture.bytes.len() < 1000)
}

pub(super) fn named(name: &str) -> &'static [u8] {
    ALL.iter().find(|fixture| fixture.name == name).unwrap().bytes
}

pub(super) fn read(bytes: &[u8]) -> Result<File<'_>, Error> {
    File::read(bytes, &Limits::for_file_len(bytes.len() as u64))
}

pub(super) fn read_with(bytes: &[u8], options: ReadOptions) -> Result<File<'_>, Error> {
    File::read_with(bytes, &Limits::for_file_len(bytes.len() as u64), &options)
}
