//! What the benchmarks of aw-save measure, by their names: ours, and aw-save's own way to do the same.
//!
//! Ours is what stands in the place of theirs: a value becomes bytes by the payload of a save, bytes go through the codec and the
//! checksum of the container, and whole saves through [`SaveManager`](keepstone_slots::SaveManager), one right behind the other as in theirs, so that nothing waits for
//! what the manager does in idle time.

mod ours;
mod theirs;

use std::{hint::black_box, path::Path};

use anyhow::Result;

use crate::bundle::Data;

/// Whose saves they are.
pub const PLAYER: &str = "player-12345";
/// Saves that a slot keeps, on both sides, where they are not listed.
const KEPT: u32 = 3;

/// What is measured.
pub type Call = Box<dyn FnMut() -> Result<()>>;

/// One of their benchmarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// Its group.
    pub group: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Bytes of the world that is saved.
    pub len: usize,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Serialize,
    Deserialize,
    Compress,
    Decompress,
    Sum,
    Save,
    Load,
    RoundTrip,
    /// So many saves are listed.
    List(u8),
    /// So many saves by as many threads, each of a player of its own.
    Concurrent(u8),
}

const KB: usize = 1024;
const MB: usize = 1024 * KB;

/// Their benchmarks in their order, and one that they only write about.
pub const NAMED: [Named; 35] = [
    named("serialization", "serialize_small_10kb", 10 * KB, What::Serialize),
    named("serialization", "serialize_medium_100kb", 100 * KB, What::Serialize),
    named("serialization", "serialize_large_1mb", MB, What::Serialize),
    named("serialization", "deserialize_small_10kb", 10 * KB, What::Deserialize),
    named("serialization", "deserialize_large_1mb", MB, What::Deserialize),
    named("compression", "lz4_compress_10kb", 10 * KB, What::Compress),
    named("compression", "lz4_compress_100kb", 100 * KB, What::Compress),
    named("compression", "lz4_compress_1mb", MB, What::Compress),
    named("compression", "lz4_decompress_10kb", 10 * KB, What::Decompress),
    named("compression", "lz4_decompress_1mb", MB, What::Decompress),
    named("checksum", "crc32_10kb", 10 * KB, What::Sum),
    named("checksum", "crc32_100kb", 100 * KB, What::Sum),
    named("checksum", "crc32_1mb", MB, What::Sum),
    named("save_load_cycle", "full_save_small_10kb", 10 * KB, What::Save),
    named("save_load_cycle", "full_save_medium_100kb", 100 * KB, What::Save),
    named("save_load_cycle", "full_save_large_1mb", MB, What::Save),
    named("save_load_cycle", "full_load_small_10kb", 10 * KB, What::Load),
    named("save_load_cycle", "full_load_large_1mb", MB, What::Load),
    named("save_load_cycle", "round_trip_100kb", 100 * KB, What::RoundTrip),
    named("index_operations", "list_saves_empty", 0, What::List(0)),
    named("index_operations", "list_saves_10_saves", 10 * KB, What::List(10)),
    named("index_operations", "list_saves_100_saves", KB, What::List(100)),
    named("scaling", "full_save_cycle/1kb", KB, What::Save),
    named("scaling", "full_load_cycle/1kb", KB, What::Load),
    named("scaling", "full_save_cycle/10kb", 10 * KB, What::Save),
    named("scaling", "full_load_cycle/10kb", 10 * KB, What::Load),
    named("scaling", "full_save_cycle/100kb", 100 * KB, What::Save),
    named("scaling", "full_load_cycle/100kb", 100 * KB, What::Load),
    named("scaling", "full_save_cycle/500kb", 500 * KB, What::Save),
    named("scaling", "full_load_cycle/500kb", 500 * KB, What::Load),
    named("scaling", "full_save_cycle/1000kb", 1000 * KB, What::Save),
    named("scaling", "full_load_cycle/1000kb", 1000 * KB, What::Load),
    named("scaling", "full_save_cycle/5000kb", 5000 * KB, What::Save),
    named("scaling", "full_load_cycle/5000kb", 5000 * KB, What::Load),
    named("concurrency", "concurrent_10_saves", 10 * KB, What::Concurrent(10)),
];

const fn named(group: &'static str, name: &'static str, len: usize, what: What) -> Named {
    Named { group, name, len, what }
}

/// Finds the benchmark of a name.
pub fn find(name: &str) -> Option<&'static Named> {
    NAMED.iter().find(|named| named.name == name)
}

impl Named {
    /// What ours does under the name, with files in `dir`.
    ///
    /// # Errors
    /// When its data can't be made.
    pub fn ours(&self, data: Data, dir: &Path) -> Result<Call> {
        ours::call(self.what, data.bytes(self.len), dir)
    }

    /// What aw-save does, and what has to be done behind each call and isn't timed.
    ///
    /// # Errors
    /// When its data can't be made.
    pub fn floor(&self, data: Data, dir: &Path) -> Result<(Call, Call)> {
        theirs::call(self.what, data.bytes(self.len), dir)
    }
}

/// Keeps a result from being optimized away, and drops it.
#[expect(clippy::unnecessary_wraps, reason = "it ends a call, which can fail")]
fn done<R>(result: R) -> Result<()> {
    drop(black_box(result));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scratch, published};

    #[test]
    fn each_is_published_and_both_sides_do_it() {
        let scratch = Scratch::new(&std::env::temp_dir(), &format!("named-{}", std::process::id())).unwrap();
        for named in NAMED {
            assert!(published::find(named.name).is_some(), "{named:?}");
            let mut ours = named.ours(Data::Mixed, scratch.path()).unwrap();
            let (mut floor, mut after) = named.floor(Data::Mixed, scratch.path()).unwrap();
            for _ in 0..2 {
                ours().unwrap();
                floor().unwrap();
                after().unwrap();
            }
        }
    }
}
