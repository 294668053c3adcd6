//! Stores of checkpoints: the verbs for them, and what other verbs say of them.

mod create;
mod diff;
mod edit;
mod entry;
mod exchange;
mod graph;
mod html;
mod list;
mod log;
mod prune;
mod restore;
pub(crate) mod shape;
mod show;
mod store;
pub(crate) mod verify;

use crate::args::CheckpointVerb;
use crate::output::{Exit, Output};
use crate::progress::Progress;

pub(crate) use exchange::read_of_forge;
pub(crate) use list::{Session, sessions_table};
pub(crate) use store::{is_left, is_store};

/// Runs a verb and says how the command ends.
pub(crate) fn run(verb: &CheckpointVerb, output: Output, progress: &Progress) -> Exit {
    match verb {
        CheckpointVerb::Create(args) => {
            let result = create::run(args, output.json);
            output.finish("checkpoint create", Some(&args.store), result)
        }
        CheckpointVerb::Restore(args) => {
            let result = restore::restore(args, output.json);
            output.finish("checkpoint restore", Some(&args.get.at.store), result)
        }
        CheckpointVerb::Get(args) => {
            let result = restore::get(args, output.json);
            output.finish("checkpoint get", Some(&args.at.store), result)
        }
        CheckpointVerb::List(args) => output.finish("checkpoint list", Some(&args.store), list::run(args)),
        CheckpointVerb::Show(args) => output.finish("checkpoint show", Some(&args.store), show::run(args)),
        CheckpointVerb::Sessions { store } => {
            output.finish("checkpoint sessions", Some(store), list::sessions(store))
        }
        CheckpointVerb::Log(args) => {
            let (store, session) = (&args.store, args.session.as_deref());
            match &args.html {
                None => output.finish("checkpoint log", Some(store), log::run(store, session)),
                Some(out) => {
                    let result = html::run(store, session, out, args.diffs);
                    output.finish("checkpoint log", Some(store), result)
                }
            }
        }
        CheckpointVerb::Diff { store, a, b, bytes, all } => {
            let result = diff::run(store, *a, *b, *bytes, *all);
            output.finish("checkpoint diff", Some(store), result)
        }
        CheckpointVerb::Tag { at, tags, remove } => {
            output.finish("checkpoint tag", Some(&at.store), edit::tag(at, tags, *remove))
        }
        CheckpointVerb::Branch(args) => {
            output.finish("checkpoint branch", Some(&args.store), edit::branch(args))
        }
        CheckpointVerb::Undo { store, session, branch } => {
            let result = edit::undo(store, session, branch.as_deref());
            output.finish("checkpoint undo", Some(store), result)
        }
        CheckpointVerb::Prune(args) => {
            let result = prune::run(args, progress);
            progress.clear();
            output.finish("checkpoint prune", Some(&args.store), result)
        }
        CheckpointVerb::Export(args) => {
            output.finish("checkpoint export", Some(&args.store), exchange::export(args))
        }
        CheckpointVerb::Import(args) => {
            let result = exchange::import(args, progress);
            progress.clear();
            output.finish("checkpoint import", Some(&args.store), result)
        }
        CheckpointVerb::Verify(args) => {
            let result = verify::run(args, progress);
            progress.clear();
            output.finish("checkpoint verify", Some(&args.store), result)
        }
    }
}
