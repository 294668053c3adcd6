//! The cases: each against the least that anybody would have to do.

mod bundles;
mod capture;
mod checkpoint;
mod codec;
#[cfg(target_os = "linux")]
mod cold;
mod delta;
mod durable;
mod durable_world;
mod encode;
mod generation;
mod json;
mod large;
mod load;
mod load_hecs;
mod migrate;
mod parts;
mod restore;
mod slots;
mod snapshot;
mod stores;
mod verify;
mod wal;

use std::path::{Path, PathBuf};

use keepstone::storage::{Files as _, OsFiles};

use crate::case::Plan;

/// Entities of the mixed world.
const SIZES: [(&str, u32); 4] =
    [("mixed 1k", 1000), ("mixed 10k", 10_000), ("mixed 100k", 100_000), ("mixed 1M", 1_000_000)];

/// Returns all cases, in the order of the table; logs that are recovered have `log_mib` MiB.
pub fn all(log_mib: u32) -> Vec<Plan> {
    let mut plans = Vec::new();
    plans.extend(SIZES.map(|(size, count)| Plan::new("encode", size, count, encode::case)));
    plans.push(Plan::new("encode lz4", "mixed 100k", 100_000, encode::lz4));
    plans.extend(SIZES.map(|(size, count)| Plan::new("load", size, count, load::case)));
    plans.push(Plan::new("load lz4", "mixed 100k", 100_000, load::lz4));
    plans.extend(SIZES.map(|(size, count)| Plan::new("verify", size, count, verify::case)));
    plans.extend(world_plans());
    plans.push(Plan::new("write lz4", "columns 12 MB", 500_000, codec::write_lz4));
    plans.push(Plan::new("write lz4", "names, parents 1.7 MB", 1_000_000, codec::write_lz4_rows));
    let (size, count) = ("names, parents 6.8 MB, 2 threads", 4_000_000);
    plans.push(Plan::new("write lz4", size, count, codec::write_lz4_rows_in_two));
    plans.push(Plan::new("read lz4", size, count, codec::read_lz4_rows_in_two));
    plans.push(Plan::new("write lz4, summed", "columns 12 MB", 500_000, codec::write_lz4_summed));
    plans.push(Plan::new("write lz4, shuffled", "columns 12 MB", 500_000, codec::write_lz4_shuffled));
    let (one, two) = ("mixed 100k, 1 thread", "mixed 100k, 2 threads");
    plans.push(Plan::new("write world lz4", one, 100_000, codec::write_world));
    plans.push(Plan::new("write world lz4", two, 100_000, codec::write_world_in_two));
    plans.push(Plan::new("write world lz4, summed", "mixed 100k", 100_000, codec::write_world_summed));
    plans.push(Plan::new("write zstd", "columns 12 MB", 500_000, codec::write_zstd));
    plans.push(Plan::new("read lz4", "columns 12 MB", 500_000, codec::read_lz4));
    plans.push(Plan::new("read zstd", "columns 12 MB", 500_000, codec::read_zstd));
    plans.push(Plan::new("references", "column 4 MB", 1_000_000, codec::references));
    plans.push(Plan::new("inspect", "world 100 MB", 8_400_000, large::inspect));
    plans.push(Plan::new("verify file", "100 MB, 1 thread", 8_400_000, large::verify_alone));
    plans.push(Plan::new("verify file", "100 MB, 2 threads", 8_400_000, large::verify_in_two));
    #[cfg(target_os = "linux")]
    plans.push(Plan::new("crc of a cold read", "50 MB", 50_000_000, cold::crc));
    plans.push(Plan::new("save entities", "mixed 10k", 10_000, stores::in_memory));
    plans.push(Plan::new("save entities", "mixed 10k, bytes alone", 10_000, stores::bytes_in_memory));
    plans.push(Plan::new("save entities redb", "mixed 10k", 10_000, stores::in_redb));
    plans.push(Plan::new("durable save", "1 MB", 1_000_000, durable::case));
    plans.extend(generation_plans());
    plans.extend(snapshot_plans());
    plans.extend(slots::plans());
    plans.extend(checkpoint::plans());
    plans.extend(wal_plans(log_mib));
    plans
}

/// Cases about worlds that are not of the format alone.
fn world_plans() -> Vec<Plan> {
    let (mixed, count) = ("mixed 100k", 100_000);
    let mut plans = vec![
        Plan::new("encode small", "mixed 1k", 1000, encode::small),
        Plan::new("encode small", "plain 1k", 1000, encode::small_plain),
        Plan::new("capture", mixed, count, capture::case),
        Plan::new("capture, memcpy", mixed, count, capture::beside_memcpy),
        Plan::new("background", mixed, count, capture::in_background),
        Plan::new("restore, equal", "pairs 100k", count, restore::equal),
        Plan::new("restore, different", "pairs 100k", count, restore::different),
        Plan::new("hash", mixed, count, capture::hash),
        Plan::new("hash", "mixed 100k, ids", count, capture::hash_by_ids),
        Plan::new("canonical", "mixed 100k, ids", count, capture::canonical),
        Plan::new("durable lz4", mixed, count, durable_world::mixed),
        Plan::new("durable lz4", "grid 100k", count, durable_world::on_a_grid),
        Plan::new("round trip", "mixed 1k", 1000, load::round_trip),
        Plan::new("encode json", "mixed 1k", 1000, json::encode),
        Plan::new("load json", "mixed 1k", 1000, json::load),
        Plan::new("encode json", mixed, count, json::encode),
        Plan::new("load json", mixed, count, json::load),
        Plan::new("load json, spawned", mixed, count, json::load_spawned),
    ];
    for (size, count) in [("pairs 10k", 10_000), ("pairs 100k", 100_000)] {
        plans.push(Plan::new("load bundles", size, count, bundles::case));
        plans.push(Plan::new("load pairs", size, count, bundles::unregistered));
    }
    plans.extend(SIZES.map(|(size, count)| Plan::new("load hecs", size, count, load_hecs::case)));
    plans
        .extend(SIZES.map(|(size, count)| Plan::new("load hecs borrowed", size, count, load_hecs::borrowed)));
    plans.extend(SIZES.map(|(size, count)| Plan::new("load hecs exact", size, count, load_hecs::exact)));
    plans.extend(version_plans());
    for (size, count) in [("mixed 250k", 250_000), ("mixed 2M", 2_000_000)] {
        plans.push(Plan::new("encode in parts", size, count, parts::encode));
        plans.push(Plan::new("load in parts", size, count, parts::load));
        plans.push(Plan::new("encode hecs in parts", size, count, parts::encode_hecs));
        plans.push(Plan::new("load hecs in parts", size, count, parts::load_hecs));
    }
    plans
}

/// Cases about worlds that change.
fn version_plans() -> Vec<Plan> {
    let mut plans = vec![
        Plan::new("load by name", "plain 100k", 100_000, migrate::plain_by_name),
        Plan::new("load by name", "serde 100k", 100_000, migrate::rows_by_name),
        Plan::new("load migrated", "mixed 100k", 100_000, migrate::typed),
    ];
    for (size, count) in [("mixed 100k", 100_000), ("mixed 1M", 1_000_000)] {
        plans.push(Plan::new("delta", size, count, delta::told));
        plans.push(Plan::new("apply delta", size, count, delta::applied));
    }
    plans
}

/// A file that is removed when the case is dropped.
struct Removed(PathBuf);

impl Removed {
    // A method, so that closures take the whole: of a field alone they would leave the rest to be dropped early.
    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Removed {
    fn drop(&mut self) {
        // When no round was run there is none; anything else the next run shows.
        let _ = OsFiles.remove(&self.0);
    }
}

fn generation_plans() -> Vec<Plan> {
    let name = "generation/commit";
    let sizes = [("100KB", 100_000), ("1MB", 1_000_000), ("5MB", 5_000_000)];
    let mut plans = Vec::from(sizes.map(|(size, len)| Plan::new(name, size, len, generation::random)));
    plans.push(Plan::new(name, "1MB of 0x42", 1_000_000, generation::repeated));
    plans
}

fn snapshot_plans() -> Vec<Plan> {
    let sizes = [("10k", 10_000), ("100k", 100_000), ("1M", 1_000_000)];
    let (repeated, alone, count) = ("100k of 0x42", "100k, 1 thread", 100_000);
    let mut plans = Vec::new();
    let name = "snapshot/save";
    plans.extend(sizes.map(|(size, count)| Plan::new(name, size, count, snapshot::random)));
    plans.push(Plan::new(name, repeated, count, snapshot::repeated));
    let name = "snapshot/map-verified";
    plans.extend(sizes.map(|(size, count)| Plan::new(name, size, count, snapshot::verified)));
    plans.push(Plan::new(name, "10k, 1 thread", 10_000, snapshot::verified_alone));
    plans.push(Plan::new(name, alone, count, snapshot::verified_alone));
    let name = "snapshot/map";
    plans.extend(sizes.map(|(size, count)| Plan::new(name, size, count, snapshot::mapped)));
    let name = "snapshot/open";
    plans.extend(sizes.map(|(size, count)| Plan::new(name, size, count, snapshot::warm)));
    plans.push(Plan::new(name, "10k, 1 thread", 10_000, snapshot::warm_alone));
    plans.push(Plan::new(name, alone, count, snapshot::warm_alone));
    let name = "snapshot/open-first";
    plans.extend(sizes.map(|(size, count)| Plan::new(name, size, count, snapshot::first)));
    plans.push(Plan::new(name, alone, count, snapshot::first_alone));
    plans.push(Plan::new("crc32_only", "50 MB", 50_000_000, snapshot::summed));
    plans
}

fn wal_plans(log_mib: u32) -> Vec<Plan> {
    let mut plans = Vec::new();
    plans.push(Plan::new("wal durable", "100 B", 100, wal::durable));
    plans.push(Plan::new("wal durable", "1 KB", 1024, wal::durable));
    plans.push(Plan::new("wal durable", "16 KB", 16384, wal::durable_long));
    for (size, len) in [("1 KB", 1024), ("16 KB", 16384)] {
        plans.push(Plan::new("wal 16 threads", size, len, wal::threads));
        plans.push(Plan::new("wal 16 threads, CPU", size, len, wal::threads_cpu));
    }
    plans.push(Plan::new("wal turnover, longest append", "16 KB", 16384, wal::turnover));
    plans.push(Plan::new("wal turnover, longest of 16 threads", "16 KB", 16384, wal::turnover_threads));
    plans.push(Plan::new("wal buffered", "10k x 100 B", 100, wal::buffered));
    plans.push(Plan::new("wal buffered, summed", "10k x 100 B", 100, wal::buffered_summed));
    plans.push(Plan::new("wal recovery", "10 MB of 540 B", 10_000_000, wal::recovery_540));
    plans.push(Plan::new("wal recovery", "10 MB of 44 B", 10_000_000, wal::recovery_44));
    let bytes = log_mib << 20;
    plans.push(Plan::new("wal recovery", format!("{log_mib} MiB of 1 KB"), bytes, wal::recovery));
    plans.push(Plan::new("wal recovery", format!("{log_mib} MiB of 100 B"), bytes, wal::recovery_short));
    plans
}
