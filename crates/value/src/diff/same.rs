use crate::value::{Fields, Value};

/// Bytes of text that are as much work as a value.
const BYTES_PER_STEP: usize = 64;

/// Whether two values are equal, in the same order. Counts the steps that it takes.
pub(super) fn same(a: &Value<'_>, b: &Value<'_>, work: &mut u64) -> bool {
    *work += 1;
    match (a, b) {
        (Value::Option(Some(a)), Value::Option(Some(b))) => same(a, b, work),
        (Value::Seq(a), Value::Seq(b)) | (Value::Tuple(a), Value::Tuple(b)) => all_same(a, b, work),
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len()
                && a.iter().zip(b).all(|(a, b)| same(&a.0, &b.0, work) && same(&a.1, &b.1, work))
        }
        (Value::Struct(a), Value::Struct(b)) => a.name == b.name && same_fields(&a.fields, &b.fields, work),
        (Value::Variant(a), Value::Variant(b)) => {
            (&a.of, a.index, &a.name) == (&b.of, b.index, &b.name) && same_fields(&a.fields, &b.fields, work)
        }
        (Value::Str(a), Value::Str(b)) => {
            *work += (a.len().min(b.len()) / BYTES_PER_STEP) as u64;
            a == b
        }
        (Value::Bytes(a), Value::Bytes(b)) => {
            *work += (a.len().min(b.len()) / BYTES_PER_STEP) as u64;
            a == b
        }
        _ => a == b,
    }
}

fn all_same(a: &[Value<'_>], b: &[Value<'_>], work: &mut u64) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b, work))
}

fn same_fields(a: &Fields<'_>, b: &Fields<'_>, work: &mut u64) -> bool {
    match (a, b) {
        (Fields::Unit, Fields::Unit) => true,
        (Fields::Newtype(a), Fields::Newtype(b)) => same(a, b, work),
        (Fields::Tuple(a), Fields::Tuple(b)) => all_same(a, b, work),
        (Fields::Named(a), Fields::Named(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && same(&a.1, &b.1, work))
        }
        _ => false,
    }
}

/// Steps that going through all of a value takes; it stops behind `end`.
pub(super) fn weight(value: &Value<'_>, end: u64) -> u64 {
    let mut sum = 1;
    let mut add = |value: &Value<'_>| {
        if sum <= end {
            sum += weight(value, end - sum);
        }
    };
    match value {
        Value::Option(Some(inner)) => add(inner),
        Value::Seq(values) | Value::Tuple(values) => values.iter().for_each(add),
        Value::Map(entries) => {
            for (key, value) in entries {
                add(key);
                add(value);
            }
        }
        Value::Struct(found) => fields(&found.fields, add),
        Value::Variant(found) => fields(&found.fields, add),
        Value::Str(text) => sum += (text.len() / BYTES_PER_STEP) as u64,
        Value::Bytes(bytes) => sum += (bytes.len() / BYTES_PER_STEP) as u64,
        _ => {}
    }
    sum
}

fn fields<'v>(fields: &'v Fields<'v>, mut add: impl FnMut(&'v Value<'v>)) {
    match fields {
        Fields::Unit => {}
        Fields::Newtype(value) => add(value),
        Fields::Tuple(values) => values.iter().for_each(add),
        Fields::Named(named) => named.iter().for_each(|(_, value)| add(value)),
    }
}

/// How alike two values are: at least 1, and far more for each part that they share, so that one close match is more
/// than two loose ones. Looks at the first parts alone.
pub(super) fn likeness(a: &Value<'_>, b: &Value<'_>, work: &mut u64) -> u64 {
    *work += 1;
    let shared = match (a, b) {
        (Value::Option(Some(a)), Value::Option(Some(b))) => return likeness(a, b, work),
        (Value::Seq(a), Value::Seq(b)) | (Value::Tuple(a), Value::Tuple(b)) => in_place(a, b, work),
        (Value::Map(a), Value::Map(b)) => {
            let a = a.iter().map(|(key, value)| (key, value));
            named(a, b.iter().map(|(key, value)| (key, value)), work)
        }
        (Value::Struct(a), Value::Struct(b)) if a.name == b.name => held(&a.fields, &b.fields, work),
        (Value::Variant(a), Value::Variant(b)) if (&a.of, &a.name) == (&b.of, &b.name) => {
            held(&a.fields, &b.fields, work)
        }
        _ if std::mem::discriminant(a) == std::mem::discriminant(b) => u64::from(a == b),
        _ => return 1,
    };
    2 + shared.pow(3)
}

/// Parts that are looked at.
const PARTS_MAX: usize = 16;

fn held(a: &Fields<'_>, b: &Fields<'_>, work: &mut u64) -> u64 {
    match (a, b) {
        (Fields::Newtype(a), Fields::Newtype(b)) => u64::from(same(a, b, work)),
        (Fields::Tuple(a), Fields::Tuple(b)) => in_place(a, b, work),
        (Fields::Named(a), Fields::Named(b)) => {
            let a = a.iter().map(|(name, value)| (name, value));
            named(a, b.iter().map(|(name, value)| (name, value)), work)
        }
        _ => 0,
    }
}

fn in_place(a: &[Value<'_>], b: &[Value<'_>], work: &mut u64) -> u64 {
    a.iter().zip(b).take(PARTS_MAX).map(|(a, b)| u64::from(same(a, b, work))).sum()
}

fn named<'v, K: PartialEq>(
    a: impl Iterator<Item = (K, &'v Value<'v>)>,
    b: impl Iterator<Item = (K, &'v Value<'v>)> + Clone,
    work: &mut u64,
) -> u64 {
    let b = b.take(PARTS_MAX);
    let parts = a.take(PARTS_MAX).map(|(key, x)| {
        let y = b.clone().find(|(other, _)| *other == key);
        u64::from(y.is_some_and(|(_, y)| same(x, y, work)))
    });
    parts.sum()
}
