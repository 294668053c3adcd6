use std::{fmt, marker::PhantomData, ops::Range};

use keepstone_value::{Batches, Entities, Learner, Resolve};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    codec::{Codec, Runs, decode_rows, encode_rows, rows_data},
    doc::{Column, ColumnData},
    error::Error,
    evolve::ColumnStep,
    schema::{ComponentSchema, Encoding},
};

/// A [`Codec`] that is a value: what an adapter keeps of each registered component.
pub trait Coder<T>: Send + Sync + 'static {
    /// As [`Codec::capture`].
    ///
    /// # Errors
    /// As [`Codec::capture`].
    fn capture<'w>(
        &self,
        rows: Runs<'w, T>,
        entities: &mut dyn Entities,
    ) -> Result<(Encoding, ColumnData<'w>), keepstone_value::Error>;

    /// As [`Codec::decode`].
    ///
    /// # Errors
    /// As [`Codec::decode`].
    fn decode(&self, column: &Column<'_>, rows: usize, entities: &mut dyn Resolve) -> Result<Vec<T>, Error>;

    /// As [`Codec::encoding`].
    fn encoding(&self) -> Option<Encoding> {
        None
    }

    /// As [`Codec::learn`].
    ///
    /// # Errors
    /// As [`Codec::learn`].
    fn learn(
        &self,
        rows: Runs<'_, T>,
        entities: &mut dyn Entities,
        learner: &mut Learner,
    ) -> Result<(), keepstone_value::Error> {
        let _ = (rows, entities, learner);
        Ok(())
    }

    /// As [`Codec::capture_batch`].
    ///
    /// # Errors
    /// As [`Codec::capture_batch`].
    fn capture_batch<'w>(
        &self,
        rows: Runs<'w, T>,
        entities: &mut dyn Entities,
        batches: &mut Batches<'_>,
    ) -> Result<ColumnData<'w>, keepstone_value::Error> {
        let _ = batches;
        self.capture(rows, entities).map(|(_, data)| data)
    }

    /// As [`Codec::append_plain`].
    fn append_plain(&self, bytes: &[u8], values: &mut Vec<T>) -> bool {
        let _ = (bytes, values);
        false
    }

    /// As [`Codec::is_own`].
    fn is_own(&self, schema: &ComponentSchema) -> bool {
        let _ = schema;
        true
    }

    /// The steps that a column takes when it is decoded, for a component that is written as version `newest`.
    ///
    /// # Errors
    /// As [`Codec::steps`].
    fn steps(&self, schema: &ComponentSchema, newest: u32) -> Result<Vec<ColumnStep>, Error> {
        match schema.version {
            found if found > newest => {
                Err(Error::NewerComponent { name: schema.name.clone(), found, newest })
            }
            _ => Ok(Vec::new()),
        }
    }

    /// As [`Codec::overwrite_plain`].
    fn overwrite_plain(&self, bytes: &[u8], values: &mut [T], written: &mut dyn FnMut(Range<usize>)) -> bool {
        let _ = (bytes, values, written);
        false
    }
}

/// The coder of a [`Codec`].
#[derive(Debug)]
pub struct Stateless<C>(PhantomData<fn() -> C>);

impl<C> Stateless<C> {
    /// The coder of `C`.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<C> Default for Stateless<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, C: Codec<T>> Coder<T> for Stateless<C> {
    fn capture<'w>(
        &self,
        rows: Runs<'w, T>,
        entities: &mut dyn Entities,
    ) -> Result<(Encoding, ColumnData<'w>), keepstone_value::Error> {
        C::capture(rows, entities)
    }

    fn decode(&self, column: &Column<'_>, rows: usize, entities: &mut dyn Resolve) -> Result<Vec<T>, Error> {
        C::decode(column, rows, entities)
    }

    fn encoding(&self) -> Option<Encoding> {
        C::encoding()
    }

    fn learn(
        &self,
        rows: Runs<'_, T>,
        entities: &mut dyn Entities,
        learner: &mut Learner,
    ) -> Result<(), keepstone_value::Error> {
        C::learn(rows, entities, learner)
    }

    fn capture_batch<'w>(
        &self,
        rows: Runs<'w, T>,
        entities: &mut dyn Entities,
        batches: &mut Batches<'_>,
    ) -> Result<ColumnData<'w>, keepstone_value::Error> {
        C::capture_batch(rows, entities, batches)
    }

    fn append_plain(&self, bytes: &[u8], values: &mut Vec<T>) -> bool {
        C::append_plain(bytes, values)
    }

    fn is_own(&self, schema: &ComponentSchema) -> bool {
        C::is_own(schema)
    }

    fn steps(&self, schema: &ComponentSchema, newest: u32) -> Result<Vec<ColumnStep>, Error> {
        let (name, found) = (&schema.name, schema.version);
        if !C::HAS_EARLIER && found > newest {
            return Err(Error::NewerComponent { name: name.clone(), found, newest });
        }
        let mut steps = Vec::new();
        C::steps(schema, &mut steps)?;
        Ok(steps)
    }

    fn overwrite_plain(&self, bytes: &[u8], values: &mut [T], written: &mut dyn FnMut(Range<usize>)) -> bool {
        C::overwrite_plain(bytes, values, written)
    }
}

/// Rows are serde values of `P`, which two functions make from values and back.
pub struct Converted<P, To, From> {
    to: To,
    from: From,
    proxy: PhantomData<fn() -> P>,
}

impl<P, To, From> Converted<P, To, From> {
    /// Puts the two functions together. What `from` refuses is an error of the load, with its row.
    pub fn new(to: To, from: From) -> Self {
        Self { to, from, proxy: PhantomData }
    }
}

impl<P, To, From> fmt::Debug for Converted<P, To, From> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Converted").finish_non_exhaustive()
    }
}

impl<T, P, E, To, From> Coder<T> for Converted<P, To, From>
where
    P: Serialize + DeserializeOwned + 'static,
    E: fmt::Display,
    To: Fn(&T) -> P + Send + Sync + 'static,
    From: Fn(P) -> Result<T, E> + Send + Sync + 'static,
{
    fn capture<'w>(
        &self,
        rows: Runs<'w, T>,
        entities: &mut dyn Entities,
    ) -> Result<(Encoding, ColumnData<'w>), keepstone_value::Error> {
        let proxies: Vec<P> = rows.iter().map(&self.to).collect();
        encode_rows(proxies.iter(), entities)
    }

    fn decode(&self, column: &Column<'_>, rows: usize, entities: &mut dyn Resolve) -> Result<Vec<T>, Error> {
        decode_rows(column, rows, entities, &self.from)
    }

    fn learn(
        &self,
        rows: Runs<'_, T>,
        entities: &mut dyn Entities,
        learner: &mut Learner,
    ) -> Result<(), keepstone_value::Error> {
        let proxies: Vec<P> = rows.iter().map(&self.to).collect();
        learner.add(proxies.iter(), Some(entities))
    }

    fn capture_batch<'w>(
        &self,
        rows: Runs<'w, T>,
        entities: &mut dyn Entities,
        batches: &mut Batches<'_>,
    ) -> Result<ColumnData<'w>, keepstone_value::Error> {
        let proxies: Vec<P> = rows.iter().map(&self.to).collect();
        Ok(rows_data(batches.encode(proxies.iter(), Some(&mut *entities))?, entities))
    }
}
