//! How much may be read as dynamic values at once.

use keepstone_value::{Fields, Value};

use crate::error::Error;

/// Values that may be read whatever their bytes.
pub(crate) const VALUES_MIN: u64 = 1 << 20;
/// Values for each byte of the rows: units, structs and what wraps others take none.
const VALUES_PER_BYTE: u64 = 16;

/// Counts the values that are in memory. They take a multiple of their bytes, and some no byte at all.
pub(crate) struct Allowance {
    what: &'static str,
    needs: u64,
    allowed: u64,
}

impl Allowance {
    /// What rows of so many bytes may become.
    pub(crate) fn of(what: &'static str, bytes: usize) -> Self {
        let allowed = VALUES_MIN.saturating_add((bytes as u64).saturating_mul(VALUES_PER_BYTE));
        Self { what, needs: 0, allowed }
    }

    /// Adds one.
    pub(crate) fn take(&mut self, value: &Value<'_>) -> Result<(), Error> {
        self.needs = self.needs.saturating_add(parts(value));
        if self.needs > self.allowed {
            return Err(Error::Limit { what: self.what, needs: self.needs, allowed: self.allowed });
        }
        Ok(())
    }
}

/// How many values there are in one, itself counted.
fn parts(value: &Value<'_>) -> u64 {
    let inside = match value {
        Value::Option(Some(inner)) => parts(inner),
        Value::Seq(items) | Value::Tuple(items) => items.iter().map(parts).sum(),
        Value::Map(pairs) => pairs.iter().map(|(key, value)| parts(key) + parts(value)).sum(),
        Value::Struct(inner) => of_fields(&inner.fields),
        Value::Variant(inner) => of_fields(&inner.fields),
        _ => 0,
    };
    inside + 1
}

fn of_fields(fields: &Fields<'_>) -> u64 {
    match fields {
        Fields::Unit => 0,
        Fields::Newtype(inner) => parts(inner),
        Fields::Tuple(items) => items.iter().map(parts).sum(),
        Fields::Named(fields) => fields.iter().map(|(_, value)| parts(value)).sum(),
    }
}
