use std::borrow::Cow;

use keepstone_format::plain::{OwnedLayout, Primitive};
use keepstone_value::{Decoder, Fields, Options, Struct, Value};

use super::side::Row;
use crate::{
    doc::{Column, NONE},
    error::Error,
    schema::Encoding,
};

/// Most bytes, and most references, of a row that is taken apart: each may take 150 bytes then.
const ROW_LEN_MAX: usize = 1 << 20;
/// Values without bytes that a row may hold, and how many more for each byte: rows are read one by one, and many may hold many.
const EMPTIES_MAX: u64 = 1024;
const EMPTIES_PER_BYTE: u64 = 64;
/// Of the elements that a column may hold without bytes, a value may hold this part.
const ELEMENTS_PER_EMPTY: u64 = 16;

/// A row as a value. `number` says which entity of both worlds an ordinal is.
///
/// A row that is too long to be taken apart is its bytes, and the entities that it refers to.
pub(super) fn of_row<'s>(
    column: &'s Column<'_>,
    row: &Row<'s>,
    number: impl Fn(u32) -> u32,
) -> Result<Value<'s>, Error> {
    if row.bytes.len().max(row.targets.len()) > ROW_LEN_MAX {
        let numbers: Vec<u8> = row.targets.iter().flat_map(|target| number(*target).to_le_bytes()).collect();
        return Ok(Value::Tuple(vec![
            Value::Bytes(Cow::Borrowed(row.bytes)),
            Value::Bytes(Cow::Owned(numbers)),
        ]));
    }
    match &column.schema.encoding {
        Encoding::Plain(layout) => {
            let mut rest = row.bytes;
            Ok(of_layout(layout, &mut rest))
        }
        Encoding::Rows { shape, human_readable } => {
            let elements_max = (EMPTIES_MAX + EMPTIES_PER_BYTE * row.bytes.len() as u64) * ELEMENTS_PER_EMPTY;
            let options = Options { human_readable: *human_readable, elements_max, ..Options::default() };
            let mut decoder = Decoder::new(shape, row.bytes, row.targets, None, &options);
            let wrap = |source| Error::Value { component: column.schema.name.clone(), source };
            let len = u32::try_from(row.bytes.len()).unwrap_or(u32::MAX);
            let mut value = decoder.value(len).map_err(wrap)?;
            value.for_each_entity(&mut |ordinal| *ordinal = number(*ordinal));
            Ok(value)
        }
        Encoding::Reference { .. } => Ok(Value::Entity(number(row.targets.first().copied().unwrap_or(NONE)))),
        _ => Ok(Value::Bytes(Cow::Borrowed(row.bytes))),
    }
}

/// A plain row, taken apart by its layout.
fn of_layout<'s>(layout: &'s OwnedLayout, rest: &mut &[u8]) -> Value<'s> {
    match layout {
        OwnedLayout::Primitive(primitive) => of_primitive(*primitive, rest),
        OwnedLayout::Array(element, count) => {
            Value::Tuple((0..*count).map(|_| of_layout(element, rest)).collect())
        }
        OwnedLayout::Struct(fields) => {
            let fields = fields.iter().map(|(name, layout)| {
                let name: &str = name;
                (Cow::Borrowed(name), of_layout(layout, rest))
            });
            let fields = Fields::Named(fields.collect());
            Value::Struct(Box::new(Struct { name: Cow::Borrowed(""), fields }))
        }
    }
}

fn of_primitive(primitive: Primitive, rest: &mut &[u8]) -> Value<'static> {
    let (bytes, behind) = rest.split_at_checked(primitive.size()).unwrap_or((&[], &[]));
    *rest = behind;
    let mut wide = [0; 16];
    for (place, byte) in wide.iter_mut().zip(bytes) {
        *place = *byte;
    }
    let unsigned = u128::from_le_bytes(wide);
    // The sign moves up to the top and comes down again.
    let shift = 128 - 8 * u32::try_from(primitive.size()).unwrap_or(16);
    let signed = i128::from_le_bytes((unsigned << shift).to_le_bytes()) >> shift;
    match primitive {
        Primitive::F32 => Value::F32(u32::try_from(unsigned).unwrap_or_default()),
        Primitive::F64 => Value::F64(u64::try_from(unsigned).unwrap_or_default()),
        Primitive::I8 | Primitive::I16 | Primitive::I32 | Primitive::I64 | Primitive::I128 => {
            Value::Int(signed)
        }
        Primitive::U8 | Primitive::U16 | Primitive::U32 | Primitive::U64 | Primitive::U128 => {
            i128::try_from(unsigned).map_or(Value::Big(unsigned), Value::Int)
        }
    }
}

#[cfg(test)]
mod tests {
    use keepstone_format::Kind;
    use keepstone_value::encode;
    use serde::Serialize;

    use super::*;
    use crate::{doc::ColumnData, schema::ComponentSchema};

    fn column<T: Serialize>(value: &T) -> (Column<'static>, Vec<u8>) {
        let rows = encode([value].into_iter(), None, &Options::default()).unwrap();
        let encoding = Encoding::Rows { shape: rows.shape, human_readable: false };
        let schema = ComponentSchema::new("a", 1, false, encoding);
        (Column { schema, data: ColumnData::Plain(Vec::new()) }, rows.data)
    }

    #[test]
    fn a_row_that_is_too_long_to_be_taken_apart_is_its_bytes_and_its_entities() {
        let (column, data) = column(&vec![true; ROW_LEN_MAX]);
        let value = of_row(&column, &Row { bytes: &data, targets: &[4] }, |ordinal| ordinal + 1).unwrap();
        let bytes = Value::Bytes(Cow::Borrowed(&data));
        assert_eq!(value, Value::Tuple(vec![bytes, Value::Bytes(Cow::Owned(vec![5, 0, 0, 0]))]));
    }

    #[test]
    fn a_row_of_millions_of_units_is_refused() {
        let (column, data) = column(&vec![(); 1_000_000]);
        let error = of_row(&column, &Row { bytes: &data, targets: &[] }, |ordinal| ordinal).unwrap_err();
        assert_eq!(error.kind(), Kind::Limit, "{error}");
    }

    #[test]
    fn numbers_of_every_width_keep_their_sign() {
        let check = |primitive, bytes: &[u8], expected| {
            let mut rest = bytes;
            assert_eq!(of_primitive(primitive, &mut rest), expected);
            assert!(rest.is_empty());
        };
        check(Primitive::I8, &[0xff], Value::Int(-1));
        check(Primitive::U8, &[0xff], Value::Int(255));
        check(Primitive::I32, &(-7_i32).to_le_bytes(), Value::Int(-7));
        check(Primitive::I128, &i128::MIN.to_le_bytes(), Value::Int(i128::MIN));
        check(Primitive::U128, &u128::MAX.to_le_bytes(), Value::Big(u128::MAX));
        check(Primitive::F32, &1.5_f32.to_le_bytes(), Value::F32(1.5_f32.to_bits()));
        check(Primitive::F64, &(-0.0_f64).to_le_bytes(), Value::F64((-0.0_f64).to_bits()));
    }
}
