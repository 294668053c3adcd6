use std::collections::HashMap;

use crate::shape::{Alternative, Body, Field, Payload, Position, Prim, Shape, Type, TypeKey};

/// What is known of the types of values: the shapes that they are to be like.
pub(super) struct Hints<'h> {
    types: HashMap<TypeKey<'h>, Vec<&'h Type>>,
    /// By the name of the enum and the key of the variant.
    variants: HashMap<(&'h str, VariantKey<'h>), Vec<&'h Payload>>,
    root: Vec<&'h Position>,
}

/// What tells the variants of an enum apart.
type VariantKey<'h> = (u32, &'h str, u8, usize);

/// What stands at one position in the shapes.
pub(super) type Hint<'h> = Vec<&'h Position>;

impl<'h> Hints<'h> {
    pub(super) fn new(shapes: &[&'h Shape]) -> Self {
        let mut types: HashMap<_, Vec<_>> = HashMap::new();
        let mut all: HashMap<_, Vec<_>> = HashMap::new();
        for found in shapes.iter().flat_map(|shape| &shape.types) {
            types.entry(found.key()).or_default().push(found);
            if let Body::Enum(variants) = &found.body {
                for variant in variants {
                    all.entry((found.name.as_str(), variant.key())).or_default().push(&variant.payload);
                }
            }
        }
        Self { types, variants: all, root: shapes.iter().map(|shape| &shape.root).collect() }
    }

    pub(super) fn root(&self) -> Hint<'h> {
        self.root.clone()
    }

    fn bodies<'s>(&'s self, key: TypeKey<'s>) -> impl Iterator<Item = &'h Body> + use<'s, 'h> {
        self.types.get(&key).into_iter().flatten().map(|found| &found.body)
    }

    /// The lists of fields that a struct has.
    pub(super) fn fields(&self, name: &str) -> Vec<&'h [Field]> {
        let fields =
            |body: &'h Body| if let Body::Struct(fields) = body { Some(fields.as_slice()) } else { None };
        self.bodies((1, name, 0)).filter_map(fields).collect()
    }

    /// What stands at one place of a tuple struct.
    pub(super) fn item(&self, name: &str, count: usize, place: usize) -> Hint<'h> {
        let item = |body: &'h Body| if let Body::TupleStruct(items) = body { items.get(place) } else { None };
        self.bodies((2, name, count)).filter_map(item).collect()
    }

    /// What stands in a newtype.
    pub(super) fn newtype(&self, name: &str) -> Hint<'h> {
        let inner = |body: &'h Body| if let Body::Newtype(inner) = body { Some(inner) } else { None };
        self.bodies((3, name, 0)).filter_map(inner).collect()
    }

    /// What a variant holds; the key is that of [`Variant::key`].
    pub(super) fn payloads<'s>(&'s self, of: &'s str, key: VariantKey<'s>) -> Vec<&'h Payload> {
        self.variants.get(&(of, key)).cloned().unwrap_or_default()
    }
}

/// The parts of the alternatives that `pick` takes.
pub(super) fn inside<'h>(
    hint: &[&'h Position],
    pick: impl Fn(&'h Alternative) -> Option<&'h Position>,
) -> Hint<'h> {
    hint.iter().flat_map(|position| &position.0).filter_map(pick).collect()
}

/// Whether a primitive stands there.
pub(super) fn has(hint: &[&Position], prim: Prim) -> bool {
    hint.iter().flat_map(|position| &position.0).any(|found| *found == Alternative::Prim(prim))
}

/// What the shapes have for each field.
pub(super) fn by_field<'h>(lists: &[&'h [Field]]) -> HashMap<&'h str, Hint<'h>> {
    let mut fields: HashMap<_, Hint<'h>> = HashMap::new();
    for field in lists.iter().copied().flatten() {
        fields.entry(field.name.as_str()).or_default().push(&field.position);
    }
    fields
}
