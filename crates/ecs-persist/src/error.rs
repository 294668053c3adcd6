mod chain;
mod kind;

use keepstone_format::{Kind, SectionId};

pub use self::chain::Chain;

/// Why a world could not be captured, encoded, decoded or spawned.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The container is damaged, newer, over a limit, or could not be written.
    #[error(transparent)]
    Format(#[from] keepstone_format::Error),

    /// A serde value could not be written or read as a row.
    #[error("a value of component {component} could not be written or read")]
    Value {
        /// Name of the component.
        component: String,
        /// What went wrong, with row and place.
        #[source]
        source: keepstone_value::Error,
    },

    /// A rule of FORMAT.md section 3 doesn't hold.
    #[error("{what}: {found}, expected {expected}; the file is damaged or was written by a faulty program")]
    Invalid {
        /// What is wrong.
        what: &'static str,
        /// What the file says.
        found: String,
        /// What the rest of the file demands.
        expected: String,
    },

    /// The container holds no such world.
    #[error("no world {world} in this file: it holds {found}; is it a save of another kind?")]
    NoWorld {
        /// The place or the name asked for.
        world: String,
        /// The file's kind, or the names of its worlds.
        found: String,
    },

    /// The file has a section that this build doesn't know and must not pass over.
    #[error("section {id}, instance {instance}, is of a later version of the format; update the program")]
    NewerSection {
        /// Its id.
        id: SectionId,
        /// Its instance.
        instance: u32,
    },

    /// A component of the file is not registered in this program.
    #[error(
        "component {name} of the file is not registered: derive Persist for it, name its type in the program so that its crate is linked, or call registry.add::<T>(); or load with Unknown::Keep or Unknown::Skip"
    )]
    UnknownComponent {
        /// Name in the file.
        name: String,
    },

    /// The world already keeps values of an unknown component, and the file's have another schema.
    #[error(
        "component {name} is not registered and the world already keeps values of it that were written otherwise; register it, or load with Unknown::Skip"
    )]
    KeptOtherwise {
        /// Name in the file.
        name: String,
    },

    /// The file's rows of a component don't fit the registered type.
    #[error(
        "component {name}: the file has {found}, the registered type {type_name} has {expected}; name the old definition with #[persist(from = ...)], or give the new type a new name"
    )]
    Mismatch {
        /// Name of the component.
        name: String,
        /// The registered Rust type.
        type_name: &'static str,
        /// Encoding in the file.
        found: String,
        /// Encoding of the type.
        expected: String,
    },

    /// A component of the file was written by a later version of its definition.
    #[error("component {name} is version {found}, this build reads up to {newest}; update the program")]
    NewerComponent {
        /// Name of the component.
        name: String,
        /// Version in the file.
        found: u32,
        /// Version registered.
        newest: u32,
    },

    /// A plain type has a field that the file lacks.
    #[error(
        "component {name}: the file has no field {field} of {type_name}; mark the field with #[persist(default)], or name the type as it was with #[persist(from = ...)]"
    )]
    MissingField {
        /// Name of the component.
        name: String,
        /// Path of the field.
        field: String,
        /// The registered Rust type.
        type_name: &'static str,
    },

    /// A column is older than the definitions that the program knows, or between two of them.
    #[error(
        "component {name} is version {found} in the file, and no step begins there: known is {known}; add the definition of that version with #[persist(from = ...)]"
    )]
    NoMigration {
        /// Name of the component in the file.
        name: String,
        /// Version in the file.
        found: u32,
        /// The step that is nearest.
        known: String,
    },

    /// Two types are registered under one name.
    #[error(
        "two types are registered as component {name}: {first} and {second}; give one of them another name with #[persist(name = \"...\")], and each use of a generic type one with registry.add_as"
    )]
    DuplicateName {
        /// The name.
        name: String,
        /// The type registered first.
        first: &'static str,
        /// The other type.
        second: &'static str,
    },

    /// A component name is empty or longer than 255 bytes.
    #[error("component name {name:?} of {type_name} has {len} bytes; names have 1 to 255")]
    BadName {
        /// The name.
        name: String,
        /// The Rust type.
        type_name: &'static str,
        /// Its length.
        len: usize,
    },

    /// Strict mode: something would not be saved.
    #[error(
        "strict save: {count} value(s) of {name} would be left out ({reason}); register it, or save without strict"
    )]
    WouldLeaveOut {
        /// The component or part.
        name: String,
        /// How many values.
        count: u64,
        /// Why.
        reason: String,
    },

    /// A strict save found numbers that have the bits of living entities: references that a load would not see.
    #[error(
        "component {name}: {count} numbers equal the bits of living entities, and a load would leave them as they are; mark the fields with #[serde(with = \"keepstone::value::entity\")], or name the component with SaveOptions::numbers if they are no references"
    )]
    HiddenReferences {
        /// Name of the component in the file.
        name: String,
        /// How many numbers.
        count: u64,
    },

    /// References lead to nothing, and the caller refuses that.
    #[error(
        "{count} reference(s) in the file lead to nothing, as their targets were gone when it was saved; load without refuse_dangling"
    )]
    Dangling {
        /// How many.
        count: u64,
    },

    /// The adapter of this ECS can't do this.
    #[error("this ECS's adapter has no support for {what}")]
    NotSupported {
        /// What.
        what: &'static str,
    },

    /// Two entities have one `PersistId`.
    #[error(
        "two entities have the id {id}: {place}; give one of them another, or choose what becomes of the other with IdConflict"
    )]
    DuplicateId {
        /// The id.
        id: crate::PersistId,
        /// Where: in a file, or in the file and the world.
        place: &'static str,
    },

    /// A delta is for another base, or for another state of it.
    #[error(
        "the delta is number {sequence} of a chain and applies to state {needs}, this is state {found} after {applied} deltas of {chain}; apply the deltas of one chain in order, or load a later base"
    )]
    WrongBase {
        /// The state that the delta applies to.
        needs: crate::StateId,
        /// The state that is there.
        found: crate::StateId,
        /// The number of the delta in its chain.
        sequence: u32,
        /// How many deltas have been applied.
        applied: u32,
        /// Whether it is of the same chain.
        chain: Chain,
    },

    /// A mark lies too far back to tell what has changed since.
    #[error("the mark is too old to tell what has changed since: {why}; take a new base with mark()")]
    MarkTooOld {
        /// Why.
        why: &'static str,
    },

    /// A selection doesn't fit the document that it is to choose from.
    #[error("{what}: {found}, expected {expected}; make the selection for this document")]
    BadSelection {
        /// What doesn't fit.
        what: &'static str,
        /// What the selection has.
        found: u64,
        /// What the document has, or the most that it allows.
        expected: u64,
    },

    /// Entities have no `PersistId`, and what was asked for knows entities by it.
    #[error(
        "{entities} of {of} entities have no component keepstone.PersistId, which {what} needs; give every entity one before it is saved"
    )]
    NoPersistId {
        /// How many have none.
        entities: u64,
        /// How many entities there are.
        of: u64,
        /// What needs it.
        what: &'static str,
    },

    /// Two columns of a file are of one registered component, under its name and one that it had before, or under two of those.
    #[error(
        "components {first} and {second} of the file are one component to {type_name}, by an alias or a definition before it; take the alias away, or bring them together with MigrationChain::component_into"
    )]
    SameComponent {
        /// One name in the file.
        first: String,
        /// The other.
        second: String,
        /// The registered Rust type.
        type_name: &'static str,
    },

    /// One type is registered under two names.
    #[error(
        "type {type_name} is registered as component {first} already and would be {second} too; register a type once"
    )]
    DuplicateType {
        /// The Rust type.
        type_name: &'static str,
        /// Its name.
        first: String,
        /// The other name.
        second: String,
    },

    /// A document can't be edited as asked.
    #[error("component {component}{}: {reason}", place(*ordinal))]
    Edit {
        /// Name of the component or resource.
        component: String,
        /// The entity whose value is meant; none for a resource, or where all values are.
        ordinal: Option<u32>,
        /// Why.
        reason: String,
    },

    /// No step of a migration chain begins at the version of a world.
    #[error(
        "the file is of world version {found} and the program of {newest}, and no step begins at {at}: known are {known}; add the step, or say with unversioned() what a file without a version is"
    )]
    NoWorldMigration {
        /// The world version of the file.
        found: u32,
        /// The version at which a step is missing.
        at: u32,
        /// The version that the chain leads to.
        newest: u32,
        /// The steps of the chain.
        known: String,
    },

    /// A world is of a later version than the migration chain leads to.
    #[error("the file is of world version {found}, this build reads up to {newest}; update the program")]
    NewerWorld {
        /// The world version of the file.
        found: u32,
        /// The version that the chain leads to.
        newest: u32,
    },

    /// A migration chain contradicts itself.
    #[error("migration step {step}: {reason}")]
    BadMigration {
        /// The step.
        step: String,
        /// What is wrong with it.
        reason: String,
    },

    /// A step of a migration failed; the document is as it was.
    #[error("migration step {step} failed")]
    MigrationFailed {
        /// The step.
        step: String,
        /// Why.
        #[source]
        source: Box<Error>,
    },

    /// A step of a migration panicked; the document is as it was.
    #[error("migration step {step} panicked: {message}")]
    MigrationPanicked {
        /// The step.
        step: String,
        /// What it said.
        message: String,
    },

    /// A limit of the caller or of the format would be exceeded.
    #[error("{what}: needs {needs}, allowed are {allowed}; raise the limit if the source is trusted")]
    Limit {
        /// Which limit.
        what: &'static str,
        /// What the world needs.
        needs: u64,
        /// What is allowed.
        allowed: u64,
    },

    /// A JSON world breaks a rule.
    #[cfg(feature = "json")]
    #[error("{path}: line {line}, column {column}: {problem}")]
    Json {
        /// Where in the document, such as `$.entities[3].components.health`.
        path: String,
        /// The line, from 1.
        line: u64,
        /// The character in the line, from 1.
        column: u64,
        /// What is wrong there.
        #[source]
        problem: Box<crate::json::JsonProblem>,
    },

    /// The file holds several worlds and the caller didn't choose one.
    #[error("the file holds several worlds: {names:?}; choose one with ReadOptions::world")]
    SeveralWorlds {
        /// Their names.
        names: Vec<String>,
    },

    /// Another registered format has the name.
    #[error("a format named {name} is registered already; give this one another name, or call replace")]
    DuplicateFormat {
        /// The name.
        name: String,
    },

    /// Another of its kind is registered under the name.
    #[error("{what} named {name} is registered already; give this one another name, or replace that one")]
    DuplicatePlugin {
        /// What it is: `an entity store`.
        what: &'static str,
        /// The name.
        name: String,
    },

    /// Nothing of that kind is registered under the name.
    #[error("{what} named {asked} is not registered; registered are [{known}]")]
    UnknownPlugin {
        /// What was asked for: `an entity store`.
        what: &'static str,
        /// The name, or that it is the default.
        asked: String,
        /// The names that are registered.
        known: String,
    },

    /// A name that can't be registered.
    #[error("the name {name:?} of {what} has {len} bytes; names have 1 to 128")]
    BadPluginName {
        /// What it is: `an entity store`.
        what: &'static str,
        /// The name, or its beginning.
        name: String,
        /// How many bytes it has.
        len: usize,
    },

    /// A store of entities failed.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),

    /// No registered format has the name, or knows the first bytes of a file.
    #[error("no registered format is {asked}; registered are [{known}]")]
    UnknownFormat {
        /// The name, or the first bytes.
        asked: String,
        /// The names of the registered formats.
        known: String,
    },

    /// A file is of a version that its format doesn't read.
    #[error(
        "the file is version {found} of the format {format}, this build writes version {newest} and doesn't read that one; update the program"
    )]
    NewerFormat {
        /// The name of the format.
        format: String,
        /// The version of the file.
        found: u32,
        /// The version that this build writes.
        newest: u32,
    },

    /// A stream can't be read.
    #[error("the world can't be read")]
    Read {
        /// Why.
        #[source]
        source: std::io::Error,
    },

    /// A stream can't be written.
    #[error("the world can't be written")]
    Write {
        /// Why.
        #[source]
        source: std::io::Error,
    },

    /// A format that a program added failed.
    #[error("the format {format} failed")]
    Custom {
        /// The name of the format.
        format: String,
        /// What the caller should do.
        kind: Kind,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

fn place(ordinal: Option<u32>) -> String {
    ordinal.map_or_else(String::new, |ordinal| format!(", entity {ordinal}"))
}
