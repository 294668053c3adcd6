use std::sync::Arc;

use crate::{Files, OsFiles};

/// How generations are kept. None of it is written down: it may differ from opening to opening.
#[non_exhaustive]
#[derive(Debug, Clone)]
pub struct GenerationOptions {
    /// Where files are.
    pub files: Arc<dyn Files>,
    /// How many generations are kept while the next one is written: default 2, at least 1. There is one
    /// file more than that, and as many more as it was lowered by.
    pub keep: u32,
    /// Whether to go on where the file system has no locks, default not: then nothing tells writers apart, and
    /// the program answers for there being one. Nothing is written over there; each generation gets a new file.
    pub without_locks: bool,
}

impl Default for GenerationOptions {
    fn default() -> Self {
        Self { files: Arc::new(OsFiles), keep: 2, without_locks: false }
    }
}

impl GenerationOptions {
    /// Puts the generations on other files.
    #[must_use]
    pub fn files(mut self, files: Arc<dyn Files>) -> Self {
        self.files = files;
        self
    }

    /// Sets how many generations are kept.
    #[must_use]
    pub fn keep(mut self, generations: u32) -> Self {
        self.keep = generations;
        self
    }

    /// Sets whether to go on where the file system has no locks.
    #[must_use]
    pub fn without_locks(mut self, allowed: bool) -> Self {
        self.without_locks = allowed;
        self
    }
}
