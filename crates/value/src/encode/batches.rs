use serde::Serialize;
use serde::de::IgnoredAny;

use crate::decode::Decoder;
use crate::encode::learn::Learned;
use crate::encode::writer::{Sink, Totals, Writer};
use crate::encode::{Rows, failed, reads_back, write_one, write_rows};
use crate::entities::Entities;
use crate::error::{Error, Problem};
use crate::options::Options;
use crate::plan::Plan;
use crate::shape::Shape;

/// Encodes the rows of a column batch by batch, with a shape that was learnt before.
///
/// The data, lengths and targets of all batches behind each other are those that [`encode`](crate::encode) gives for all rows at
/// once; limits hold for the column, not for each batch.
pub struct Batches<'l> {
    learned: &'l Learned,
    plan: Plan<'l>,
    before: Totals,
    empties: u64,
    options: Options,
}

impl<'l> Batches<'l> {
    /// Starts at the first row of a column. The options have to be those the shape was learnt with.
    pub fn new(learned: &'l Learned, options: &Options) -> Self {
        Self {
            learned,
            plan: Plan::new(&learned.shape, &learned.backs),
            before: Totals::default(),
            empties: 0,
            options: options.clone(),
        }
    }

    /// Encodes the next rows. Rows in errors and suspects are counted from the first of the column.
    ///
    /// # Errors
    ///
    /// As [`encode`](crate::encode); `Problem::Unlearned` for a row that doesn't fit the shape. No batch can follow then.
    pub fn encode<'t, T: Serialize + 't>(
        &mut self,
        rows: impl Iterator<Item = &'t T>,
        entities: Option<&mut dyn Entities>,
    ) -> Result<Rows, Error> {
        let mut sink = Sink::new(entities, &self.options);
        (sink.before, sink.empties) = (self.before, self.empties);
        sink.lens.reserve(rows.size_hint().0);
        let (sink, whole) = write_rows(rows, Writer { plan: &self.plan, sink }, &self.options)?;
        (self.before, self.empties) = (sink.totals(), sink.empties);
        if !whole {
            return Err(failed(self.before.rows, Problem::Unlearned));
        }
        let rows = sink.into_rows(self.learned.shape.clone())?;
        debug_assert!(
            reads_back(&rows, &Options { elements_max: u64::MAX, ..self.options.clone() }),
            "what was encoded has to decode"
        );
        Ok(rows)
    }
}

/// Encodes all rows of a column, or a part that is a column of its own, with a shape that was learnt before.
///
/// [`Batches`] is for the parts of one column.
///
/// # Errors
///
/// As [`Batches::encode`].
pub fn encode_learned<'t, T: Serialize + 't>(
    learned: &Learned,
    rows: impl Iterator<Item = &'t T>,
    entities: Option<&mut dyn Entities>,
    options: &Options,
) -> Result<Rows, Error> {
    Batches::new(learned, options).encode(rows, entities)
}

/// Appends the row of a value that is a column of its own, with a shape that was learnt from others before; false if it doesn't fit that.
///
/// Then, and on an error, `out` is as it was.
///
/// # Errors
///
/// As [`encode`](crate::encode).
pub fn append_learned<T: Serialize + ?Sized>(
    learned: &Learned,
    value: &T,
    out: &mut Vec<u8>,
    options: &Options,
) -> Result<bool, Error> {
    let start = out.len();
    let plan = Plan::new(&learned.shape, &learned.backs);
    let mut writer = Writer { plan: &plan, sink: Sink::behind(std::mem::take(out), options) };
    let done = write_one(&mut writer, value, options);
    *out = writer.sink.out;
    if !matches!(done, Ok(true)) {
        out.truncate(start);
    }
    debug_assert!(
        !matches!(done, Ok(true)) || reads_back_one(&learned.shape, out.get(start..), options),
        "what was encoded has to decode"
    );
    done
}

fn reads_back_one(shape: &Shape, row: Option<&[u8]>, options: &Options) -> bool {
    let row = row.unwrap_or_default();
    let mut decoder = Decoder::new(shape, row, &[], None, options);
    let len = u32::try_from(row.len()).unwrap_or(u32::MAX);
    decoder.row::<IgnoredAny>(len).is_ok() && decoder.finish().is_ok()
}
