//! A small vector index that survives a crash at any moment: a snapshot, a write-ahead log, tombstones and a
//! text for each vector.
//!
//! `cargo run --release -p keepstone-storage --example vector_index [-- DIR [VECTORS [DIMENSIONS]]]`
//!
//! Run it again on the same directory and it goes on where it was, also if it was killed.
#![expect(clippy::print_stdout, reason = "it shows what it did")]

mod index;
mod record;

use std::{env, error::Error, path::PathBuf, time::Instant};

use index::{Index, Policy};
use keepstone_storage::Durability;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let dir = args.next().map_or_else(|| env::temp_dir().join("keepstone-vector-index"), PathBuf::from);
    let vectors: usize = args.next().map_or(Ok(100_000), |arg| arg.parse())?;
    let dimensions: u32 = args.next().map_or(Ok(128), |arg| arg.parse())?;
    // A fifth of the vectors may change before a new snapshot is worth its writing.
    let policy = Policy { changes_min: 20_000, percent: 20 };

    let opened = Instant::now();
    let mut index = Index::open(&dir, dimensions, policy)?;
    println!(
        "{}: {} vectors, {} changes since the snapshot, opened in {:.1} ms",
        dir.display(),
        index.len(),
        index.changes(),
        opened.elapsed().as_secs_f64() * 1e3,
    );

    let filled = Instant::now();
    let before = index.len();
    while index.len() < vectors {
        let number = index.applied().0;
        index.insert(&vector_of(number, dimensions), &format!("text {number}"), Durability::Buffered)?;
    }
    index.sync()?;
    let added = index.len() - before;
    println!("{added} inserted and made durable in {:.1} ms", filled.elapsed().as_secs_f64() * 1e3);

    let one = Instant::now();
    let id = index.insert(&vector_of(7, dimensions), "durable by itself", Durability::Durable)?;
    println!("one more, durable, in {:.2} ms", one.elapsed().as_secs_f64() * 1e3);
    index.delete(id, Durability::Durable)?;

    let searched = Instant::now();
    let query = index.vector(42)?.ok_or("there is no vector 42")?;
    let hits = index.search(query, 3)?;
    println!("nearest to 42, found in {:.1} ms:", searched.elapsed().as_secs_f64() * 1e3);
    for hit in hits {
        println!("  {} at {:.3}: {}", hit.id, hit.distance, hit.text);
    }

    let compacted = Instant::now();
    index.compact()?;
    println!("compacted in {:.1} ms", compacted.elapsed().as_secs_f64() * 1e3);
    drop(index);

    let opened = Instant::now();
    let index = Index::open(&dir, dimensions, policy)?;
    println!("opened again, {} vectors, in {:.1} ms", index.len(), opened.elapsed().as_secs_f64() * 1e3);
    Ok(())
}

/// Numbers that look random and are the same every time.
fn vector_of(seed: u64, dimensions: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        f32::from((state >> 48) as u16) / 65_536.0
    };
    (0..dimensions).map(|_| next()).collect()
}
