mod hints;
mod ints;
mod join;
mod record;
mod shape;
mod write;

use crate::encode::values::record::Recorder;
use crate::encode::values::write::Writer;
use crate::encode::writer::Sink;
use crate::encode::{Rows, failed, reads_back};
use crate::error::{Error, Problem};
use crate::options::Options;
use crate::plan::{BackTable, Plan};
use crate::shape::Shape;
use crate::value::Value;

/// Encodes dynamic values and finds their shape.
///
/// As [`encode_values_like`] with no shape to go by: the integers of a position are u64 if all of them fit it, else i64, else u128, else
/// i128; where even that is too small each is the first of u128 and i128 that holds it.
///
/// ```
/// use keepstone_value::{Options, Value, encode_values};
///
/// let values = [Value::Seq(vec![Value::Int(7)]), Value::Seq(vec![Value::Int(-7), Value::Int(0)])];
/// let rows = encode_values(values.iter(), &Options::default())?;
/// assert_eq!(rows.shape.to_string(), "[i64]");
/// # Ok::<(), keepstone_value::Error>(())
/// ```
///
/// # Errors
///
/// As [`encode_values_like`].
pub fn encode_values<'v, 'd: 'v>(
    rows: impl Iterator<Item = &'v Value<'d>> + Clone,
    options: &Options,
) -> Result<Rows, Error> {
    encode_values_like(rows, &[], options)
}

/// Encodes dynamic values whose types the shapes in `like` tell: those of the columns that the values come from.
///
/// The shape of the result is that of the values alone, by the rules of FORMAT.md, section 4.2. The shapes in `like` add what a [`Value`] doesn't know:
///
/// - The width of integers. Each is of the smallest integer type that stands at its position in `like` and holds it. If one fits none of these,
///   all integers of the position are of the type that [`encode_values`] takes.
/// - Whether [`Value::Bytes`] are bytes or a sequence of u8: bytes unless `like` has sequences there and no bytes.
/// - The order of the fields of a struct, where it has the same fields and no value has them in another order. This matters only where optional fields leave the order open.
///
/// Types are found in `like` by their name, wherever they stand. So what was read with [`Decoder::value`](crate::Decoder::value) gets the shape and the
/// bytes that it had, unless the shape had alternatives that a `Value` doesn't tell apart (two integer types, or bytes beside a sequence of u8), or ones that no row used.
/// Ordinals of [`Value::Entity`] go to the targets as they are.
///
/// ```
/// use keepstone_value::{Decoder, Options, Value, encode, encode_values_like};
///
/// let options = Options::default();
/// let rows = encode([(1_u8, "one"), (2, "two")].iter(), None, &options)?;
/// let mut decoder = Decoder::new(&rows.shape, &rows.data, &rows.targets, None, &options);
/// let mut values = rows.lens.iter().map(|len| decoder.value(*len)).collect::<Result<Vec<_>, _>>()?;
/// let again = encode_values_like(values.iter(), &[&rows.shape], &options)?;
/// assert_eq!(again, rows);
///
/// values[1] = Value::Tuple(vec![Value::Int(1000), Value::Str("many".into())]);
/// let edited = encode_values_like(values.iter(), &[&rows.shape], &options)?;
/// assert_eq!(edited.shape.to_string(), "(u64, str)");
/// # Ok::<(), keepstone_value::Error>(())
/// ```
///
/// # Errors
///
/// `Error::Encode` if a value breaks a limit or a rule of the format: it nests too deeply, a map has a key twice, a struct a field twice.
/// `Error::Unshaped` if the shape breaks a limit.
pub fn encode_values_like<'v, 'd: 'v>(
    rows: impl Iterator<Item = &'v Value<'d>> + Clone,
    like: &[&Shape],
    options: &Options,
) -> Result<Rows, Error> {
    let mut recorder = Recorder::new(like, options);
    for (row, value) in rows.clone().enumerate() {
        recorder.row(value).map_err(|problem| failed(row, problem))?;
    }
    let shape = recorder.shape().map_err(|problem| Error::Unshaped { problem })?;
    drop(recorder);
    let plan = Plan::new(&shape, &BackTable::new());
    let mut writer = Writer { plan: &plan, sink: Sink::new(None, options) };
    writer.sink.lens.reserve(rows.size_hint().0);
    for (row, value) in rows.enumerate() {
        let start = writer.sink.mark();
        let written = writer.value(value, &plan.root).and_then(|()| writer.sink.close(start, options));
        written.map_err(|fault| failed(row, fault.into_problem().unwrap_or(Problem::Unstable)))?;
    }
    let sink = writer.sink;
    drop(plan);
    let rows = sink.into_rows(shape)?;
    debug_assert!(reads_back(&rows, options), "what was encoded has to decode");
    Ok(rows)
}
