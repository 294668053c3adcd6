use std::{fmt, path::Path};

use keepstone::{
    format::Codec,
    slots::{ImportMode, Keep, SaveManager, SaveOptions, Saved},
};
use serde::Serialize;

use super::manager;
use crate::args::{CopyArgs, ExportArgs, KeepArgs, SlotImportArgs};
use crate::convert;
use crate::error::Error;
use crate::output::{Exit, Report};
use crate::saves::{self, Save};
use crate::text::{Shown, count};

/// A save that was copied or imported.
#[derive(Debug, Serialize)]
pub(super) struct Taken {
    id: String,
    save: Save,
    /// Saves that made room for it.
    rotated_out: Vec<String>,
}

/// What `slot export` wrote.
#[derive(Debug, Serialize)]
pub(super) struct Exported {
    id: String,
    out: String,
    bytes: u64,
}

pub(super) fn copy(args: &CopyArgs) -> Result<Taken, Error> {
    saves::named(&args.save.root)?;
    take(&args.save.root, &args.keep, |saves| match &args.player {
        Some(player) => Ok(saves.copy_to_player(args.save.id, player, args.slot)?),
        None => Ok(saves.copy(args.save.id, args.slot)?),
    })
}

pub(super) fn import(args: &SlotImportArgs) -> Result<Taken, Error> {
    // Read before a root is made: what is no save makes none.
    crate::source::Source::open_any(&args.input, &crate::progress::Progress::silent())?;
    let mode = if args.new { ImportMode::New } else { ImportMode::Same };
    take(&args.root, &args.to.keep, |saves| {
        Ok(saves.import(&args.to.player, args.to.slot, &args.input, mode)?)
    })
}

fn take(
    root: &Path,
    keep: &KeepArgs,
    act: impl FnOnce(&SaveManager) -> Result<Saved, Error>,
) -> Result<Taken, Error> {
    let options = SaveOptions::default().keep(Keep::all(keep.keep));
    let manager = manager::open(root, options)?;
    let saved = act(&manager)?;
    manager.maintain()?;
    Ok(Taken {
        id: saved.id().to_string(),
        save: Save::new(&saved.save),
        rotated_out: saved.rotated_out.iter().map(ToString::to_string).collect(),
    })
}

/// Writes a save to a file of its own. The saves are only read.
pub(super) fn export(args: &ExportArgs) -> Result<Exported, Error> {
    let found = saves::named(&args.save.root)?;
    let (path, save) = found.find(args.save.id)?;
    let reader = saves::open(&path)?;
    convert::refuse_same(&path, &args.out)?;
    let codec = Codec::from(args.codec);
    let ((), bytes) = convert::replace(&args.out, |out| {
        let (out, _) = convert::copy_with(&reader, out, Some(codec), saves::exported_head(&save, codec))
            .map_err(|source| convert::blamed(&path, &args.out, source))?;
        Ok((out, ()))
    })?;
    Ok(Exported { id: save.id().to_string(), out: args.out.display().to_string(), bytes })
}

impl Report for Taken {
    fn exit(&self) -> Exit {
        Exit::Good
    }
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slot = self.save.slot.unwrap_or_default();
        writeln!(f, "{} is in slot {slot} of {}", self.id, Shown(&self.save.player))
    }
}

impl Report for Exported {
    fn exit(&self) -> Exit {
        Exit::Good
    }
}

impl fmt::Display for Exported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} -> {}, {} bytes", self.id, Shown(&self.out), count(self.bytes))
    }
}
