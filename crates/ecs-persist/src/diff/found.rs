use super::change::{DiffAbout, WorldChange};

/// How many changes there are of each kind. A component counts once, however many values in it differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct DiffCounts {
    /// Of schemas.
    pub schema: u64,
    /// Of metadata.
    pub metadata: u64,
    /// Of resources.
    pub resources: u64,
    /// Entities that the first world has alone.
    pub entities_removed: u64,
    /// Entities that the second world has alone.
    pub entities_added: u64,
    /// Entities in both in which something has changed.
    pub entities_changed: u64,
    /// Components that an entity of both has in the first world alone.
    pub components_removed: u64,
    /// Components that an entity of both has in the second world alone.
    pub components_added: u64,
    /// Components in both in which something has changed.
    pub components_changed: u64,
    /// Values in components that both have.
    pub values: u64,
}

impl DiffCounts {
    /// How many changes there are, as they are listed.
    pub fn total(&self) -> u64 {
        self.schema
            + self.metadata
            + self.resources
            + self.entities_removed
            + self.entities_added
            + self.components_removed
            + self.components_added
            + self.values
    }
}

/// Collects differences: counts all, and keeps the first.
pub(super) struct Found {
    counts: DiffCounts,
    listed: Vec<WorldChange>,
    room: usize,
    /// Whether the entity that is looked at has a difference.
    is_changed: bool,
}

impl Found {
    pub(super) fn new(room: usize) -> Self {
        Self { counts: DiffCounts::default(), listed: Vec::new(), room, is_changed: false }
    }

    pub(super) fn finish(self) -> (DiffCounts, Vec<WorldChange>) {
        (self.counts, self.listed)
    }

    pub(super) fn schema(&mut self, name: &str, path: &str, before: Option<String>, after: Option<String>) {
        self.counts.schema += 1;
        self.plain(DiffAbout::Schema, name, path, before, after);
    }

    pub(super) fn metadata(&mut self, name: &str, before: Option<String>, after: Option<String>) {
        self.counts.metadata += 1;
        self.plain(DiffAbout::Metadata, name, "", before, after);
    }

    pub(super) fn resource(&mut self, name: &str, path: &str, before: Option<String>, after: Option<String>) {
        self.counts.resources += 1;
        self.plain(DiffAbout::Resource, name, path, before, after);
    }

    fn plain(
        &mut self,
        about: DiffAbout,
        name: &str,
        path: &str,
        before: Option<String>,
        after: Option<String>,
    ) {
        let path = (!path.is_empty()).then(|| path.to_owned());
        self.keep(|| WorldChange { about, entity: None, name: Some(name.to_owned()), path, before, after });
    }

    /// Starts with the components of an entity that both files have.
    pub(super) fn start_entity(&mut self) {
        self.is_changed = false;
    }

    pub(super) fn entity(&mut self, label: impl FnOnce() -> String, text: String, is_first: bool) {
        let total =
            if is_first { &mut self.counts.entities_removed } else { &mut self.counts.entities_added };
        *total += 1;
        self.keep(|| {
            let (before, after) = if is_first { (Some(text), None) } else { (None, Some(text)) };
            WorldChange {
                about: DiffAbout::Entity,
                entity: Some(label()),
                name: None,
                path: None,
                before,
                after,
            }
        });
    }

    pub(super) fn component(
        &mut self,
        label: impl FnOnce() -> String,
        name: &str,
        text: String,
        is_first: bool,
    ) {
        self.change_entity();
        let total =
            if is_first { &mut self.counts.components_removed } else { &mut self.counts.components_added };
        *total += 1;
        self.keep(|| {
            let (before, after) = if is_first { (Some(text), None) } else { (None, Some(text)) };
            let name = Some(name.to_owned());
            WorldChange {
                about: DiffAbout::Component,
                entity: Some(label()),
                name,
                path: None,
                before,
                after,
            }
        });
    }

    /// Values of a component that both have: the way there, and both texts.
    pub(super) fn values(
        &mut self,
        label: impl Fn() -> String,
        name: &str,
        values: Vec<(String, Option<String>, Option<String>)>,
    ) {
        self.change_entity();
        self.counts.components_changed += 1;
        for (path, before, after) in values {
            self.counts.values += 1;
            self.keep(|| {
                let name = Some(name.to_owned());
                WorldChange {
                    about: DiffAbout::Value,
                    entity: Some(label()),
                    name,
                    path: Some(path),
                    before,
                    after,
                }
            });
        }
    }

    fn change_entity(&mut self) {
        if !self.is_changed {
            self.is_changed = true;
            self.counts.entities_changed += 1;
        }
    }

    fn keep(&mut self, make: impl FnOnce() -> WorldChange) {
        if self.room > 0 {
            self.room -= 1;
            self.listed.push(make());
        }
    }
}
