//! The verbs for write-ahead logs.

mod append;
mod cat;

use crate::args::WalVerb;
use crate::log;
use crate::output::{Exit, Output};
use crate::progress::Progress;
use crate::verify;

/// Runs a verb and says how the command ends.
pub(crate) fn run(verb: &WalVerb, output: Output, progress: &Progress) -> Exit {
    match verb {
        WalVerb::Append(options) => {
            let result = append::run(options, output.json);
            output.finish("wal append", Some(&options.dir), result)
        }
        WalVerb::Cat(options) => {
            let result = cat::run(options, output.json);
            output.finish("wal cat", Some(&options.dir), result)
        }
        WalVerb::Verify { dir } => {
            let result = log::open(dir).and_then(|found| verify::log::verify(dir, &found, progress));
            progress.clear();
            output.finish("wal verify", Some(dir), result)
        }
    }
}
