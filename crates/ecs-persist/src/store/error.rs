use keepstone_format::Kind;

use crate::identity::PersistId;

/// Why a store of entities could not do what it was asked.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store has no such entity.
    #[error("the store has no entity {id}; save it first, or ask with exists")]
    Missing {
        /// The entity.
        id: PersistId,
    },

    /// The store can't write several records so that all or none are there afterwards.
    #[error(
        "the entity store {store} has no transactions and can't promise all or none; use save_batch and delete_batch, or a store that has them"
    )]
    NotTransactional {
        /// The name of the store.
        store: String,
    },

    /// The store can't do this at all.
    #[error("the entity store {store} doesn't support {what}; use a store that does")]
    NotSupported {
        /// The name of the store.
        store: String,
        /// What.
        what: &'static str,
    },

    /// What a store is built on failed.
    #[error("the entity store {store} could not {what}")]
    Backend {
        /// The name of the store.
        store: String,
        /// What it was about to do, as a verb: `save an entity`.
        what: &'static str,
        /// What the caller should do.
        kind: Kind,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// Wraps the error of what a store is built on; `what` is a verb, such as `save an entity`.
    pub fn backend(
        store: &str,
        what: &'static str,
        kind: Kind,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Backend { store: store.to_owned(), what, kind, source: source.into() }
    }

    /// What the caller should do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Missing { .. } => Kind::NotFound,
            Self::NotTransactional { .. } | Self::NotSupported { .. } => Kind::Misuse,
            Self::Backend { kind, .. } => *kind,
        }
    }
}
