//! A writer whose system calls fail, one after another, by `strace`.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};

use super::writer::{append, check};

/// Which calls fail and how: each of the first so many, alone and from there on.
const REFUSED: [(&str, &str, u32); 6] = [
    ("fdatasync", "EIO", 8),
    ("pwrite64", "ENOSPC", 12),
    ("openat", "EMFILE", 16),
    ("rename", "EACCES", 2),
    ("fsync", "EIO", 4),
    ("unlink", "EROFS", 2),
];
const LINES: u64 = 5;

pub(super) fn run(keepstone: &Path, dir: &Path) -> Result<()> {
    let strace = Command::new("strace").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !strace.is_ok_and(|status| status.success()) {
        println!("refused: skipped: no strace");
        return Ok(());
    }
    let (mut runs, mut failures) = (0, 0);
    for (call, error, times) in REFUSED {
        for (when, at) in (1..=times).flat_map(|at| [(format!("{at}"), at), (format!("{at}+"), at)]) {
            let log = dir.join(format!("{call}-{}", when.replace('+', "-on")));
            let mut command = Command::new("strace");
            command.args(["-f", "-o", "/dev/null", "-e", &format!("trace={call}")]);
            command.args(["-e", &format!("inject={call}:error={error}:when={when}")]);
            command.arg(keepstone).args(["wal", "append"]).arg(&log);
            let ended = append(command, 1, LINES, None)?;
            let context = || format!("{call} {at} with {error}: {ended:?}");
            match ended.status.code() {
                Some(0) => ensure!(ended.acknowledged == LINES, context()),
                Some(1 | 2 | 127) => failures += 1,
                _ => bail!(context()),
            }
            ensure!(!ended.stderr.contains("panicked"), context());
            if log.exists() && std::fs::read_dir(&log)?.count() > 1 {
                check(keepstone, &log, ended.acknowledged).with_context(context)?;
            }
            runs += 1;
        }
    }
    ensure!(failures > 0, "no system call was refused; does strace inject here?");
    println!("refused: {runs} runs, {failures} ended in an error, nothing acknowledged was lost");
    Ok(())
}
