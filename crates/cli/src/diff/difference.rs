use std::fmt;

use keepstone::ecs::{DiffAbout, DiffCounts, WorldChange};
use serde::Serialize;

use crate::text::{Shown, cut, date, plural};

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

impl From<WorldChange> for Difference {
    fn from(change: WorldChange) -> Self {
        let what = match change.about {
            DiffAbout::Schema => About::Schema,
            DiffAbout::Metadata => About::Metadata,
            DiffAbout::Resource => About::Resource,
            DiffAbout::Entity => About::Entity,
            DiffAbout::Component => About::Component,
            _ => About::Value,
        };
        let mut difference = Self {
            what,
            entity: change.entity,
            name: change.name,
            path: change.path,
            a: change.before,
            b: change.after,
        };
        if what == About::Metadata {
            difference.reword();
        }
        difference
    }
}

impl Difference {
    /// A world that one file has alone.
    pub(super) fn of_world(name: &str, entities: u32, is_first: bool) -> Self {
        let text = Some(plural(entities, "entity"));
        let (a, b) = if is_first { (text, None) } else { (None, text) };
        let name = (!name.is_empty()).then(|| name.to_owned());
        Self { what: About::World, entity: None, name, path: None, a, b }
    }

    /// Writes times and counts of metadata as people do.
    fn reword(&mut self) {
        let reworded: fn(&str) -> Option<String> = match self.name.as_deref() {
            Some("created") => |text| text.parse().ok().map(date),
            Some("foreign ids") => |text| text.parse::<u64>().ok().map(|count| plural(count, "id")),
            _ => return,
        };
        for text in [&mut self.a, &mut self.b].into_iter().flatten() {
            if let Some(other) = reworded(text) {
                *text = other;
            }
        }
    }

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

impl From<DiffCounts> for Totals {
    fn from(counts: DiffCounts) -> Self {
        Self {
            worlds: 0,
            schema: counts.schema,
            metadata: counts.metadata,
            resources: counts.resources,
            entities_only_a: counts.entities_removed,
            entities_only_b: counts.entities_added,
            entities_changed: counts.entities_changed,
            components_only_a: counts.components_removed,
            components_only_b: counts.components_added,
            components_changed: counts.components_changed,
            values: counts.values,
        }
    }
}

impl Totals {
    /// One world that one file has alone.
    pub(super) fn of_world() -> Self {
        Self { worlds: 1, ..Self::default() }
    }

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
