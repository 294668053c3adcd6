use keepstone_format::Kind;

/// What is wrong with a JSON world.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum JsonProblem {
    /// The text is not JSON.
    #[error("{0}")]
    Syntax(String),
    /// A value is of another kind, or out of range.
    #[error("found {found}, expected {expected}")]
    Unexpected {
        /// The start of what stands there.
        found: String,
        /// What fits.
        expected: String,
    },
    /// An object has a key that means nothing there.
    #[error("unknown key {key:?}; known are {known}")]
    UnknownKey {
        /// The key.
        key: String,
        /// What would fit.
        known: String,
    },
    /// An object lacks a key.
    #[error("key {key:?} is missing")]
    MissingKey {
        /// The key.
        key: String,
    },
    /// An object has a key twice.
    #[error("key {key:?} stands here twice")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// The schema doesn't list a component.
    #[error(
        "component {name:?} is not in the schema; known are {known}. Correct the name or add it to \"types\""
    )]
    UnknownComponent {
        /// Its name.
        name: String,
        /// The first of the names in the schema.
        known: String,
    },
    /// A reference names an entity that is not in the file.
    #[error("no entity of the file has the id {id}; a reference to nothing is \"none\"")]
    UnknownEntity {
        /// The id.
        id: String,
    },
    /// Two entities have one id.
    #[error("another entity has the id {id} already")]
    DuplicateEntity {
        /// The id.
        id: String,
    },
    /// The number of entities is not what the file says it is.
    #[error("entity_count is {said}, the file has {found} entities; correct the number or leave it out")]
    Count {
        /// What the file says.
        said: u64,
        /// What it holds.
        found: u64,
    },
    /// A limit would be exceeded.
    #[error("{what}: needs {needs}, allowed are {allowed}; raise the limit if the source is trusted")]
    Limit {
        /// Which limit.
        what: &'static str,
        /// What the file needs.
        needs: u64,
        /// What is allowed.
        allowed: u64,
    },
    /// A value breaks a rule of the rows.
    #[error("the value breaks a rule")]
    Value(#[source] keepstone_value::Error),
    /// A layout breaks a rule.
    #[error("the layout breaks a rule")]
    Layout(#[source] keepstone_format::Error),
}

impl JsonProblem {
    /// What the caller should do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Limit { .. } => Kind::Limit,
            Self::Value(source) => source.kind(),
            Self::Layout(source) => source.kind(),
            _ => Kind::Damaged,
        }
    }
}
