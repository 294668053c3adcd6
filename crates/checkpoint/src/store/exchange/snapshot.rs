use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::super::{
    CheckpointReader, Shared,
    restore::{links, put_together},
};
use super::in_order::Window;
use crate::{
    Error,
    backend::Backend,
    catalog::Catalog,
    checkpoint::Checkpoint,
    exchange::{Exported, Selection, select::Selected},
    form::Place,
    id::Sequence,
    options::StoreOptions,
    pack::{self, Wanted},
    store::heads::Chain,
};

/// Bytes of states that are encoded, or wait to be written, at the same time.
const WINDOW_BYTES: u64 = 8 << 20;
/// Bytes of states that take no longer to encode than threads to start.
const ALONE_BYTES: u64 = 64 << 10;
/// Bytes of payloads that are read at once.
const READ_BYTES: u64 = 4 << 20;
/// Payloads that are read at once.
const READ_COUNT: usize = 1024;

/// A store at a moment, for as long as somebody exports it: what happens to the store meanwhile is not seen.
pub(super) struct Snapshot<'s> {
    backend: &'s dyn Backend,
    pub(super) options: &'s StoreOptions,
    catalog: Arc<Catalog>,
    pub(super) selected: Selected,
    /// The packs that it had are not swept. A reader can't keep another process from it.
    _unswept: Option<Unswept<'s>>,
}

/// Keeps a store from sweeping packs.
struct Unswept<'s>(&'s AtomicU64);

impl Drop for Unswept<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl<'s> Snapshot<'s> {
    pub(super) fn of(shared: &'s Shared, selection: &Selection) -> Result<Self, Error> {
        let live = shared.live()?;
        let selected = Selected::of(&live.catalog, selection)?;
        let catalog = Arc::new(live.catalog.clone());
        // While `live` is held: a sweep that hasn't seen it removes only what nothing refers to here.
        shared.exports.fetch_add(1, Ordering::SeqCst);
        let unswept = Some(Unswept(&shared.exports));
        let (backend, options) = (shared.ground.backend(), &shared.options);
        Ok(Self { backend, options, catalog, selected, _unswept: unswept })
    }

    /// A store as a reader knows it.
    pub(super) fn of_reader(reader: &'s CheckpointReader, selection: &Selection) -> Result<Self, Error> {
        let catalog = reader.now();
        let selected = Selected::of(&catalog, selection)?;
        let (backend, options) = (reader.ground().backend(), reader.options());
        Ok(Self { backend, options, catalog, selected, _unswept: None })
    }

    /// What an export of it says, but for what is found while it is written.
    pub(super) fn exported(&self) -> Exported {
        Exported {
            checkpoints: self.selected.checkpoints.len() as u64,
            sessions: self.selected.session_count(),
            branches: self.selected.live_branch_count(),
            ..Exported::default()
        }
    }

    /// A checkpoint, whether it is selected or not.
    #[cfg(feature = "json")]
    pub(super) fn checkpoint(&self, sequence: Sequence) -> Option<&Arc<Checkpoint>> {
        self.catalog.get(sequence)
    }

    /// Puts a state together.
    pub(super) fn state(&self, sequence: Sequence) -> Result<(Vec<u8>, Chain), Error> {
        let links = links(&self.catalog, sequence)?;
        put_together(self.backend, &links, self.options.state_bytes_max)
    }

    /// The payloads of what is selected.
    pub(super) fn payloads(&self) -> Stored<'_> {
        Stored { backend: self.backend, rest: &self.selected.checkpoints, group: Vec::new().into_iter() }
    }

    /// What its export may take.
    pub(super) fn window(&self) -> Window {
        Window { threads: self.options.threads, bytes_max: WINDOW_BYTES, alone: ALONE_BYTES }
    }
}

/// A checkpoint and its bytes as they are kept.
type Payload<'c> = (&'c Arc<Checkpoint>, Cow<'c, [u8]>);

/// Checkpoints and their bytes, one after the other, of which some are read at once.
pub(super) struct Stored<'c> {
    backend: &'c dyn Backend,
    rest: &'c [Arc<Checkpoint>],
    group: std::vec::IntoIter<Payload<'c>>,
}

impl<'c> Stored<'c> {
    pub(super) fn next(&mut self) -> Result<Option<Payload<'c>>, Error> {
        if self.group.len() == 0 && !self.rest.is_empty() {
            self.group = self.read()?.into_iter();
        }
        Ok(self.group.next())
    }

    fn read(&mut self) -> Result<Vec<Payload<'c>>, Error> {
        let mut bytes = 0_u64;
        let fits = |checkpoint: &&Arc<Checkpoint>| {
            bytes = bytes.saturating_add(checkpoint.stored_bytes());
            bytes <= READ_BYTES
        };
        let count = self.rest.iter().take(READ_COUNT).take_while(fits).count().max(1);
        let (group, behind) = self.rest.split_at_checked(count).unwrap_or((self.rest, &[]));
        self.rest = behind;
        let wanted = group.iter().filter_map(|checkpoint| match checkpoint.body.place {
            Place::Pack(place) => Some(Wanted { id: checkpoint.id, sequence: checkpoint.sequence, place }),
            Place::Journal(_) => None,
        });
        let read = pack::read_many(self.backend, &wanted.collect::<Vec<_>>())?;
        let mut read = read.iter();
        let payloads = group.iter().map(|checkpoint| match &checkpoint.body.place {
            Place::Journal(bytes) => (checkpoint, Cow::Borrowed(&**bytes)),
            Place::Pack(_) => (checkpoint, Cow::Owned(read.next().unwrap_or_default().to_vec())),
        });
        Ok(payloads.collect())
    }
}
