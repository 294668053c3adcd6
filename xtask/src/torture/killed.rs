//! A writer that is killed at random moments, again and again on one log.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::writer::{append, appender, check};

/// A writer that is not killed before would append so many.
const LINES: u64 = 100_000;

pub(super) fn run(keepstone: &Path, dir: &Path, kills: u32, seed: u64) -> Result<()> {
    let log = dir.join("killed");
    let mut random = seed.max(1);
    let mut count = 0;
    for round in 0..kills {
        // Xorshift, Marsaglia 2003.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let after = random % 300;
        let ended = append(appender(keepstone, &log), count + 1, LINES, Some(after))?;
        ensure!(ended.status.code().is_none(), "it ended before the kill: {ended:?}");
        if !log.exists() {
            // Killed before it had made anything.
            continue;
        }
        count = check(keepstone, &log, ended.acknowledged).with_context(|| format!("after kill {round}"))?;
    }
    println!("killed: {kills} kills, {count} records, none lost");
    Ok(())
}
