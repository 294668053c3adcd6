mod compound;
mod extend;
mod gather;
mod map;
mod serializer;
mod writer;

use serde::Serialize;
use serde::de::IgnoredAny;

use crate::decode::Decoder;
use crate::encode::extend::extends;
use crate::encode::writer::{Sink, Writer};
use crate::entity::{Entities, EntityType};
use crate::error::{Error, Problem};
use crate::options::Options;
use crate::plan::{BackTable, Plan};
use crate::record::Recorder;
use crate::shape::Shape;

/// Rows that may add to the plan one by one; after that the shape of all rows is learnt at once.
const MISSES_MAX: u32 = 128;

/// Times that the rows may be written again from the first.
const RESTARTS_MAX: u32 = 4;

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
    let entity = entities.as_deref().map_or_else(EntityType::none, Entities::entity);
    let mut recorder = Recorder::new(entity, options);
    let mut sink = Sink::new(entity, entities, options);
    let (mut shape, mut backs) = (Shape::default(), BackTable::new());
    let (mut misses, mut restarts, mut complete) = (0, 0, false);
    sink.lens.reserve(rows.size_hint().0);
    loop {
        let plan = Plan::new(&shape, &backs);
        let (back, whole) = write_rows(rows.clone(), Writer { plan: &plan, sink }, options)?;
        sink = back;
        if whole {
            break;
        }
        let row = sink.lens.len();
        if complete {
            return Err(failed(row, Problem::Unstable));
        }
        record(&mut recorder, rows.clone().skip(row).take(1), row)?;
        let unshaped = |problem| Error::Unshaped { problem };
        let mut next = recorder.shape().map_err(unshaped)?;
        misses += 1;
        restarts += u32::from(!extends(&shape, &next.0));
        if misses > MISSES_MAX || restarts > RESTARTS_MAX {
            record(&mut recorder, rows.clone().skip(row + 1), row + 1)?;
            next = recorder.shape().map_err(unshaped)?;
            complete = true;
        }
        if !extends(&shape, &next.0) {
            sink.clear();
        }
        (shape, backs) = next;
    }
    if u32::try_from(sink.lens.len()).is_err() {
        return Err(failed(sink.lens.len(), Problem::Rows));
    }
    let rows = Rows { shape, data: sink.out, lens: sink.lens, targets: sink.targets };
    debug_assert!(reads_back(&rows, options), "what was encoded has to decode");
    Ok(rows)
}

fn record<'t, T: Serialize + 't>(
    recorder: &mut Recorder,
    rows: impl Iterator<Item = &'t T>,
    first: usize,
) -> Result<(), Error> {
    for (row, value) in (first..).zip(rows) {
        recorder.row(value).map_err(|problem| failed(row, problem))?;
    }
    Ok(())
}

/// Writes the rows that the sink lacks; false if one of them doesn't fit the plan.
fn write_rows<'t, 'e, T: Serialize + 't>(
    rows: impl Iterator<Item = &'t T>,
    mut writer: Writer<'_, 'e>,
    options: &Options,
) -> Result<(Sink<'e>, bool), Error> {
    let root = &writer.plan.root;
    let first = writer.sink.lens.len();
    for (row, value) in (first..).zip(rows.skip(first)) {
        let start = writer.sink.mark();
        if let Err(fault) = writer.value(value, root) {
            let Some(problem) = fault.into_problem() else {
                writer.sink.rewind(start);
                return Ok((writer.sink, false));
            };
            return Err(failed(row, problem));
        }
        writer
            .sink
            .close(start, options)
            .map_err(|fault| failed(row, fault.into_problem().unwrap_or(Problem::Rows)))?;
    }
    Ok((writer.sink, true))
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
