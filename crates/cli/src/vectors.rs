//! The verbs for vectors.

mod import;
mod norms;
mod stat;

use crate::args::VectorsVerb;
use crate::output::{Exit, Output};
use crate::progress::Progress;

/// Runs a verb and says how the command ends.
pub(crate) fn run(verb: &VectorsVerb, output: Output, progress: &Progress) -> Exit {
    match verb {
        VectorsVerb::Import(options) => {
            let result = import::run(options, progress);
            progress.clear();
            output.finish("vectors import", Some(&options.input), result)
        }
        VectorsVerb::Stat { path } => {
            let result = stat::run(path, progress);
            progress.clear();
            output.finish("vectors stat", Some(path), result)
        }
    }
}
