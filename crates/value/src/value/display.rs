use std::fmt::{Display, Formatter, Result};

use crate::entities::NONE;
use crate::value::{Fields, Value};

/// As Rust would write it; a reference is `entity 3` or `entity none`.
impl Display for Value<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Unit => f.write_str("()"),
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Big(value) => value.fmt(f),
            Self::F32(bits) => write!(f, "{:?}", f32::from_bits(*bits)),
            Self::F64(bits) => write!(f, "{:?}", f64::from_bits(*bits)),
            Self::Char(value) => write!(f, "{value:?}"),
            Self::Str(text) => write!(f, "{text:?}"),
            Self::Bytes(bytes) => write!(f, "b\"{}\"", bytes.escape_ascii()),
            Self::Entity(NONE) => f.write_str("entity none"),
            Self::Entity(ordinal) => write!(f, "entity {ordinal}"),
            Self::Option(None) => f.write_str("None"),
            Self::Option(Some(value)) => write!(f, "Some({value})"),
            Self::Seq(values) => list(f, '[', values, ']'),
            Self::Tuple(values) => list(f, '(', values, ')'),
            Self::Map(entries) => {
                f.write_str("{")?;
                for (index, (key, value)) in entries.iter().enumerate() {
                    let between = if index == 0 { "" } else { ", " };
                    write!(f, "{between}{key}: {value}")?;
                }
                f.write_str("}")
            }
            Self::Struct(found) => held(f, &found.name, &found.fields),
            Self::Variant(found) => held(f, &found.name, &found.fields),
        }
    }
}

fn list(f: &mut Formatter<'_>, open: char, values: &[Value<'_>], close: char) -> Result {
    write!(f, "{open}")?;
    for (index, value) in values.iter().enumerate() {
        let between = if index == 0 { "" } else { ", " };
        write!(f, "{between}{value}")?;
    }
    write!(f, "{close}")
}

fn held(f: &mut Formatter<'_>, name: &str, fields: &Fields<'_>) -> Result {
    // Names come from files.
    write!(f, "{}", name.escape_debug())?;
    match fields {
        Fields::Unit => Ok(()),
        Fields::Newtype(value) => write!(f, "({value})"),
        Fields::Tuple(values) => list(f, '(', values, ')'),
        Fields::Named(fields) if fields.is_empty() => f.write_str(if name.is_empty() { "{}" } else { " {}" }),
        Fields::Named(fields) => {
            let open = if name.is_empty() { "{ " } else { " { " };
            for (index, (name, value)) in fields.iter().enumerate() {
                let before = if index == 0 { open } else { ", " };
                write!(f, "{before}{}: {value}", name.escape_debug())?;
            }
            f.write_str(" }")
        }
    }
}
