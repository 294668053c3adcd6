use std::{fmt, path::Path, time::Duration};

use keepstone::slots::{SaveManager, SaveOptions};
use serde::Serialize;

use super::manager;
use crate::args::IdArgs;
use crate::error::Error;
use crate::output::{Exit, Report};
use crate::saves::Save;
use crate::text::{Shown, plural};

/// A save that was changed.
#[derive(Debug, Serialize)]
pub(super) struct Edited {
    id: String,
    /// What was done, in words.
    #[serde(skip)]
    done: &'static str,
    save: Option<Save>,
}

/// What `slot purge` removed.
#[derive(Debug, Serialize)]
pub(super) struct Purged {
    #[serde(skip)]
    name: String,
    purged: usize,
}

pub(super) fn delete(args: &IdArgs) -> Result<Edited, Error> {
    edit(args, "deleted; undelete brings it back", |saves| Ok(saves.delete(args.id)?))
}

pub(super) fn undelete(args: &IdArgs) -> Result<Edited, Error> {
    edit(args, "brought back", |saves| Ok(saves.undelete(args.id)?))
}

pub(super) fn name(args: &IdArgs, name: &str) -> Result<Edited, Error> {
    edit(args, "named", |saves| Ok(SaveManager::rename(saves, args.id, name)?))
}

pub(super) fn lock(args: &IdArgs) -> Result<Edited, Error> {
    edit(args, "locked", |saves| Ok(saves.lock(args.id)?))
}

pub(super) fn unlock(args: &IdArgs) -> Result<Edited, Error> {
    edit(args, "unlocked", |saves| Ok(saves.unlock(args.id)?))
}

fn edit(
    args: &IdArgs,
    done: &'static str,
    act: impl FnOnce(&SaveManager) -> Result<(), Error>,
) -> Result<Edited, Error> {
    let saves = manager::open_existing(&args.root, SaveOptions::default())?;
    act(&saves)?;
    saves.maintain()?;
    let save = saves.find(args.id)?.as_ref().map(Save::new);
    Ok(Edited { id: args.id.to_string(), done, save })
}

/// Removes deleted saves whose time is over.
pub(super) fn purge(root: &Path, days: u32) -> Result<Purged, Error> {
    // Not for what is done by the way, but for this call.
    let grace = Duration::from_secs(u64::from(days) * 24 * 3600);
    let saves = manager::open_with_grace(root, grace)?;
    let purged = saves.purge(manager::now())?;
    saves.maintain()?;
    Ok(Purged { name: root.display().to_string(), purged })
}

impl Report for Edited {
    fn exit(&self) -> Exit {
        Exit::Good
    }
}

impl fmt::Display for Edited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.id, self.done)
    }
}

impl Report for Purged {
    fn exit(&self) -> Exit {
        Exit::Good
    }
}

impl fmt::Display for Purged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} removed for good", Shown(&self.name), plural(self.purged as u64, "deleted save"))
    }
}
