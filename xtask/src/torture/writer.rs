//! A process that appends to a log, and what must be read afterwards.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

/// Nothing here takes longer, or it hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// How a writer ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// The highest LSN it was told is durable.
    pub(super) acknowledged: u64,
    pub(super) status: ExitStatus,
    pub(super) stderr: String,
}

/// The line that is record `lsn`, of lengths from 0 to 6000 bytes and more.
pub(super) fn line(lsn: u64) -> String {
    let len = usize::try_from(lsn.wrapping_mul(2_654_435_761) % 300).unwrap_or(0);
    let long = if lsn.is_multiple_of(50) { 6000 } else { 0 };
    format!("record {lsn} {}", "x".repeat(len + long))
}

/// Appends lines from `first` on until `lines` are through, or until it is killed after `kill_after`
/// acknowledgements, or ends by itself.
pub(super) fn append(mut command: Command, first: u64, lines: u64, kill_after: Option<u64>) -> Result<Ended> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
    let mut stdin = child.stdin.take().context("its stdin")?;
    let stdout = BufReader::new(child.stdout.take().context("its stdout")?);
    let mut stderr = child.stderr.take().context("its stderr")?;
    let feeder = thread::spawn(move || {
        for lsn in first..first + lines {
            // It ends when the reader does.
            if writeln!(stdin, "{}", line(lsn)).is_err() {
                return;
            }
        }
    });
    let complaints = thread::spawn(move || std::io::read_to_string(&mut stderr).unwrap_or_default());
    let (told, heard) = mpsc::channel();
    let listener = thread::spawn(move || {
        for said in stdout.lines().map_while(Result::ok) {
            if let Some(lsn) = said.strip_prefix("ACK ").and_then(|lsn| lsn.parse::<u64>().ok())
                && told.send(lsn).is_err()
            {
                return;
            }
        }
    });
    let acknowledged = listen(&mut child, &heard, first, kill_after)?;
    let status = child.wait().context("its end")?;
    // What it said before it died counts.
    let acknowledged = heard.iter().fold(acknowledged, u64::max);
    for thread in [feeder, listener] {
        ensure!(thread.join().is_ok(), "a thread of the test panicked");
    }
    let stderr = complaints.join().unwrap_or_default();
    Ok(Ended { acknowledged, status, stderr })
}

fn listen(
    child: &mut Child,
    heard: &mpsc::Receiver<u64>,
    first: u64,
    kill_after: Option<u64>,
) -> Result<u64> {
    let deadline = Instant::now() + PATIENCE;
    let mut acknowledged = first - 1;
    loop {
        if kill_after.is_some_and(|count| acknowledged + 1 - first >= count) {
            child.kill().context("the kill")?;
            return Ok(acknowledged);
        }
        match heard.recv_timeout(PATIENCE) {
            Ok(lsn) => acknowledged = acknowledged.max(lsn),
            Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(acknowledged),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        if Instant::now() > deadline {
            child.kill().context("the kill")?;
            anyhow::bail!("the writer hung after {acknowledged}");
        }
    }
}

/// All that is in the log is what was appended, in order, and nothing acknowledged is missing; answers how many there are.
pub(super) fn check(keepstone: &Path, log: &Path, acknowledged: u64) -> Result<u64> {
    let output = Command::new(keepstone).args(["wal", "cat"]).arg(log).output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "wal cat {}: {} {stderr}", log.display(), output.status);
    let text = String::from_utf8(output.stdout).context("the records are text")?;
    let mut count = 0;
    for found in text.lines() {
        count += 1;
        ensure!(found == line(count), "record {count} is `{found}`");
    }
    ensure!(count >= acknowledged, "{acknowledged} were acknowledged, {count} are there");
    let verified = Command::new(keepstone).args(["wal", "verify"]).arg(log).output()?;
    let stderr = String::from_utf8_lossy(&verified.stderr);
    ensure!(verified.status.success(), "wal verify {}: {} {stderr}", log.display(), verified.status);
    Ok(count)
}

/// The command that appends durably.
pub(super) fn appender(keepstone: &Path, log: &Path) -> Command {
    let mut command = Command::new(keepstone);
    command.args(["wal", "append"]).arg(log);
    command
}
