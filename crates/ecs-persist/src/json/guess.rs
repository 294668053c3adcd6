use serde::{
    Serialize, Serializer,
    ser::{Error as _, SerializeMap, SerializeSeq},
};

use crate::json::{
    scalar::is_whole,
    text::{Cursor, Fault},
    tree::class,
};

/// A JSON value of which no schema says what it is: numbers are the smallest of u64, i64, u128, i128 that holds them or f64,
/// objects are maps, null is none.
pub(super) struct Guess<'t>(pub(super) Cursor<'t>);

impl Serialize for Guess<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let wrap = |fault: Box<Fault>| S::Error::custom(fault.problem);
        let mut cursor = self.0;
        let found = cursor.class();
        match found {
            class::NULL => serializer.serialize_none(),
            class::BOOL => serializer.serialize_bool(cursor.boolean().unwrap_or_default()),
            class::STRING => {
                let text = cursor.string().map_err(wrap)?;
                serializer.serialize_str(&text.unwrap_or_default())
            }
            class::ARRAY => {
                let mut sequence = serializer.serialize_seq(None)?;
                cursor.open(b'[');
                let mut first = true;
                while cursor.element(std::mem::take(&mut first)).map_err(wrap)? {
                    sequence.serialize_element(&Self(cursor))?;
                    cursor.skip().map_err(wrap)?;
                }
                sequence.end()
            }
            class::OBJECT => {
                let mut map = serializer.serialize_map(None)?;
                cursor.open(b'{');
                let mut first = true;
                while let Some((_, key)) = cursor.key(std::mem::take(&mut first)).map_err(wrap)? {
                    map.serialize_entry(&key, &Self(cursor))?;
                    cursor.skip().map_err(wrap)?;
                }
                map.end()
            }
            _ => {
                let text = cursor.number().unwrap_or_default();
                if is_whole(found) {
                    if let Ok(value) = text.parse() {
                        return serializer.serialize_u64(value);
                    }
                    if let Ok(value) = text.parse() {
                        return serializer.serialize_i64(value);
                    }
                    if let Ok(value) = text.parse() {
                        return serializer.serialize_u128(value);
                    }
                    if let Ok(value) = text.parse() {
                        return serializer.serialize_i128(value);
                    }
                }
                match text.parse::<f64>() {
                    Ok(value) if value.is_finite() => serializer.serialize_f64(value),
                    _ => Err(S::Error::custom("the number is out of range")),
                }
            }
        }
    }
}
