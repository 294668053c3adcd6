//! A writer of saves as a manager of slots is one, and a reader that finds what it wrote.

use std::{ffi::OsStr, path::Path, sync::Arc};

use keepstone_format::Kind;
use keepstone_storage::{
    Error, Files,
    spare::{self, Spares},
};

use super::{dir, fill, load, name_of, path_of, state, state_of};

/// How many saves are kept.
pub(super) const KEPT: usize = 3;

/// The state of save `tag`, over more than one sector.
pub(super) fn content(tag: u64) -> Vec<u8> {
    [tag.to_le_bytes().to_vec(), state(tag, 500)].concat()
}

pub(super) struct Player {
    pub(super) spares: Spares,
    /// What has its name, oldest first.
    pub(super) saves: Vec<u64>,
    pub(super) next: u64,
    /// The newest of the saves that were retired and not recycled.
    retired: u64,
}

impl Player {
    pub(super) fn open(files: &Arc<dyn Files>) -> Result<Self, Error> {
        let (spares, unnamed) = super::open_all(files)?;
        let mut next = 1;
        for unnamed in unnamed {
            next = next.max(unnamed.generation() + 1);
            let name = name_of(unnamed.generation());
            let committed = unnamed.adopt(&spares, OsStr::new(&name))?;
            assert!(committed.is_named());
        }
        let mut saves: Vec<u64> =
            files.list(dir())?.iter().filter_map(|name| number(name, ".save")).collect();
        saves.sort_unstable();
        next = next.max(saves.last().map_or(1, |newest| newest + 1));
        Ok(Self { spares, saves, next, retired: 0 })
    }

    /// Saves the next state, and says when it is durable.
    pub(super) fn save(&mut self, durable: impl FnOnce(u64)) -> Result<u64, Error> {
        let tag = self.next;
        self.next += 1;
        let state = content(tag);
        let mut draft = self.spares.begin(tag, state.len() as u64)?;
        let written = fill(&mut draft, &state)?;
        let synced = draft.seal(written)?.sync()?;
        durable(tag);
        let committed = synced.publish(OsStr::new(&name_of(tag)))?;
        if committed.is_named() {
            self.saves.push(tag);
        }
        Ok(tag)
    }

    /// Retires what is not kept any longer.
    pub(super) fn rotate(&mut self) -> Result<(), Error> {
        while self.saves.len() > KEPT {
            self.spares.retire(&path_of(self.saves[0]))?;
            self.retired = self.retired.max(self.saves.remove(0));
        }
        Ok(())
    }

    /// Recycles; answers up to which save nothing can be found again.
    pub(super) fn recycle(&mut self, keep: usize) -> Result<u64, Error> {
        let before = self.spares.ready();
        self.spares.recycle(keep)?;
        // Without a new spare nothing was synced.
        Ok(if self.spares.ready() > before { self.retired } else { 0 })
    }
}

/// The number of a name with this ending.
fn number(name: &OsStr, ending: &str) -> Option<u64> {
    name.to_str()?.strip_suffix(ending)?.parse().ok()
}

/// All saves that a reader finds, by name and in spares, ascending. What has a name must be whole and be what it is called.
pub(super) fn found(files: &dyn Files) -> Result<Vec<u64>, String> {
    let mut found = Vec::new();
    let names = match files.list(dir()) {
        Ok(names) => names,
        Err(err) if err.kind() == Kind::NotFound => return Ok(found),
        Err(err) => return Err(err.to_string()),
    };
    for name in names {
        let path = dir().join(&name);
        if let Some(tag) = number(&name, ".save") {
            let (generation, state) = load(files, &path).map_err(|err| format!("by name: {err}"))?;
            if generation != tag || state != content(tag) {
                return Err(format!("{tag}.save holds save {generation}"));
            }
            found.push(tag);
        } else if number(&name, ".spare").is_some() {
            found.extend(in_spare(files, &path)?);
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// The save in a spare, if there is a whole one.
fn in_spare(files: &dyn Files, path: &Path) -> Result<Option<u64>, String> {
    let held = match spare::open(files, path) {
        Ok(held) => held,
        Err(Error::Container { source, .. }) if source.kind() == Kind::Damaged => return Ok(None),
        Err(Error::Superseded { .. }) => return Ok(None),
        Err(err) => return Err(format!("in a spare: {err}")),
    };
    match state_of(held) {
        Ok((tag, state)) if state == content(tag) => Ok(Some(tag)),
        Ok((tag, _)) => Err(format!("{} has another state of save {tag}", path.display())),
        Err(err) if err.kind() == Kind::Damaged => Ok(None),
        Err(err) => Err(format!("in a spare: {err}")),
    }
}
