//! A page that shows a store: one file, which fetches nothing.

mod collect;
mod data;
mod diff;
mod escape;
mod lines;
mod page;
mod ranges;
mod readable;

use std::{fmt, io::Write as _, path::Path};

use keepstone::{checkpoint::CheckpointReader, format};
use serde::Serialize;

use self::{collect::collect, data::Data};
use crate::args::DiffsArg;
use crate::convert;
use crate::error::Error;
use crate::output::{Exit, Report};
use crate::text::{Shown, count, plural};

/// What `checkpoint log --html` wrote.
#[derive(Debug, Serialize)]
pub(super) struct Written {
    out: String,
    bytes: u64,
    /// The number of the newest checkpoint of the store when it was read.
    up_to: Option<u64>,
    sessions: usize,
    checkpoints: usize,
    /// Checkpoints that the page has no room for: the oldest.
    checkpoints_left_out: usize,
    diffs: usize,
    /// Checkpoints that the page has, but not what they changed.
    diffs_left_out: usize,
    warnings: Vec<String>,
}

/// Writes a page of a store, or of one session of it, to a file, which is replaced in one step or stays as it was.
pub(super) fn run(
    store: &Path,
    session: Option<&str>,
    out: &Path,
    diffs: DiffsArg,
) -> Result<Written, Error> {
    convert::refuse_special(out)?;
    let reader = CheckpointReader::open(store)?;
    let name = store.display().to_string();
    let (data, changes) = collect(&reader, name, session, diffs)?;
    let (data_json, changes_json) = (escape::script_json(&data), escape::script_json(&changes.diffs));
    let failed = |source: std::io::Error| Error::Keep {
        path: out.to_owned(),
        source: format::Error::Io { op: "writing the page", source },
    };
    let data_json = data_json.map_err(|error| failed(error.into()))?;
    let changes_json = changes_json.map_err(|error| failed(error.into()))?;
    let title = page::title(store);
    let ((), bytes) = convert::replace(out, |mut file| {
        page::write(&mut file, &title, &data_json, &changes_json).map_err(failed)?;
        file.flush().map_err(failed)?;
        Ok((file, ()))
    })?;
    Ok(Written::new(out, bytes, &data, changes.warnings))
}

impl Written {
    fn new(out: &Path, bytes: u64, data: &Data, warnings: Vec<String>) -> Self {
        Self {
            out: out.display().to_string(),
            bytes,
            up_to: data.up_to,
            sessions: data.sessions.len(),
            checkpoints: data.sessions.iter().map(|session| session.log.len()).sum(),
            checkpoints_left_out: data.left_out,
            diffs: data.diffs.included,
            diffs_left_out: data.diffs.left_out,
            warnings,
        }
    }
}

impl Report for Written {
    fn exit(&self) -> Exit {
        Exit::Good
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let checkpoints = plural(self.checkpoints as u64, "checkpoint");
        let sessions = plural(self.sessions as u64, "session");
        writeln!(f, "{checkpoints} of {sessions} -> {}, {} bytes", Shown(&self.out), count(self.bytes))?;
        if self.checkpoints_left_out > 0 {
            let left_out = plural(self.checkpoints_left_out as u64, "older checkpoint");
            writeln!(f, "  without {left_out}, which the page has no room for; --session takes fewer")?;
        }
        if self.diffs_left_out > 0 && self.diffs > 0 {
            let left_out = plural(self.diffs_left_out as u64, "older checkpoint");
            writeln!(f, "  without what {left_out} changed")?;
        }
        Ok(())
    }
}
