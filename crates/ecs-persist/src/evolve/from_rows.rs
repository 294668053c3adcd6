use std::any::type_name;

use keepstone_format::plain::{self, Layout, OwnedLayout, Plain, Primitive};
use keepstone_value::{Decoder, Fields, Options, Shape, Value};

use crate::{
    doc::{Column, ColumnData},
    error::Error,
    evolve::fields::Rules,
    schema::Encoding,
};

/// The longest row that is read as a value, in bytes: of a hostile one each byte may take a hundred.
const ROW_MAX: u32 = 1 << 20;

/// Reads a column of serde rows as plain values: of a component that is plain now.
pub(crate) fn read_rows<T: Plain>(
    column: &Column<'_>,
    (rules, template): (&Rules, &[u8]),
) -> Result<Option<Vec<T>>, Error> {
    let (Encoding::Rows { shape, human_readable }, ColumnData::Rows { data, lengths, targets }) =
        (&column.schema.encoding, &column.data)
    else {
        return Ok(None);
    };
    let wrap = |source| Error::Value { component: column.schema.name.clone(), source };
    let options = Options { human_readable: *human_readable, ..Options::default() };
    let mut decoder = Decoder::new(shape, data, targets, None, &options);
    let into = Into { column, type_name: type_name::<T>(), shape, rules };
    let mut values = Vec::new();
    let mut bytes = Vec::with_capacity(template.len());
    for len in lengths.iter() {
        if len > ROW_MAX {
            let (needs, allowed) = (len.into(), ROW_MAX.into());
            return Err(Error::Limit {
                what: "bytes of a row that is read as a plain value",
                needs,
                allowed,
            });
        }
        let value = decoder.value(len).map_err(wrap)?;
        bytes.clear();
        bytes.extend_from_slice(template);
        into.put(&value, &T::LAYOUT, &mut bytes, "")?;
        plain::append_le_bytes(&bytes, &mut values)?;
    }
    decoder.finish().map_err(wrap)?;
    Ok(Some(values))
}

/// Where values go.
struct Into<'c> {
    column: &'c Column<'c>,
    type_name: &'static str,
    shape: &'c Shape,
    rules: &'c Rules,
}

impl Into<'_> {
    fn put(&self, value: &Value<'_>, layout: &Layout, into: &mut [u8], path: &str) -> Result<(), Error> {
        let put = match layout {
            Layout::Primitive(primitive) => put_number(value, *primitive, into),
            Layout::Array(element, count) => self.put_array(value, (element, *count), into, path)?,
            Layout::Struct(fields) => self.put_struct(value, fields, into, path)?,
        };
        put.ok_or_else(|| self.mismatch(value, layout, path))
    }

    /// None if the value is no list of so many.
    fn put_array(
        &self,
        value: &Value<'_>,
        (element, count): (&Layout, u32),
        into: &mut [u8],
        path: &str,
    ) -> Result<Option<()>, Error> {
        let bytes: Vec<Value<'_>>;
        let values = match value {
            Value::Tuple(values) | Value::Seq(values) => values.as_slice(),
            Value::Bytes(found) => {
                bytes = found.iter().map(|byte| Value::Int(i128::from(*byte))).collect();
                bytes.as_slice()
            }
            _ => &[],
        };
        if values.len() != count as usize {
            return Ok(None);
        }
        for (value, into) in values.iter().zip(into.chunks_exact_mut(element.size().max(1))) {
            self.put(value, element, into, path)?;
        }
        Ok(Some(()))
    }

    /// None if the value is no struct.
    fn put_struct(
        &self,
        value: &Value<'_>,
        fields: &[(&'static str, Layout)],
        into: &mut [u8],
        path: &str,
    ) -> Result<Option<()>, Error> {
        let Value::Struct(found) = value else { return Ok(None) };
        let fields_of = &found.fields;
        let mut at = 0;
        for (name, layout) in fields {
            let is_top = path.is_empty();
            let inner = if is_top { (*name).to_owned() } else { format!("{path}.{name}") };
            let aliases =
                self.rules.aliases.iter().filter(|(of, _)| is_top && of == name).map(|(_, old)| *old);
            let found = std::iter::once(*name).chain(aliases).find_map(|name| field(fields_of, name));
            let slot = into.get_mut(at..at + layout.size()).unwrap_or_default();
            match found {
                Some(value) => self.put(value, layout, slot, &inner)?,
                None if self.rules.is_defaulted(&inner) => {}
                None => {
                    let (name, field) = (self.column.schema.name.clone(), inner);
                    return Err(Error::MissingField { name, field, type_name: self.type_name });
                }
            }
            at += layout.size();
        }
        Ok(Some(()))
    }

    fn mismatch(&self, value: &Value<'_>, layout: &Layout, path: &str) -> Error {
        let of = |what: String| if path.is_empty() { what } else { format!("{path}: {what}") };
        Error::Mismatch {
            name: self.column.schema.name.clone(),
            type_name: self.type_name,
            found: format!("{} in rows {}", of(value.to_string().chars().take(80).collect()), self.shape),
            expected: of(format!("plain {}", OwnedLayout::from(layout))),
        }
    }
}

/// A field by its name, or by its place where there are none.
fn field<'v, 'a>(fields: &'v Fields<'a>, name: &str) -> Option<&'v Value<'a>> {
    match fields {
        Fields::Unit => None,
        Fields::Newtype(value) => (name == "0").then_some(value),
        Fields::Tuple(values) => values.get(name.parse::<usize>().ok()?),
        Fields::Named(fields) => fields.iter().find(|(known, _)| known == name).map(|(_, value)| value),
    }
}

/// Writes a number if the value is one and fits.
fn put_number(value: &Value<'_>, of: Primitive, into: &mut [u8]) -> Option<()> {
    match (value, of) {
        (Value::F32(bits), Primitive::F32) => into.copy_from_slice(&bits.to_le_bytes()),
        (Value::F32(bits), Primitive::F64) => {
            into.copy_from_slice(&f64::from(f32::from_bits(*bits)).to_le_bytes());
        }
        (Value::F64(bits), Primitive::F64) => into.copy_from_slice(&bits.to_le_bytes()),
        (Value::Bool(flag), Primitive::U8) => into.copy_from_slice(&[u8::from(*flag)]),
        (Value::Big(value), Primitive::U128) => into.copy_from_slice(&value.to_le_bytes()),
        (Value::Int(value), _) => return put_integer(*value, of, into),
        _ => return None,
    }
    Some(())
}

fn put_integer(value: i128, of: Primitive, into: &mut [u8]) -> Option<()> {
    let fits = match of {
        Primitive::U8 => u8::try_from(value).is_ok(),
        Primitive::U16 => u16::try_from(value).is_ok(),
        Primitive::U32 => u32::try_from(value).is_ok(),
        Primitive::U64 => u64::try_from(value).is_ok(),
        Primitive::U128 => u128::try_from(value).is_ok(),
        Primitive::I8 => i8::try_from(value).is_ok(),
        Primitive::I16 => i16::try_from(value).is_ok(),
        Primitive::I32 => i32::try_from(value).is_ok(),
        Primitive::I64 => i64::try_from(value).is_ok(),
        Primitive::I128 => true,
        Primitive::F32 => {
            into.copy_from_slice(&i16::try_from(value).map(f32::from).ok()?.to_le_bytes());
            return Some(());
        }
        Primitive::F64 => {
            into.copy_from_slice(&i32::try_from(value).map(f64::from).ok()?.to_le_bytes());
            return Some(());
        }
    };
    // Two's complement: the low bytes of a number that fits are the number.
    let bytes = value.to_le_bytes();
    into.copy_from_slice(bytes.get(..into.len())?);
    fits.then_some(())
}
