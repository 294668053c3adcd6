//! Reading what a list needs of single files.

use std::{num::NonZeroUsize, path::Path};

use keepstone_format::{Error as FormatError, FileKind, Limits, tag};
use keepstone_storage::{Error as StorageError, Files, spare};

use crate::{
    entry::{EntryState, SaveEntry},
    note::{NOTE_LEN_MAX, Note},
    player::Player,
    root::is_not_found,
    stem::Stem,
};

/// What a look at a file gave.
pub(super) enum Seen<T> {
    /// What is in it.
    This(T),
    /// It is gone, or about to go.
    Gone,
    /// The system refused; a later look may see more.
    Refused(T),
}

/// Looks at the save in a file that has a name.
pub(super) fn look_at_save(files: &dyn Files, path: &Path, stem: Stem, player: &Player) -> Seen<SaveEntry> {
    let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let unusable = |state| SaveEntry::unusable(stem, &file_name, state, Some(player.clone()));
    let prefix = match spare::prefix(files, path) {
        Ok(prefix) => prefix,
        Err(StorageError::Superseded { .. }) => return Seen::Gone,
        Err(err) if is_not_found(&err) => return Seen::Gone,
        // A file that gets another save has lost its name before.
        Err(_) if is_gone(files, path) => return Seen::Gone,
        Err(err) => {
            let reason = err.to_string();
            return match err {
                StorageError::Newer { .. }
                | StorageError::Container {
                    source: FormatError::Version { .. } | FormatError::UnknownFeatures { .. },
                    ..
                } => Seen::This(unusable(EntryState::Unreadable { reason })),
                StorageError::Io { .. } => Seen::Refused(unusable(EntryState::Unreadable { reason })),
                _ => Seen::This(unusable(EntryState::Damaged { reason })),
            };
        }
    };
    let owner = prefix.head.metadata.get(tag::PLAYER);
    let entry = if owner.is_some_and(|owner| owner != player.as_str().as_bytes()) {
        Err(format!("{file_name}: it is a save of another player; import it as a new one"))
    } else if prefix.head.header.kind == FileKind::SAVE && prefix.generation == stem.sequence {
        SaveEntry::of_head(stem, &file_name, prefix.bytes, &prefix.head.metadata)
            .map_err(|err| err.to_string())
    } else {
        Err(format!("{file_name}: is no save, or that of another sequence than its name says"))
    };
    match entry {
        Ok(entry) => Seen::This(entry),
        Err(_) if is_gone(files, path) => Seen::Gone,
        Err(reason) => Seen::This(unusable(EntryState::Damaged { reason })),
    }
}

/// Looks at a note; none: it is damaged.
pub(super) fn look_at_note(files: &dyn Files, path: &Path, stem: Stem) -> Seen<Option<Note>> {
    let mut bytes = Vec::new();
    match keepstone_storage::read(files, path, NOTE_LEN_MAX, &mut bytes) {
        Ok(()) => Seen::This(Note::decode(&bytes, stem.id).ok()),
        Err(err) if is_not_found(&err) => Seen::Gone,
        Err(StorageError::Io { .. }) => Seen::Refused(None),
        Err(_) => Seen::This(None),
    }
}

/// Looks for a save in a spare: one whose writer was killed, or lost its power, before it got a name. What is not whole was never finished.
pub(super) fn look_at_spare(files: &dyn Files, path: &Path) -> Option<SaveEntry> {
    let held = spare::open(files, path).ok()?;
    let (generation, bytes) = (held.generation(), held.bytes());
    let reader = held.reader(Limits::for_file_len(bytes)).ok()?;
    reader.check_all(NonZeroUsize::MIN).ok()?;
    // Where files have no locks it may have been taken for a save meanwhile.
    reader.source().still().ok()?;
    let stem = Stem::of_head(reader.head())?;
    let file_name = path.file_name()?.to_str()?;
    let is_save = reader.header().kind == FileKind::SAVE && generation == stem.sequence;
    if is_save { SaveEntry::of_head(stem, file_name, bytes, reader.head()).ok() } else { None }
}

fn is_gone(files: &dyn Files, path: &Path) -> bool {
    files.metadata(path).is_err_and(|err| is_not_found(&err))
}
