use crate::codec::Codec;

/// A relationship that is saved as its target, under a name that outlives the Rust type.
///
/// Derived: `#[derive(Persist)]` with `#[persist(relationship)]`.
pub trait PersistRelationship: Sized + 'static {
    /// The name in files, 1 to 255 bytes, unique among the components of a world.
    const NAME: &'static str;
    /// The version of the component's definition, from 1.
    const VERSION: u32;
    /// Names that the component had before: it is read under them too, and written under its own.
    const ALIASES: &'static [&'static str] = &[];
}

/// A component (or resource) that is left out of saves on purpose: reports don't count it as lost.
///
/// Derived: `#[derive(Persist)]` with `#[persist(transient)]`.
#[doc(alias = "TransientComponent")]
pub trait PersistTransient: 'static {}

/// A component (or resource) that can be saved, under a name that outlives the Rust type.
///
/// Usually derived: `#[derive(Persist)]`. The name stands in every file; renaming the Rust type doesn't matter as
/// long as the name stays.
pub trait Persist: Sized + 'static {
    /// The name in files, 1 to 255 bytes, unique among the components of a world.
    const NAME: &'static str;
    /// The version of the component's definition, from 1. A file with a higher one is refused.
    const VERSION: u32;
    /// Names that the component had before: it is read under them too, and written under its own.
    const ALIASES: &'static [&'static str] = &[];
    /// Whether [`Persist::is_persistent`] is asked about each value; otherwise all are saved.
    const ASKS_EACH: bool = false;
    /// How values become rows: [`AsPlain`](crate::AsPlain) or [`AsSerde`](crate::AsSerde).
    type Codec: Codec<Self>;

    /// Whether this value is saved. Asked only where [`Persist::ASKS_EACH`] is true; the entity is saved without the component
    /// where this says no.
    #[doc(alias = "TransientComponent")]
    fn is_persistent(&self) -> bool {
        true
    }
}
