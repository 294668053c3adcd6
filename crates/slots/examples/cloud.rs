//! Two machines and a cloud: what a synchronization sends, and how long that takes over a line of 1 Mbit/s.
//!
//! `cargo run -p keepstone-slots --example cloud`
#![expect(clippy::print_stdout, reason = "an example shows what it finds")]

use std::{error::Error, sync::Arc, time::Duration};

use keepstone_slots::{
    Bytes, SaveManager, SaveOptions,
    sync::{CloudOptions, SimulatedCloud, SyncOptions, SyncReport},
};
use keepstone_storage::MemFiles;

const PLAYER: &str = "Ada";

fn main() -> Result<(), Box<dyn Error>> {
    let cloud = SimulatedCloud::new(CloudOptions::default());
    let (desk, laptop) = (machine()?, machine()?);

    // A megabyte that no codec makes smaller, then a world of which most is as it was.
    desk.save(PLAYER, 0, &Bytes::from(noise(1_000_000)))?;
    show("upload of 1 MB", &cloud, || desk.sync(PLAYER, &cloud, &SyncOptions::new()))?;
    show("nothing new", &cloud, || desk.sync(PLAYER, &cloud, &SyncOptions::new()))?;
    show("download of 1 MB", &cloud, || laptop.sync(PLAYER, &cloud, &SyncOptions::new()))?;

    // Both play on without a connection.
    desk.save(PLAYER, 0, &Bytes::from(&b"the left path"[..]))?;
    laptop.save(PLAYER, 0, &Bytes::from(&b"the right path"[..]))?;
    show("the desk first", &cloud, || desk.sync(PLAYER, &cloud, &SyncOptions::new()))?;
    let report = show("the laptop next", &cloud, || laptop.sync(PLAYER, &cloud, &SyncOptions::new()))?;
    for fork in report.forks() {
        println!("slot {:?} was saved to on both: {:?}", fork.slot, fork.action);
    }
    show("the desk again", &cloud, || desk.sync(PLAYER, &cloud, &SyncOptions::new().prune_remote(true)))?;
    for entry in desk.list(PLAYER)? {
        println!("on the desk: slot {:?}, {} bytes", entry.slot(), entry.bytes());
    }
    Ok(())
}

fn machine() -> Result<SaveManager, keepstone_slots::Error> {
    SaveManager::open("saves", SaveOptions::default().files(Arc::new(MemFiles::new())))
}

fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// Synchronizes, and prints what went over the line and how long that would have taken.
fn show(
    what: &str,
    cloud: &SimulatedCloud,
    sync: impl FnOnce() -> Result<SyncReport, keepstone_slots::Error>,
) -> Result<SyncReport, keepstone_slots::Error> {
    let before = cloud.elapsed();
    let report = sync()?;
    let took = cloud.elapsed().saturating_sub(before);
    let traffic = report.traffic;
    println!(
        "{what:>16}: {:>7} bytes up in {}, {:>7} bytes down in {}, {} requests in all, {:.2} s",
        traffic.put.bytes,
        traffic.put.count,
        traffic.get.bytes + traffic.list.bytes,
        traffic.get.count + traffic.list.count,
        traffic.requests(),
        took.as_secs_f64(),
    );
    assert!(took < Duration::from_secs(10), "a megabyte takes longer than ten seconds");
    Ok(report)
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_runs() {
        super::main().unwrap();
    }
}
