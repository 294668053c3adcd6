use std::{cell::RefCell, sync::Arc};

use keepstone_checkpoint::{Backend, CheckpointStore, StoreOptions};

use crate::{
    check::{Checked, Stop},
    place::{Openings, Place},
};

/// All objects of a place, with their bytes.
pub(crate) type Objects = Vec<(String, Vec<u8>)>;

/// A place, opened as its kind allows.
pub(crate) struct Ground {
    place: Box<dyn Place>,
    /// The handle of a place that is opened once.
    held: RefCell<Option<Arc<dyn Backend>>>,
}

impl Ground {
    pub(crate) fn new(place: Box<dyn Place>) -> Self {
        Self { place, held: RefCell::default() }
    }

    pub(crate) fn openings(&self) -> Openings {
        self.place.openings()
    }

    pub(crate) fn disturb(&self) {
        self.place.disturb();
    }

    /// Opens it. Where that can be done once only it is the same handle each time.
    pub(crate) fn open(&self) -> Result<Arc<dyn Backend>, Stop> {
        if let Some(held) = &*self.held.borrow() {
            return Ok(Arc::clone(held));
        }
        let opened =
            self.place.open().map_err(|err| Stop::Failed(format!("the place can't be opened: {err}")))?;
        if self.openings() == Openings::Once {
            *self.held.borrow_mut() = Some(Arc::clone(&opened));
        }
        Ok(opened)
    }

    /// Opens it a second time, or says why that can't be.
    pub(crate) fn again(&self) -> Result<Arc<dyn Backend>, Stop> {
        if self.openings() == Openings::Once {
            return Err(Stop::skipped(
                "the place can't be opened again; implement `Place::open` so that it can",
            ));
        }
        self.open()
    }

    /// The answer of an opening that may be refused.
    pub(crate) fn try_open(&self) -> Option<Arc<dyn Backend>> {
        self.place.open().ok()
    }

    pub(crate) fn store(&self, options: StoreOptions) -> Result<CheckpointStore, Stop> {
        Ok(CheckpointStore::on(self.open()?, options)?)
    }

    /// All that is there.
    pub(crate) fn objects(&self) -> Result<Objects, Stop> {
        objects_of(&*self.open()?)
    }

    /// Puts all that was somewhere else.
    pub(crate) fn fill(&self, objects: &Objects) -> Checked {
        let backend = self.open()?;
        for (name, bytes) in objects {
            ensure!(backend.put_if_absent(name, bytes)?, "{name}: a new place has it already");
        }
        Ok(())
    }
}

pub(crate) fn objects_of(backend: &dyn Backend) -> Result<Objects, Stop> {
    let mut objects = Objects::new();
    for object in backend.list("")? {
        let bytes = backend.get(&object.name)?;
        let bytes = bytes.ok_or_else(|| Stop::Failed(format!("{}: listed and not there", object.name)))?;
        objects.push((object.name, bytes));
    }
    Ok(objects)
}
