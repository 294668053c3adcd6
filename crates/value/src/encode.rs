mod batches;
mod compound;
mod extend;
mod gather;
mod learn;
mod map;
mod serializer;
mod values;
mod writer;

use serde::Serialize;
use serde::de::IgnoredAny;

use crate::decode::Decoder;
use crate::encode::extend::extends;
use crate::encode::learn::Knowledge;
use crate::encode::serializer::Slot;
use crate::encode::writer::{Sink, Writer};
use crate::entities::Entities;
use crate::error::{Error, Problem};
use crate::options::Options;
use crate::plan::Plan;
use crate::shape::Shape;

pub use crate::encode::batches::{Batches, append_learned, encode_learned};
pub use crate::encode::learn::{Learned, Learner};
pub use crate::encode::values::{encode_values, encode_values_like};

/// Rows that may add to the plan one by one; after that the shape of all rows is learnt at once.
const MISSES_MAX: u32 = 128;

/// Rows that may be written again from the first because a later one changed the shape of all: more are worth learning the
/// shape of all rows first.
const REWRITTEN_MAX: usize = 64;

/// A column of encoded rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    /// What the rows have in common.
    pub shape: Shape,
    /// The rows one after the other.
    pub data: Vec<u8>,
    /// Bytes of each row.
    pub lens: Vec<u32>,
    /// The ordinal of each entity reference, in the order in which the rows are written.
    pub targets: Vec<u32>,
    /// Numbers that look like references; none unless [`Options::report_hidden`] asks for them.
    pub suspects: Option<Suspects>,
}

/// Numbers in rows which have the bits of a living entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suspects {
    /// How many.
    pub count: u32,
    /// Index of the first row with one.
    pub first_row: u32,
}

/// Encodes rows of one type and finds their shape.
///
/// The shape and the bytes of each row depend on the set of the rows, not on their order. A row is serialized once if it
/// has the shape of the rows before it; the iterator is cloned to go back to earlier rows.
///
/// # Errors
///
/// `Error::Encode` if a value's `Serialize` fails or breaks a limit or a rule of the format, `Error::Unshaped` if the shape
/// breaks a limit.
#[expect(clippy::needless_pass_by_value, reason = "iterators are passed by value")]
pub fn encode<'t, T: Serialize + 't>(
    rows: impl Iterator<Item = &'t T> + Clone,
    entities: Option<&mut dyn Entities>,
    options: &Options,
) -> Result<Rows, Error> {
    let mut knowledge = Knowledge::new(options);
    knowledge.recorder.recognize(entities.as_deref().map(Entities::entity));
    let mut sink = Sink::new(entities, options);
    let mut known = Known::Part;
    let mut learned = Learned::default();
    sink.lens.reserve(rows.size_hint().0);
    loop {
        let plan = Plan::new(&learned.shape, &learned.backs);
        let (back, whole) = write_rows(rows.clone(), Writer { plan: &plan, sink }, options)?;
        sink = back;
        if whole {
            break;
        }
        let row = sink.lens.len();
        match known {
            Known::Part => {
                let value = rows.clone().nth(row);
                value.map_or(Ok(()), |value| knowledge.add(value, row))?;
                let restart = row > REWRITTEN_MAX && !extends(&learned.shape, &knowledge.plan.shape);
                if restart || knowledge.misses > MISSES_MAX {
                    knowledge.learn(rows.clone().skip(row), sink.learning(options), options)?;
                    known = Known::Most;
                }
            }
            Known::Most => {
                for (row, value) in rows.clone().enumerate() {
                    knowledge.recorder.row(value).map_err(|problem| failed(row, problem))?;
                }
                known = Known::All;
            }
            Known::All => return Err(failed(row, Problem::Unstable)),
        }
        let next = if known == Known::Part { knowledge.plan.clone() } else { knowledge.learned()? };
        if !extends(&learned.shape, &next.shape) {
            sink.clear();
        }
        learned = next;
    }
    let rows = sink.into_rows(learned.shape)?;
    debug_assert!(reads_back(&rows, options), "what was encoded has to decode");
    Ok(rows)
}

/// Which rows the shape is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// Those that added something when they were met.
    Part,
    /// All, but for what rows that fitted an earlier plan say about the order of fields.
    Most,
    All,
}

/// Writes the rows that the sink lacks; false if one of them doesn't fit the plan.
fn write_rows<'t, 'e, T: Serialize + 't>(
    rows: impl Iterator<Item = &'t T>,
    mut writer: Writer<'_, 'e>,
    options: &Options,
) -> Result<(Sink<'e>, bool), Error> {
    let first = writer.sink.lens.len();
    for value in rows.skip(first) {
        if !write_one(&mut writer, value, options)? {
            return Ok((writer.sink, false));
        }
    }
    Ok((writer.sink, true))
}

/// Writes the next row; false if it doesn't fit the plan.
#[inline]
fn write_one<T: Serialize + ?Sized>(
    writer: &mut Writer<'_, '_>,
    value: &T,
    options: &Options,
) -> Result<bool, Error> {
    let row = writer.sink.before.rows.saturating_add(writer.sink.lens.len());
    let start = writer.sink.mark();
    let root = &writer.plan.root;
    if let Err(fault) = writer.value(value, root) {
        let Some(problem) = fault.into_problem() else {
            writer.sink.rewind(start);
            return Ok(false);
        };
        return Err(failed(row, problem));
    }
    let closed = writer.sink.close(start, options);
    closed.map_err(|fault| failed(row, fault.into_problem().unwrap_or(Problem::Rows)))?;
    Ok(true)
}

fn failed(row: usize, problem: Problem) -> Error {
    Error::Encode { row: u32::try_from(row).unwrap_or(u32::MAX), problem }
}

fn reads_back(rows: &Rows, options: &Options) -> bool {
    let mut decoder = Decoder::new(&rows.shape, &rows.data, &rows.targets, None, options);
    let all = rows.lens.iter().try_for_each(|len| decoder.row::<IgnoredAny>(*len).map(drop));
    all.and_then(|()| decoder.finish()).is_ok()
        && Shape::decode(&rows.shape.encode()).as_ref() == Ok(&rows.shape)
}

/// Whether `S` is this encoder's serializer.
pub(crate) fn is_slot<S>() -> bool {
    typeid::of::<S>() == typeid::of::<Slot<'_, '_, '_>>()
}
