use std::borrow::Cow;

use crate::value::{Fields, Value};

/// Fields by name, for those who change values: a struct's, a variant's, those inside a newtype or of an option that is there.
impl<'a> Value<'a> {
    /// The field of this name.
    ///
    /// ```
    /// use keepstone_value::{Fields, Struct, Value};
    ///
    /// let fields = Fields::Named(vec![("now".into(), Value::Int(7))]);
    /// let mut health = Value::Struct(Box::new(Struct { name: "Health".into(), fields }));
    /// assert_eq!(health.field("now").and_then(Value::as_int), Some(7));
    /// health.set_field("most", Value::Int(100));
    /// health.rename_field("now", "current");
    /// assert_eq!(health.to_string(), "Health { current: 7, most: 100 }");
    /// ```
    pub fn field(&self, name: &str) -> Option<&Value<'a>> {
        match self {
            Self::Option(value) => value.as_ref()?.field(name),
            Self::Struct(found) => found.fields.field(name),
            Self::Variant(found) => found.fields.field(name),
            _ => None,
        }
    }

    /// The field of this name, to be changed.
    pub fn field_mut(&mut self, name: &str) -> Option<&mut Value<'a>> {
        self.named_mut()?.iter_mut().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    /// Gives the field of this name a value, at the end if there was none; false if this is nothing with named fields.
    pub fn set_field(&mut self, name: impl Into<Cow<'a, str>>, value: Value<'a>) -> bool {
        let name = name.into();
        let Some(fields) = self.named_mut() else { return false };
        match fields.iter_mut().find(|(other, _)| *other == name) {
            Some((_, old)) => *old = value,
            None => fields.push((name, value)),
        }
        true
    }

    /// Takes the field of this name out.
    pub fn remove_field(&mut self, name: &str) -> Option<Value<'a>> {
        let fields = self.named_mut()?;
        let at = fields.iter().position(|(other, _)| other == name)?;
        Some(fields.remove(at).1)
    }

    /// Gives a field another name, in its place; false if there is none of this name, or one of the other.
    pub fn rename_field(&mut self, from: &str, to: impl Into<Cow<'a, str>>) -> bool {
        let to = to.into();
        let Some(fields) = self.named_mut() else { return false };
        if fields.iter().any(|(other, _)| *other == to) {
            return false;
        }
        let found = fields.iter_mut().find(|(other, _)| other == from);
        found.map(|(name, _)| *name = to).is_some()
    }

    /// The integer that this is, unless it is above `i128::MAX`.
    pub fn as_int(&self) -> Option<i128> {
        if let Self::Int(value) = self { Some(*value) } else { None }
    }

    /// The float that this is.
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::F32(bits) => Some(f32::from_bits(*bits).into()),
            Self::F64(bits) => Some(f64::from_bits(*bits)),
            _ => None,
        }
    }

    /// The text that this is.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Str(text) = self { Some(text) } else { None }
    }

    fn named_mut(&mut self) -> Option<&mut Vec<(Cow<'a, str>, Value<'a>)>> {
        match self {
            Self::Option(value) => value.as_mut()?.named_mut(),
            Self::Struct(found) => found.fields.named_mut(),
            Self::Variant(found) => found.fields.named_mut(),
            _ => None,
        }
    }
}

impl<'a> Fields<'a> {
    fn field(&self, name: &str) -> Option<&Value<'a>> {
        match self {
            Self::Newtype(value) => value.field(name),
            Self::Named(fields) => fields.iter().find(|(other, _)| other == name).map(|(_, value)| value),
            Self::Unit | Self::Tuple(_) => None,
        }
    }

    fn named_mut(&mut self) -> Option<&mut Vec<(Cow<'a, str>, Value<'a>)>> {
        match self {
            Self::Newtype(value) => value.named_mut(),
            Self::Named(fields) => Some(fields),
            Self::Unit | Self::Tuple(_) => None,
        }
    }
}
