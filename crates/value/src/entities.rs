use std::any::TypeId;

use crate::encode::Suspects;

/// The ordinal of a reference to nothing that was saved.
pub const NONE: u32 = u32::MAX;

/// The engine's entity type, as serde may name it: plain, borrowed (elements of collections) or boxed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntityType {
    ids: [TypeId; 3],
}

/// Size of an entity, so that most types are told apart before the program runs.
const SIZE: usize = size_of::<u64>();

impl EntityType {
    /// The entity type `E`, which takes 8 bytes and serializes as one u64.
    pub fn of<E: 'static>() -> Self {
        const { assert!(size_of::<E>() == SIZE, "an entity type takes 8 bytes") };
        Self { ids: [TypeId::of::<E>(), TypeId::of::<&E>(), TypeId::of::<Box<E>>()] }
    }

    /// Stands for the entity type where there is none; nothing outside can name it.
    pub(crate) fn none() -> Self {
        #[expect(dead_code, reason = "only its type is of use")]
        struct Nothing(u64);
        Self::of::<Nothing>()
    }

    /// Whether serde names the entity type.
    #[inline]
    pub(crate) fn names<T: ?Sized>(&self, value: &T) -> bool {
        let size = size_of_val(value);
        (size == SIZE || size == size_of::<&()>()) && self.has(typeid::of::<T>())
    }

    /// Whether a program reads the entity type.
    #[inline]
    pub(crate) fn is<T>(&self) -> bool {
        let size = size_of::<T>();
        (size == SIZE || size == size_of::<&()>()) && self.has(typeid::of::<T>())
    }

    #[inline]
    fn has(&self, id: TypeId) -> bool {
        let [plain, borrowed, boxed] = self.ids;
        id == plain || id == borrowed || id == boxed
    }
}

/// Tells the encoder which type is the engine's entity, and what number an entity has in the file.
///
/// Wherever serde names that type (a field, an element, a key, the inside of an `Option` or of a newtype) its value, one u64,
/// leaves no bytes in the row: its ordinal goes to the column's targets. Where serde forwards without naming the type
/// (`transparent`, `untagged`, `Cow`, `Cell`) the u64 is written like any other, unless the field is marked with [`entity`](crate::entity).
pub trait Entities {
    /// The engine's entity type.
    fn entity(&self) -> EntityType;

    /// The ordinal of the entity with these bits, [`NONE`] if it isn't saved. A reference may be asked for more than once.
    fn ordinal(&mut self, bits: u64) -> u32;

    /// Whether an entity with these bits lives: asked with [`Options::report_hidden`] for each number written as u64.
    ///
    /// [`Options::report_hidden`]: crate::Options::report_hidden
    fn is_live(&mut self, bits: u64) -> bool {
        let _ = bits;
        false
    }

    /// Whether who encodes on behalf of others is to set [`Options::report_hidden`], and hand what was found to [`Entities::suspect`].
    ///
    /// [`Options::report_hidden`]: crate::Options::report_hidden
    fn watches(&self) -> bool {
        false
    }

    /// Takes note of numbers in a column that look like references.
    fn suspect(&mut self, suspects: Suspects) {
        let _ = suspects;
    }
}

/// Tells the decoder which type is the engine's entity, and which entity an ordinal became.
pub trait Resolve {
    /// The engine's entity type.
    fn entity(&self) -> EntityType;

    /// The bits of the entity with this ordinal; for [`NONE`] those of a placeholder.
    fn bits(&mut self, ordinal: u32) -> u64;
}
