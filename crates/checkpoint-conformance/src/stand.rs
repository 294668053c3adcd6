use std::sync::Arc;

use keepstone_checkpoint::{
    Backend, Bytes, Checkpoint, CheckpointReader, CheckpointStore, Compression, Error, Session, StoreOptions,
};

use crate::{
    check::{Bench, Stop},
    ground::{Ground, Objects},
    tap::Tap,
};

/// A store on a place.
pub(crate) struct Stand {
    pub(crate) store: CheckpointStore,
    pub(crate) tap: Arc<Tap>,
    pub(crate) ground: Ground,
    options: StoreOptions,
}

/// How stores are opened: without a thread of their own, so that a run is the same every time, and without codecs, which need not be built.
pub(crate) fn quiet() -> StoreOptions {
    StoreOptions::new().background(false).compression(Compression::None)
}

impl Bench<'_> {
    /// A store without checkpoints.
    pub(crate) fn stand(&self) -> Result<Stand, Stop> {
        self.stand_with(quiet())
    }

    pub(crate) fn stand_with(&self, options: StoreOptions) -> Result<Stand, Stop> {
        Stand::on(self.ground()?, options)
    }
}

impl Stand {
    pub(crate) fn on(ground: Ground, options: StoreOptions) -> Result<Self, Stop> {
        let tap = Tap::new(ground.open()?);
        let store = CheckpointStore::on(Arc::<Tap>::clone(&tap), options.clone())?;
        Ok(Self { store, tap, ground, options })
    }

    /// Opens it again, as another process would. Sessions of it have to be gone.
    pub(crate) fn reopen(self) -> Result<Self, Stop> {
        let Self { store, tap, ground, options } = self;
        drop((store, tap));
        Self::on(ground, options)
    }

    /// Another store over the same handle.
    pub(crate) fn second(&self) -> Result<CheckpointStore, Stop> {
        Ok(CheckpointStore::on(self.backend(), self.options.clone())?)
    }

    pub(crate) fn reader(&self) -> Result<CheckpointReader, Error> {
        CheckpointReader::on(self.backend(), self.options.clone())
    }

    pub(crate) fn backend(&self) -> Arc<dyn Backend> {
        Arc::<Tap>::clone(&self.tap)
    }

    /// Bytes of all objects.
    pub(crate) fn object_bytes(&self) -> Result<u64, Stop> {
        Ok(self.tap.list("")?.iter().map(|object| object.len).sum())
    }

    /// All objects, through the handle that is open.
    pub(crate) fn ground_objects(&self) -> Result<Objects, Stop> {
        crate::ground::objects_of(&*self.backend())
    }

    /// Names of the objects with a prefix.
    pub(crate) fn names(&self, prefix: &str) -> Result<Vec<String>, Stop> {
        Ok(self.tap.list(prefix)?.into_iter().map(|object| object.name).collect())
    }
}

/// Makes a checkpoint.
pub(crate) fn commit(session: &Session, state: &[u8]) -> Result<Arc<Checkpoint>, Error> {
    Ok(session.checkpoint(&Bytes::from(state)).commit()?.checkpoint)
}

/// The bytes of the state of the head.
pub(crate) fn latest(session: &Session) -> Result<Option<Vec<u8>>, Error> {
    Ok(session.latest::<Bytes<'_>>()?.map(|bytes| bytes.0.into_owned()))
}

pub(crate) fn sequences(list: &[Arc<Checkpoint>]) -> Vec<u64> {
    list.iter().map(|found| found.sequence.0).collect()
}
