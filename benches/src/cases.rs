//! The cases: each against the least that anybody would have to do.

mod codec;
mod durable;
mod encode;
mod generation;
mod large;
mod load;
mod snapshot;
mod verify;
mod wal;

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
    plans.push(Plan::new("write lz4", "columns 12 MB", 500_000, codec::write_lz4));
    plans.push(Plan::new("write lz4", "names, parents 1.7 MB", 1_000_000, codec::write_lz4_rows));
    plans.push(Plan::new("write lz4, summed", "columns 12 MB", 500_000, codec::write_lz4_summed));
    plans.push(Plan::new("write lz4, shuffled", "columns 12 MB", 500_000, codec::write_lz4_shuffled));
    plans.push(Plan::new("write zstd", "columns 12 MB", 500_000, codec::write_zstd));
    plans.push(Plan::new("read lz4", "columns 12 MB", 500_000, codec::read_lz4));
    plans.push(Plan::new("read zstd", "columns 12 MB", 500_000, codec::read_zstd));
    plans.push(Plan::new("references", "column 4 MB", 1_000_000, codec::references));
    plans.push(Plan::new("inspect", "world 100 MB", 8_400_000, large::inspect));
    plans.push(Plan::new("verify file", "100 MB, 1 thread", 8_400_000, large::verify_alone));
    plans.push(Plan::new("verify file", "100 MB, 2 threads", 8_400_000, large::verify_in_two));
    plans.push(Plan::new("durable save", "1 MB", 1_000_000, durable::case));
    plans.extend(generation_plans());
    plans.extend(snapshot_plans());
    plans.extend(wal_plans(log_mib));
    plans
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
    let bytes = log_mib << 20;
    plans.push(Plan::new("wal recovery", format!("{log_mib} MiB of 1 KB"), bytes, wal::recovery));
    plans.push(Plan::new("wal recovery", format!("{log_mib} MiB of 100 B"), bytes, wal::recovery_short));
    plans
}
