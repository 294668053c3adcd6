//! A writer on a file system that fills up, and goes on when there is space again.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

use super::writer::{append, appender, check};

const IMAGE_BYTES: u64 = 16 << 20;
const FILLER_BYTES: usize = 6 << 20;
const LINES: u64 = 200_000;

#[expect(clippy::disallowed_methods, reason = "files that nobody keeps")]
pub(super) fn run(keepstone: &Path, dir: &Path) -> Result<()> {
    let (image, mount) = (dir.join("image"), dir.join("mount"));
    fs::create_dir(&mount)?;
    fs::File::create(&image)?.set_len(IMAGE_BYTES)?;
    if !succeeds(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image))
        || !succeeds(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&mount))
    {
        println!("full: skipped: no file system image can be made and mounted here");
        return Ok(());
    }
    let done = fill(keepstone, &mount);
    ensure!(succeeds(Command::new("umount").arg(&mount)), "{} is still mounted", mount.display());
    done
}

#[expect(clippy::disallowed_methods, reason = "files that nobody keeps")]
fn fill(keepstone: &Path, mount: &Path) -> Result<()> {
    let log = mount.join("log");
    let filler = mount.join("filler");
    fs::write(&filler, vec![1; FILLER_BYTES])?;
    let ended = append(appender(keepstone, &log), 1, LINES, None)?;
    ensure!(ended.status.code() == Some(2), "a full disk is an error: {ended:?}");
    ensure!(ended.stderr.contains("full") && !ended.stderr.contains("panicked"), "{ended:?}");
    let kept = check(keepstone, &log, ended.acknowledged).context("on the full disk")?;
    fs::remove_file(&filler)?;
    let ended = append(appender(keepstone, &log), kept + 1, 100, None)?;
    ensure!(ended.status.success() && ended.acknowledged == kept + 100, "with space again: {ended:?}");
    let count = check(keepstone, &log, ended.acknowledged)?;
    println!("full: {kept} records until the disk was full, {count} with space again, none lost");
    Ok(())
}

fn succeeds(command: &mut Command) -> bool {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
