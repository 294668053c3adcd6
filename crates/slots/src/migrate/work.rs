use std::{collections::VecDeque, sync::PoisonError};

use keepstone_store::{FromPayload, Payload};

use super::{Migrations, Progress, Step};
use crate::{
    Error,
    entry::SaveEntry,
    manager::{self, Folder, Shared},
    player::Player,
    request::SaveRequest,
    root,
};

/// A migration of all saves: what is left to do.
pub(super) struct Work<T> {
    migrations: Migrations<T>,
    left: VecDeque<Item>,
    pub(super) progress: Progress,
}

enum Item {
    Save(Player, SaveEntry),
    /// A player whose saves could not be listed.
    Unlisted(Player, Error),
}

/// A step, and whose save it was.
pub(super) struct Taken {
    pub(super) player: Player,
    pub(super) step: Step,
}

impl<T: Payload + FromPayload + 'static> Work<T> {
    pub(super) fn new(shared: &Shared, migrations: Migrations<T>) -> Result<Self, Error> {
        migrations.check()?;
        let mut left = VecDeque::new();
        for player in root::players(&*shared.options.files, &shared.dir)? {
            match outdated(shared, &player, &migrations) {
                Ok(saves) => left.extend(saves.into_iter().map(|save| Item::Save(player.clone(), save))),
                Err(error) => left.push_back(Item::Unlisted(player, error)),
            }
        }
        let progress = Progress { total: left.len(), ..Progress::default() };
        Ok(Self { migrations, left, progress })
    }

    /// Does the next save; none if there is none left.
    pub(super) fn step(&mut self, shared: &Shared) -> Option<Taken> {
        let (player, step) = match self.left.pop_front()? {
            Item::Save(player, save) => {
                let step = self.migrate(shared, &player, &save).unwrap_or_else(|error| Step::Failed {
                    player: player.clone(),
                    save: Some(save),
                    error,
                });
                (player, step)
            }
            Item::Unlisted(player, error) => {
                let step = Step::Failed { player: player.clone(), save: None, error };
                (player, step)
            }
        };
        self.progress.count(&step);
        Some(Taken { player, step })
    }

    fn migrate(&self, shared: &Shared, player: &Player, listed: &SaveEntry) -> Result<Step, Error> {
        let id = listed.id();
        let skipped = Ok(Step::Skipped { id });
        let folder = shared.folder(player.as_str())?;
        let files = &*shared.options.files;
        // The steps run while nothing is held: they are the program's code.
        let Some(save) = current(shared, &folder, listed)? else { return skipped };
        let read = || {
            let reader = manager::open(files, &folder.dir, &folder.player, &save)?;
            let (value, from) = self.migrations.read(&save, &reader, &shared.shapes)?;
            let thumbnail = manager::thumbnail_of(&reader, &folder.path_of(save.file_name()))?;
            Ok((value, from, thumbnail))
        };
        let (value, from, thumbnail) = match read() {
            Ok(read) => read,
            Err(err) if manager::is_gone(&err) => return skipped,
            Err(err) => return Err(err),
        };
        let Some(from) = from else { return skipped };
        let prepared = value.prepare_with(&shared.shapes).map_err(|source| Error::loading(&save, source))?;
        let request = SaveRequest { thumbnail, ..SaveRequest::default() };
        let turn = folder.turn(save.slot());
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        // It may have been renamed, locked, deleted or rotated out meanwhile.
        let Some(save) = current(shared, &folder, &save)? else { return skipped };
        let saved = shared.rewrite(&folder, &save, prepared, &request, self.migrations.schema())?;
        Ok(Step::Migrated { save: saved.save, from })
    }
}

/// The save as it is now, if it is still the file that was listed.
fn current(shared: &Shared, folder: &Folder, listed: &SaveEntry) -> Result<Option<SaveEntry>, Error> {
    let state = folder.refreshed(shared)?;
    let found = state.listing.get(listed.id());
    Ok(found.filter(|found| found.is_good() && found.file_name() == listed.file_name()).cloned())
}

/// The outdated saves of a player, the newest first.
fn outdated<T>(
    shared: &Shared,
    player: &Player,
    migrations: &Migrations<T>,
) -> Result<Vec<SaveEntry>, Error> {
    let folder = shared.folder(player.as_str())?;
    let mut saves = folder.refreshed(shared)?.listing.newest_first();
    saves
        .retain(|save| save.is_good() && migrations.is_outdated(save, shared.options.schema_of(save.slot())));
    Ok(saves)
}
