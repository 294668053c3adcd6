use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use crate::{CheckpointStore, Error, Session};

/// Sessions that are kept by name; when there are more, it begins anew.
const KEPT_MAX: usize = 1024;

/// Sessions by name, as long as no name means another one.
#[derive(Default)]
pub(super) struct Sessions(RwLock<Known>);

#[derive(Default)]
struct Known {
    /// What the store had counted of changes of names.
    names: u64,
    sessions: HashMap<String, Arc<Session>>,
}

impl Sessions {
    /// A session on its branch `main`.
    pub(super) fn find(&self, store: &CheckpointStore, name: &str) -> Result<Arc<Session>, Error> {
        // Asked for first: what changes from here on makes what is found below stale.
        let names = store.shared.feed.pulse.names.get();
        {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(session) = known.sessions.get(name).filter(|_| known.names == names) {
                return Ok(Arc::clone(session));
            }
        }
        let found = store.find_session(name)?;
        let session = Arc::new(found.ok_or_else(|| Error::NoSession { name: name.to_owned() })?);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.names < names || known.sessions.len() >= KEPT_MAX {
            known.sessions.clear();
            known.names = known.names.max(names);
        }
        if known.names == names {
            known.sessions.insert(name.to_owned(), Arc::clone(&session));
        }
        Ok(session)
    }

    /// Lets go of all: each holds the store.
    pub(super) fn forget(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).sessions.clear();
    }
}
