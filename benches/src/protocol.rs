//! The floor of a durable save: the steps of an atomic replacement, written by hand and nothing else.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    time::Instant,
};

use crate::stats;

/// What [`replace_by_hand`] asks of the file system, and how many of these calls are syncs: create, write, sync, rename,
/// sync of the directory.
pub const BY_HAND: (u64, u64) = (5, 2);

const ROUNDS: usize = 21;

/// Median times of single steps in one directory.
#[derive(Debug, Clone, Copy)]
pub struct StepTimes {
    /// An fdatasync after a write of 4 KiB.
    pub sync_nanos: f64,
    /// A rename.
    pub rename_nanos: f64,
    /// A sync of the directory after it.
    pub dir_sync_nanos: f64,
}

/// Puts `bytes` in the place of what `path` holds: temporary, write, fdatasync, rename, sync of the directory.
///
/// When it returns `Ok`, content and name are on the disk; a crash half-way leaves the old content or the new, and
/// perhaps the temporary.
///
/// # Errors
/// Those of the five steps.
#[expect(clippy::disallowed_methods, reason = "this is what `storage::atomic` is compared with")]
pub fn replace_by_hand(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("by-hand.tmp");
    let mut file = File::create_new(&temporary)?;
    file.write_all(bytes)?;
    finish_by_hand(file, &temporary, path)
}

/// Puts a file that was written as `temporary` in the place of what `path` holds: fdatasync, rename, sync of the directory.
///
/// When it returns `Ok`, content and name are on the disk; a crash half-way leaves the old content or the new.
///
/// # Errors
/// Those of the three steps.
#[expect(clippy::disallowed_methods, reason = "this is what `storage::atomic` is compared with")]
pub fn finish_by_hand(file: File, temporary: &Path, path: &Path) -> io::Result<()> {
    let dir = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    file.sync_data()?;
    drop(file);
    std::fs::rename(temporary, path)?;
    File::open(dir)?.sync_all()
}

/// Times the steps one by one.
///
/// # Errors
/// When `dir` can't be written to.
#[expect(clippy::disallowed_methods, reason = "the operating system itself is timed here")]
pub fn time_steps(dir: &Path) -> io::Result<StepTimes> {
    let (from, to) = (dir.join("keepstone-steps.tmp"), dir.join("keepstone-steps"));
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        let mut file = File::create(&from)?;
        file.write_all(&[1; 4096])?;
        let handle = File::open(dir)?;
        let [syncs, renames, dir_syncs] = &mut times;
        syncs.push(nanos(|| file.sync_data())?);
        renames.push(nanos(|| std::fs::rename(&from, &to))?);
        dir_syncs.push(nanos(|| handle.sync_all())?);
    }
    std::fs::remove_file(&to)?;
    let [sync_nanos, rename_nanos, dir_sync_nanos] = times.map(|times| stats::median(&times));
    Ok(StepTimes { sync_nanos, rename_nanos, dir_sync_nanos })
}

fn nanos(work: impl FnOnce() -> io::Result<()>) -> io::Result<f64> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64() * 1e9)
}

#[cfg(test)]
mod tests {
    use keepstone::storage::{Files as _, OsFiles, read};

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "directories can't be removed through `storage::Files`")]
    fn the_new_content_is_there_and_no_temporary() {
        let dir = std::env::temp_dir().join(format!("keepstone-by-hand-{}", std::process::id()));
        OsFiles.create_dir(&dir).unwrap();
        let path = dir.join("a");
        for content in ["first", "second"] {
            replace_by_hand(&path, content.as_bytes()).unwrap();
            let mut found = Vec::new();
            read(&OsFiles, &path, 100, &mut found).unwrap();
            assert_eq!(found, content.as_bytes());
        }
        assert_eq!(OsFiles.list(&dir).unwrap(), ["a"]);
        OsFiles.remove(&path).unwrap();
        std::fs::remove_dir(&dir).unwrap();
    }
}
