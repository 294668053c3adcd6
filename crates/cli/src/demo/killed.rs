//! A process that says what is durable, until it is killed.

use std::{
    env, fmt,
    io::{self, BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    str::FromStr,
};

use crate::error::Error;

/// Says that something is durable.
pub(super) fn acknowledge(id: impl fmt::Display) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    let said = writeln!(out, "ACK {id}").and_then(|()| out.flush());
    said.map_err(|source| Error::Stdout { source })
}

/// Starts a process of this program with an option and a path, kills it once it has acknowledged so much, and answers all that it has acknowledged.
pub(super) fn acknowledged<T: FromStr>(option: &str, path: &Path, count: usize) -> io::Result<Vec<T>> {
    let mut command = Command::new(env::current_exe()?);
    command.args(["demo", option]).arg(path).stdin(Stdio::null()).stderr(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut acked = Vec::new();
    if let Some(out) = child.stdout.take() {
        let mut lines = BufReader::new(out);
        let mut line = String::new();
        // What it had said before it was killed counts too; half a line does not.
        while lines.read_line(&mut line)? > 0 && line.ends_with('\n') {
            acked.extend(line.strip_prefix("ACK ").and_then(|id| id.trim_end().parse().ok()));
            line.clear();
            if acked.len() == count {
                child.kill()?;
            }
        }
    }
    child.wait()?;
    Ok(acked)
}
