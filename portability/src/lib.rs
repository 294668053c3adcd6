//! Digests of what this build writes and reads, which are the same on every target.
//!
//! Each line is a name and the BLAKE3-128 of bytes that the specification fixes: uncompressed containers, columns, rows, schemas,
//! deltas, log segments. What LZ4 makes of bytes is up to its encoder, which looks at them in the order of the machine, so compressed
//! bytes are only read here. `digests.txt` has the lines that are expected; `cargo xtask portability` asks other targets for theirs.
#![forbid(unsafe_code)]

#[cfg(feature = "disk")]
mod disk;
mod read;
mod values;
mod world;

use anyhow::Result;

/// The digests that every target has to give.
pub const EXPECTED: &str = include_str!("../digests.txt");

/// What is hashed, with the name that it has in the list.
type Named = (&'static str, Vec<u8>);

/// The lines of this build: `name digest`.
///
/// # Errors
/// When something can't be written or read here at all.
pub fn lines() -> Result<Vec<String>> {
    let mut all = values::all()?;
    all.extend(world::all()?);
    all.extend(read::all()?);
    #[cfg(feature = "disk")]
    all.extend(disk::all()?);
    let line = |(name, bytes): &Named| {
        let digest = blake3::hash(bytes).to_hex();
        format!("{name} {}", digest.chars().take(32).collect::<String>())
    };
    Ok(all.iter().map(line).collect())
}

#[cfg(test)]
mod tests {
    use super::{EXPECTED, lines};

    #[test]
    fn this_build_gives_the_digests_of_the_list() {
        let expected: Vec<&str> = EXPECTED.lines().filter(|line| !line.starts_with('#')).collect();
        let found = lines().unwrap();
        assert_eq!(found, expected, "`cargo xtask portability --write` accepts a deliberate change");
    }

    #[test]
    fn each_run_gives_the_same() {
        assert_eq!(lines().unwrap(), lines().unwrap());
    }
}
