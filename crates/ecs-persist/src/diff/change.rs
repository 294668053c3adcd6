use std::fmt;

/// What a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DiffAbout {
    /// What is known of a component or resource.
    Schema,
    /// What the application says about the world.
    Metadata,
    /// A resource, or a value in one.
    Resource,
    /// A whole entity.
    Entity,
    /// A whole component of an entity that both worlds have.
    Component,
    /// A value in a component that both worlds have.
    Value,
}

/// One place where two worlds differ. Of what one world alone has, the text of the other is absent.
///
/// Texts come from files: whoever shows them on a terminal has to escape what moves its cursor. Values are written as Rust would, and cut behind 1,000 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorldChange {
    /// What it is about.
    pub about: DiffAbout,
    /// The entity: its id, or its place in the first world.
    pub entity: Option<String>,
    /// The component, resource or key.
    pub name: Option<String>,
    /// The way into the value, such as `.x` or `.items[3]`; empty for all of it.
    pub path: Option<String>,
    /// What the first world has; of a whole entity its components.
    pub before: Option<String>,
    /// What the second world has.
    pub after: Option<String>,
}

/// `entity 0:101 game.pos.x: 1.0 -> 1.5`, `+ entity 0:104: game.name`.
impl fmt::Display for WorldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, what) = match (&self.before, &self.after) {
            (Some(before), Some(after)) => ("", format!("{before} -> {after}")),
            (Some(before), None) => ("- ", before.clone()),
            (None, Some(after)) => ("+ ", after.clone()),
            (None, None) => ("", String::new()),
        };
        match (&self.entity, self.about) {
            (Some(entity), _) => write!(f, "{sign}entity {entity}")?,
            (None, DiffAbout::Schema) => write!(f, "{sign}schema")?,
            (None, DiffAbout::Metadata) => write!(f, "{sign}metadata")?,
            (None, _) => write!(f, "{sign}resource")?,
        }
        if let Some(name) = &self.name {
            write!(f, " {name}{}", self.path.as_deref().unwrap_or_default())?;
        }
        write!(f, ": {what}")
    }
}
