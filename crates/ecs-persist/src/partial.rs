use std::convert::Infallible;

use keepstone_value::{Batches, Entities, Learner, Resolve};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    codec::{Codec, Runs, decode_rows, encode_rows, rows_data},
    doc::{Column, ColumnData},
    error::Error,
    schema::Encoding,
};

/// A type of which some fields are saved. Derived: `#[persist(skip)]` on the others.
pub trait Partial: Sized + 'static {
    /// The saved fields, borrowed.
    type Ref<'a>: Serialize
    where
        Self: 'a;
    /// The saved fields, read.
    type Owned: DeserializeOwned;

    /// Borrows the saved fields.
    fn to_ref(&self) -> Self::Ref<'_>;

    /// Puts a value together from the saved fields and defaults.
    fn from_owned(saved: Self::Owned) -> Self;
}

/// Rows are the saved fields of a [`Partial`].
#[derive(Debug)]
pub struct AsPartial;

impl<T: Partial> Codec<T> for AsPartial {
    fn capture<'w>(
        rows: Runs<'w, T>,
        entities: &mut dyn Entities,
    ) -> Result<(Encoding, ColumnData<'w>), keepstone_value::Error> {
        let saved: Vec<T::Ref<'w>> = rows.iter().map(T::to_ref).collect();
        encode_rows(saved.iter(), entities)
    }

    fn decode(column: &Column<'_>, rows: usize, entities: &mut dyn Resolve) -> Result<Vec<T>, Error> {
        decode_rows(column, rows, entities, |saved: T::Owned| Ok::<T, Infallible>(T::from_owned(saved)))
    }

    fn learn(
        rows: Runs<'_, T>,
        entities: &mut dyn Entities,
        learner: &mut Learner,
    ) -> Result<(), keepstone_value::Error> {
        let saved: Vec<T::Ref<'_>> = rows.iter().map(T::to_ref).collect();
        learner.add(saved.iter(), Some(entities))
    }

    fn capture_batch<'w>(
        rows: Runs<'w, T>,
        entities: &mut dyn Entities,
        batches: &mut Batches<'_>,
    ) -> Result<ColumnData<'w>, keepstone_value::Error> {
        let saved: Vec<T::Ref<'w>> = rows.iter().map(T::to_ref).collect();
        Ok(rows_data(batches.encode(saved.iter(), Some(&mut *entities))?, entities))
    }
}
