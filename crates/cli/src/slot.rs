//! The verbs for save slots.

mod edit;
mod list;
mod load;
mod manager;
mod save;
mod transfer;

use crate::args::SlotVerb;
use crate::output::{Exit, Output};
use crate::progress::Progress;
use crate::{saves, verify};

pub(crate) use manager::{now, open};

/// Runs a verb and says how the command ends.
pub(crate) fn run(verb: &SlotVerb, output: Output, progress: &Progress) -> Exit {
    match verb {
        SlotVerb::Save(args) => {
            let result = save::run(args, output.json);
            output.finish("slot save", Some(&args.root), result)
        }
        SlotVerb::Load(args) => {
            let result = load::run(args, output.json);
            output.finish("slot load", Some(&args.root), result)
        }
        SlotVerb::List(args) => output.finish("slot list", Some(&args.root), list::run(args)),
        SlotVerb::Verify { root, player } => {
            let result = saves::named(root)
                .and_then(|found| verify::saves::verify(&found, player.as_deref(), progress));
            progress.clear();
            output.finish("slot verify", Some(root), result)
        }
        SlotVerb::Delete(args) => output.finish("slot delete", Some(&args.root), edit::delete(args)),
        SlotVerb::Undelete(args) => output.finish("slot undelete", Some(&args.root), edit::undelete(args)),
        SlotVerb::Copy(args) => output.finish("slot copy", Some(&args.save.root), transfer::copy(args)),
        SlotVerb::Rename { save, name } => {
            output.finish("slot rename", Some(&save.root), edit::name(save, name))
        }
        SlotVerb::Lock(args) => output.finish("slot lock", Some(&args.root), edit::lock(args)),
        SlotVerb::Unlock(args) => output.finish("slot unlock", Some(&args.root), edit::unlock(args)),
        SlotVerb::Export(args) => output.finish("slot export", Some(&args.save.root), transfer::export(args)),
        SlotVerb::Import(args) => output.finish("slot import", Some(&args.root), transfer::import(args)),
        SlotVerb::Purge { root, days } => output.finish("slot purge", Some(root), edit::purge(root, *days)),
    }
}
