use std::{borrow::Cow, cell::RefCell, marker::PhantomData};

use bevy_reflect::{
    FromReflect, Reflect, TypePath, TypeRegistry, TypeRegistryArc,
    serde::{TypedReflectDeserializer, TypedReflectSerializer},
};
use keepstone_ecs_persist::{Coder, Column, ColumnData, Encoding, Error, Lengths, Runs};
use keepstone_value::{Decoder, Entities, Options, Resolve};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeSeed, Error as _},
};

use crate::registry::mismatch;

/// Rows are what bevy_reflect knows of a type.
pub(crate) struct Reflected<T> {
    types: TypeRegistryArc,
    component: PhantomData<fn() -> T>,
}

impl<T> Reflected<T> {
    pub(crate) fn new(types: TypeRegistryArc) -> Self {
        Self { types, component: PhantomData }
    }
}

thread_local! {
    /// What is known of the types whose rows are written or read just now: serde passes nothing on to a value.
    static TYPES: RefCell<Option<TypeRegistryArc>> = const { RefCell::new(None) };
}

/// Does something with the rows of types that these are.
fn with_types<U>(types: &TypeRegistryArc, work: impl FnOnce() -> U) -> U {
    struct Restore(Option<TypeRegistryArc>);
    impl Drop for Restore {
        fn drop(&mut self) {
            TYPES.set(self.0.take());
        }
    }
    let _restore = Restore(TYPES.replace(Some(types.clone())));
    work()
}

fn of_types<U, E>(
    refuse: impl FnOnce(&'static str) -> E,
    work: impl FnOnce(&TypeRegistry) -> Result<U, E>,
) -> Result<U, E> {
    match TYPES.with_borrow(Clone::clone) {
        Some(types) => work(&types.read()),
        None => Err(refuse("no type registry")),
    }
}

/// A value that goes through bevy_reflect.
struct Row<T>(T);

impl<T: Reflect> Serialize for Row<&T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        of_types(serde::ser::Error::custom, |types| {
            TypedReflectSerializer::new(self.0.as_partial_reflect(), types).serialize(serializer)
        })
    }
}

/// As above, read.
struct Owned<T>(T);

impl<'de, T: FromReflect + TypePath> Deserialize<'de> for Owned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        of_types(D::Error::custom, |types| {
            let path = T::type_path();
            let known = types
                .get(std::any::TypeId::of::<T>())
                .ok_or_else(|| D::Error::custom(format_args!("{path} is not in the type registry")))?;
            let value = TypedReflectDeserializer::new(known, types).deserialize(deserializer)?;
            T::take_from_reflect(value)
                .map(Self)
                .map_err(|_| D::Error::custom(format_args!("the fields don't make up a {path}")))
        })
    }
}

impl<T: Reflect + FromReflect + TypePath> Coder<T> for Reflected<T> {
    fn capture<'w>(
        &self,
        rows: Runs<'w, T>,
        entities: &mut dyn Entities,
    ) -> Result<(Encoding, ColumnData<'w>), keepstone_value::Error> {
        let (rows, options): (Vec<Row<&T>>, _) = (rows.iter().map(Row).collect(), Options::default());
        let rows =
            with_types(&self.types, || keepstone_value::encode(rows.iter(), Some(entities), &options))?;
        let encoding = Encoding::Rows { shape: rows.shape, human_readable: options.human_readable };
        let data = ColumnData::Rows {
            data: Cow::Owned(rows.data),
            lengths: Lengths::each(rows.lens),
            targets: Cow::Owned(rows.targets),
        };
        Ok((encoding, data))
    }

    fn decode(&self, column: &Column<'_>, _: usize, entities: &mut dyn Resolve) -> Result<Vec<T>, Error> {
        let (Encoding::Rows { shape, human_readable }, ColumnData::Rows { data, lengths, targets }) =
            (&column.schema.encoding, &column.data)
        else {
            return Err(mismatch::<T>(column, "rows (a reflected type)"));
        };
        let wrap = |source| Error::Value { component: column.schema.name.clone(), source };
        let options = Options { human_readable: *human_readable, ..Options::default() };
        with_types(&self.types, || {
            let mut decoder = Decoder::new(shape, data, targets, Some(entities), &options);
            // An empty row costs no byte of the file: the vector grows as rows decode.
            let mut values = Vec::new();
            for len in lengths.iter() {
                let Owned(value) = decoder.row(len).map_err(wrap)?;
                values.push(value);
            }
            decoder.finish().map_err(wrap)?;
            Ok(values)
        })
    }
}
