use std::fmt;

use serde::Serialize;

use crate::text::{Shown, cut, plural};

/// What a difference is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum About {
    World,
    Schema,
    Metadata,
    Resource,
    /// A whole entity.
    Entity,
    /// A whole component of an entity that both have.
    Component,
    /// A value in a component that both have.
    Value,
}

/// One difference. Of what is in one file alone, the text of the other is absent.
#[derive(Debug, Serialize)]
pub(super) struct Difference {
    pub(super) what: About,
    /// The entity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) entity: Option<String>,
    /// The component, resource or key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    /// The way into the value, empty for all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<String>,
    /// What the first file has.
    pub(super) a: Option<String>,
    /// What the second file has.
    pub(super) b: Option<String>,
}

impl Difference {
    /// Sign, subject, place in it, and what is there.
    pub(super) fn cells(&self) -> (&'static str, String, String, String) {
        let subject = match (self.what, &self.entity) {
            (_, Some(entity)) => format!("entity {entity}"),
            (About::World, _) => "world".to_owned(),
            (About::Schema, _) => "schema".to_owned(),
            (About::Metadata, _) => "metadata".to_owned(),
            _ => "resource".to_owned(),
        };
        let place = [&self.name, &self.path].into_iter().flatten().map(String::as_str).collect::<String>();
        let shown = |text: &str| Shown(&cut(text)).to_string();
        let (sign, what) = match (&self.a, &self.b) {
            (Some(a), Some(b)) => ("~", format!("{} -> {}", shown(a), shown(b))),
            (Some(a), None) => ("-", shown(a)),
            (None, Some(b)) => ("+", shown(b)),
            (None, None) => ("~", String::new()),
        };
        (sign, Shown(&subject).to_string(), Shown(&place).to_string(), what)
    }
}

/// How many differences there are of each kind. A component counts once, however many values in it differ.
#[derive(Debug, Default, Serialize)]
pub(super) struct Totals {
    worlds: u64,
    schema: u64,
    metadata: u64,
    resources: u64,
    entities_only_a: u64,
    entities_only_b: u64,
    /// Entities in both of which something differs.
    entities_changed: u64,
    components_only_a: u64,
    components_only_b: u64,
    components_changed: u64,
    /// Differing values in components that both have.
    values: u64,
}

impl Totals {
    /// How many differences there are, as they are listed.
    pub(super) fn all(&self) -> u64 {
        self.worlds
            + self.schema
            + self.metadata
            + self.resources
            + self.entities_only_a
            + self.entities_only_b
            + self.components_only_a
            + self.components_only_b
            + self.values
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let mut part = |number: u64, text: String| {
            if number > 0 {
                parts.push(text);
            }
        };
        part(self.entities_only_a, format!("{} removed", plural(self.entities_only_a, "entity")));
        part(self.entities_only_b, format!("{} added", plural(self.entities_only_b, "entity")));
        part(self.entities_changed, format!("{} changed", plural(self.entities_changed, "entity")));
        part(self.components_only_a, format!("{} removed", plural(self.components_only_a, "component")));
        part(self.components_only_b, format!("{} added", plural(self.components_only_b, "component")));
        part(self.components_changed, format!("{} changed", plural(self.components_changed, "component")));
        part(self.resources, plural(self.resources, "difference") + " in resources");
        part(self.metadata, plural(self.metadata, "difference") + " in metadata");
        part(self.schema, plural(self.schema, "difference") + " in the schema");
        f.write_str(&parts.join(", "))
    }
}

/// Collects differences: counts all, and keeps the first.
pub(super) struct Found {
    totals: Totals,
    listed: Vec<Difference>,
    room: usize,
    /// Whether the entity that is looked at has a difference.
    is_changed: bool,
}

impl Found {
    pub(super) fn new(room: usize) -> Self {
        Self { totals: Totals::default(), listed: Vec::new(), room, is_changed: false }
    }

    /// How many more are listed.
    pub(super) fn room(&self) -> usize {
        self.room
    }

    pub(super) fn finish(self) -> (Totals, Vec<Difference>) {
        (self.totals, self.listed)
    }

    pub(super) fn world(&mut self, name: &str, entities: u32, is_first: bool) {
        self.totals.worlds += 1;
        let text = Some(plural(entities, "entity"));
        let (a, b) = if is_first { (text, None) } else { (None, text) };
        let name = (!name.is_empty()).then(|| name.to_owned());
        self.keep(|| Difference { what: About::World, entity: None, name, path: None, a, b });
    }

    pub(super) fn schema(&mut self, name: &str, path: &str, a: Option<String>, b: Option<String>) {
        self.totals.schema += 1;
        self.plain(About::Schema, name, path, a, b);
    }

    pub(super) fn metadata(&mut self, name: &str, a: Option<String>, b: Option<String>) {
        self.totals.metadata += 1;
        self.plain(About::Metadata, name, "", a, b);
    }

    pub(super) fn resource(&mut self, name: &str, path: &str, a: Option<String>, b: Option<String>) {
        self.totals.resources += 1;
        self.plain(About::Resource, name, path, a, b);
    }

    fn plain(&mut self, what: About, name: &str, path: &str, a: Option<String>, b: Option<String>) {
        let path = (!path.is_empty()).then(|| path.to_owned());
        self.keep(|| Difference { what, entity: None, name: Some(name.to_owned()), path, a, b });
    }

    /// Starts with the components of an entity that both files have.
    pub(super) fn start_entity(&mut self) {
        self.is_changed = false;
    }

    pub(super) fn entity(&mut self, label: impl FnOnce() -> String, text: String, is_first: bool) {
        let total =
            if is_first { &mut self.totals.entities_only_a } else { &mut self.totals.entities_only_b };
        *total += 1;
        self.keep(|| {
            let (a, b) = if is_first { (Some(text), None) } else { (None, Some(text)) };
            Difference { what: About::Entity, entity: Some(label()), name: None, path: None, a, b }
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
            if is_first { &mut self.totals.components_only_a } else { &mut self.totals.components_only_b };
        *total += 1;
        self.keep(|| {
            let (a, b) = if is_first { (Some(text), None) } else { (None, Some(text)) };
            let name = Some(name.to_owned());
            Difference { what: About::Component, entity: Some(label()), name, path: None, a, b }
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
        self.totals.components_changed += 1;
        for (path, a, b) in values {
            self.totals.values += 1;
            self.keep(|| {
                let name = Some(name.to_owned());
                Difference { what: About::Value, entity: Some(label()), name, path: Some(path), a, b }
            });
        }
    }

    fn change_entity(&mut self) {
        if !self.is_changed {
            self.is_changed = true;
            self.totals.entities_changed += 1;
        }
    }

    fn keep(&mut self, make: impl FnOnce() -> Difference) {
        if self.room > 0 {
            self.room -= 1;
            self.listed.push(make());
        }
    }
}
