mod access;
mod deserializer;
mod map;
mod reader;
mod skip;
mod slot;
mod value;
mod variant;

use std::marker::PhantomData;

use serde::Deserialize;

use crate::decode::access::part;
use crate::decode::reader::Reader;
use crate::decode::slot::Slot;
use crate::entities::{EntityType, Resolve};
use crate::error::{Error, Problem};
use crate::fault::Fault;
use crate::options::Options;
use crate::plan::{BackTable, Plan};
use crate::shape::Shape;
use crate::value::Value;

/// Reads the rows of a column one after the other.
///
/// The type that is read need not be the one that was written: fields are found by name, integers widen, a value may have
/// become an `Option` or a newtype, and `IgnoredAny` checks a row without keeping it.
///
/// ```
/// use keepstone_value::{Decoder, Options, encode};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize)]
/// struct Health { current: u32 }
///
/// mod newer {
///     #[derive(serde::Deserialize, Debug, PartialEq)]
///     pub struct Health { pub current: u64, #[serde(default)] pub shield: u32 }
/// }
///
/// let options = Options::default();
/// let rows = encode([Health { current: 7 }].iter(), None, &options)?;
/// let mut decoder = Decoder::new(&rows.shape, &rows.data, &rows.targets, None, &options);
/// for len in rows.lens {
///     assert_eq!(decoder.row::<newer::Health>(len)?, newer::Health { current: 7, shield: 0 });
/// }
/// decoder.finish()?;
/// # Ok::<(), keepstone_value::Error>(())
/// ```
pub struct Decoder<'a> {
    plan: Plan<'a>,
    /// Bytes of the current row that are not read.
    rest: &'a [u8],
    targets: &'a [u32],
    resolve: Option<&'a mut dyn Resolve>,
    entity: EntityType,
    human_readable: bool,
    depth_max: u32,
    empties: u64,
    empties_max: u64,
    /// As many may be in one dynamic value.
    value_empties_max: u64,
    shape: &'a Shape,
    /// Bytes behind the current row.
    data: &'a [u8],
    len: usize,
    row: u32,
}

impl<'a> Decoder<'a> {
    /// Starts at the first row of a column. Rows with entity references need a `resolve`, unless they are skipped.
    pub fn new(
        shape: &'a Shape,
        data: &'a [u8],
        targets: &'a [u32],
        resolve: Option<&'a mut dyn Resolve>,
        options: &Options,
    ) -> Self {
        let entity = resolve.as_deref().map_or_else(EntityType::none, Resolve::entity);
        Self {
            plan: Plan::new(shape, &BackTable::new()),
            rest: &[],
            targets,
            resolve,
            entity,
            human_readable: options.human_readable,
            depth_max: options.depth(),
            empties: 0,
            empties_max: options.elements(data.len(), targets.len(), 0),
            value_empties_max: options.elements_of_value(),
            shape,
            data,
            len: data.len(),
            row: 0,
        }
    }

    /// Reads the next row, which takes `len` bytes.
    ///
    /// # Errors
    ///
    /// `Error::Decode` if the row breaks a rule of the format or a limit, or isn't what `T` reads. The decoder is of no more use then.
    #[inline]
    pub fn row<T: Deserialize<'a>>(&mut self, len: u32) -> Result<T, Error> {
        self.next(len, u64::MAX, |slot| part(slot, PhantomData::<T>))
    }

    /// Reads the next row, which takes `len` bytes, by its shape alone. References stay the ordinals they are: no `resolve`
    /// is needed or asked.
    ///
    /// The value takes 32 to 150 bytes for each byte of a row of small numbers: whoever reads what may be hostile has to check `len`
    /// first. A row may have `elements_max / 16` elements without bytes.
    ///
    /// # Errors
    ///
    /// `Error::Decode` if the row breaks a rule of the format or a limit. The decoder is of no more use then.
    #[expect(clippy::redundant_closure_for_method_calls, reason = "the method is not general over lifetimes")]
    pub fn value(&mut self, len: u32) -> Result<Value<'a>, Error> {
        self.next(len, self.value_empties_max, |slot| slot.value())
    }

    #[inline(always)]
    fn next<R>(
        &mut self,
        len: u32,
        empties_max: u64,
        read: impl FnOnce(Slot<'_, '_, 'a>) -> Result<R, Fault>,
    ) -> Result<R, Error> {
        let split = usize::try_from(len).ok().and_then(|len| self.data.split_at_checked(len));
        let Some((row, data)) = split else { return Err(self.failed(Problem::Truncated.into())) };
        self.data = data;
        self.empties_max = self.empties_max.saturating_add(Options::ELEMENTS_PER_ROW);
        let mut reader = Reader {
            plan: &self.plan,
            rest: row,
            targets: self.targets,
            resolve: self.resolve.as_deref_mut(),
            entity: &self.entity,
            human_readable: self.human_readable,
            depth_max: self.depth_max,
            depth_left: self.depth_max,
            empties_max: self.empties_max.min(self.empties.saturating_add(empties_max)),
            empties: &mut self.empties,
        };
        let value = read(Slot { reader: &mut reader, node: &self.plan.root });
        (self.rest, self.targets) = (reader.rest, reader.targets);
        match value {
            Ok(_) if !self.rest.is_empty() => Err(self.trailing()),
            Ok(value) => {
                self.row = self.row.saturating_add(1);
                Ok(value)
            }
            Err(fault) => Err(self.failed(fault)),
        }
    }

    /// How many references the rows that are left have: what a row holds is the difference between two calls.
    pub fn targets_left(&self) -> usize {
        self.targets.len()
    }

    /// Checks that all bytes and all references were read.
    ///
    /// # Errors
    ///
    /// `Error::Unread` if some were not.
    pub fn finish(self) -> Result<(), Error> {
        if self.data.is_empty() && self.targets.is_empty() {
            return Ok(());
        }
        let count = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
        Err(Error::Unread { bytes: count(self.data.len()), targets: count(self.targets.len()) })
    }

    #[cold]
    fn trailing(&self) -> Error {
        let bytes = u64::try_from(self.rest.len()).unwrap_or(u64::MAX);
        self.failed(Problem::Trailing { bytes }.into())
    }

    #[cold]
    fn failed(&self, fault: Fault) -> Error {
        let (problem, path) = fault.into_place(self.shape.root_name());
        let left = self.data.len() + self.rest.len();
        let offset = u64::try_from(self.len.saturating_sub(left)).unwrap_or(u64::MAX);
        Error::Decode { row: self.row, offset, path, problem }
    }
}

/// Whether `D` is this decoder's deserializer.
pub(crate) fn is_slot<D>() -> bool {
    typeid::of::<D>() == typeid::of::<Slot<'_, '_, '_>>()
}
