use std::{error::Error, sync::Arc};

use keepstone_checkpoint::Backend;

/// Why a place can't be made or opened.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Makes places for the suite to work in. A closure that answers a [`Place`] is one.
pub trait Factory {
    /// A place without objects, that nobody else uses: a bucket, a directory, a prefix of its own.
    ///
    /// # Errors
    /// Whatever went wrong: the check that asked for it has failed then.
    fn place(&self) -> Result<Box<dyn Place>, BoxError>;
}

impl<F, P> Factory for F
where
    F: Fn() -> P,
    P: Place + 'static,
{
    fn place(&self) -> Result<Box<dyn Place>, BoxError> {
        Ok(Box::new(self()))
    }
}

/// Where objects are. Whatever was made for it goes when it is dropped.
pub trait Place {
    /// Opens it as another process would: what it finds is what is there, not what an earlier handle remembers.
    ///
    /// # Errors
    /// Whatever went wrong: the check that asked for it has failed then.
    fn open(&self) -> Result<Arc<dyn Backend>, BoxError>;

    /// How often it can be opened.
    fn openings(&self) -> Openings {
        Openings::Many
    }

    /// Makes a few of the next puts fail half-way, where that can be done: a network that is cut, a disk that is full. By default nothing happens.
    ///
    /// The suite lets requests fail by itself, before and after they took effect; only the backend knows what is between.
    fn disturb(&self) {}
}

/// How often a place can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Openings {
    /// Any number of times, at the same time too.
    Many,
    /// Again once the handle before is gone; until then an opening is refused.
    InTurn,
    /// Once. Nobody can tell then whether objects outlive their handle, and the checks that would are skipped: no report is complete.
    Once,
}

/// A handle, without a way to open what is behind it again.
impl<B: Backend + 'static> Place for Arc<B> {
    fn open(&self) -> Result<Arc<dyn Backend>, BoxError> {
        Ok(Arc::<B>::clone(self))
    }

    fn openings(&self) -> Openings {
        Openings::Once
    }
}

/// Objects that live in the handle, and end with it: to open them again is to have the same handle.
#[derive(Debug, Default)]
pub struct InMemory<B>(Arc<B>);

impl<B> InMemory<B> {
    /// Wraps a backend that has no objects yet.
    pub fn new(backend: B) -> Self {
        Self(Arc::new(backend))
    }
}

impl<B: Backend + 'static> Place for InMemory<B> {
    fn open(&self) -> Result<Arc<dyn Backend>, BoxError> {
        Ok(Arc::<B>::clone(&self.0))
    }
}
