use std::{collections::BTreeSet, sync::PoisonError};

use super::{Shared, folder::Folder};
use crate::{Error, root};

impl Shared {
    /// Makes durable what was saved without waiting, and lets go of what that rotates out.
    pub(super) fn sync_saves(&self, folder: &Folder) -> Result<(), Error> {
        let files = &*self.options.files;
        let unsynced = folder.state().unsynced.clone();
        let mut result: Result<(), Error> = Ok(());
        for name in &unsynced {
            match files.open_rw(&folder.path_of(name)) {
                Ok(file) => {
                    if let Err(err) = file.sync_all() {
                        // A second sync would say that all is well.
                        folder.state().doubted.insert(name.clone());
                        result = result.and(Err(err.into()));
                    }
                }
                Err(err) if root::is_not_found(&err) => {}
                Err(err) => return Err(err.into()),
            }
        }
        if !unsynced.is_empty() {
            files.sync_dir(&folder.dir)?;
            let rotating: BTreeSet<_> = {
                let mut state = folder.state();
                state.unsynced.retain(|name| !unsynced.contains(name));
                let saves = state.listing.newest_first();
                let synced = saves.iter().filter(|entry| unsynced.contains(entry.file_name()));
                synced.filter_map(|entry| Some((entry.slot(), entry.kind()?))).collect()
            };
            for (slot, kind) in rotating {
                let turn = folder.turn(slot);
                let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
                let mut state = folder.state();
                let beyond = state.beyond(slot, kind, self.options.keep.of(kind));
                // A file that stays is one more backup; the next save tries again.
                drop(state.retire(files, &folder.spares, &folder.dir, &beyond));
            }
        }
        result?;
        let state = folder.state();
        state.in_doubt().map_or(Ok(()), |name| Err(Error::InDoubt { path: folder.path_of(name) }))
    }
}
