use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, MapAccess, VariantAccess, Visitor};

use crate::decode::access::part;
use crate::decode::slot::Slot;
use crate::error::Problem;
use crate::fault::Fault;
use crate::plan::{PayloadNode, Variant};

/// A variant for a program that reads an enum.
pub(super) struct Chosen<'x, 'd, 'a> {
    pub(super) slot: Slot<'x, 'd, 'a>,
    pub(super) variant: &'d Variant<'a>,
}

impl<'a> EnumAccess<'a> for Chosen<'_, '_, 'a> {
    type Error = Fault;
    type Variant = Self;

    #[inline(always)]
    fn variant_seed<S: DeserializeSeed<'a>>(self, seed: S) -> Result<(S::Value, Self), Fault> {
        let name = seed.deserialize(BorrowedStrDeserializer::<Fault>::new(self.variant.name.text))?;
        Ok((name, self))
    }
}

impl<'a> VariantAccess<'a> for Chosen<'_, '_, 'a> {
    type Error = Fault;

    #[inline(always)]
    fn unit_variant(self) -> Result<(), Fault> {
        match &self.variant.payload {
            PayloadNode::Unit => Ok(()),
            // The program dropped the payload since.
            payload => self.slot.skip_payload(payload).map_err(|fault| fault.field(self.variant.name.text)),
        }
    }

    #[inline(always)]
    fn newtype_variant_seed<S: DeserializeSeed<'a>>(self, seed: S) -> Result<S::Value, Fault> {
        let name = self.variant.name.text;
        match &self.variant.payload {
            PayloadNode::Newtype(inner) => self.slot.inside(inner, |slot| part(slot, seed)),
            payload => seed.deserialize(Payload { slot: self.slot, payload }),
        }
        .map_err(|fault| fault.field(name))
    }

    #[inline(always)]
    fn tuple_variant<V: Visitor<'a>>(self, len: usize, visitor: V) -> Result<V::Value, Fault> {
        let name = self.variant.name.text;
        match &self.variant.payload {
            PayloadNode::Tuple(items) => self.slot.items(items, visitor),
            PayloadNode::Newtype(inner) => {
                self.slot.inside(inner, |slot| slot.deserialize_tuple(len, visitor))
            }
            payload => self.slot.payload(payload, visitor),
        }
        .map_err(|fault| fault.field(name))
    }

    #[inline(always)]
    fn struct_variant<V: Visitor<'a>>(
        self,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let name = self.variant.name.text;
        match &self.variant.payload {
            PayloadNode::Struct(fields) => self.slot.fields(fields, names, visitor),
            PayloadNode::Newtype(inner) => {
                self.slot.inside(inner, |slot| slot.deserialize_struct("", names, visitor))
            }
            payload => self.slot.payload(payload, visitor),
        }
        .map_err(|fault| fault.field(name))
    }
}

/// A variant as a map of one entry, for a program that takes anything.
pub(super) struct OneEntry<'x, 'd, 'a> {
    /// None once the payload was read.
    pub(super) slot: Option<Slot<'x, 'd, 'a>>,
    pub(super) variant: &'d Variant<'a>,
    /// Whether the name was read.
    pub(super) named: bool,
}

impl<'a> MapAccess<'a> for OneEntry<'_, '_, 'a> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        if std::mem::replace(&mut self.named, true) {
            return Ok(None);
        }
        seed.deserialize(BorrowedStrDeserializer::<Fault>::new(self.variant.name.text)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let Some(slot) = self.slot.take() else { return Err(Problem::Unpaired.into()) };
        let payload = Payload { slot, payload: &self.variant.payload };
        seed.deserialize(payload).map_err(|fault| fault.field(self.variant.name.text))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(usize::from(!self.named))
    }
}

/// A payload as a value of its own.
struct Payload<'x, 'd, 'a> {
    slot: Slot<'x, 'd, 'a>,
    payload: &'d PayloadNode<'a>,
}

macro_rules! forward {
    ($($method:ident($($arg:ident: $of:ty),*)),*) => {$(
        fn $method<V: Visitor<'a>>(self, $($arg: $of,)* visitor: V) -> Result<V::Value, Fault> {
            match self.payload {
                PayloadNode::Newtype(inner) => self.slot.inside(inner, |slot| slot.$method($($arg,)* visitor)),
                payload => self.slot.payload(payload, visitor),
            }
        }
    )*};
}

type Names = &'static [&'static str];

impl<'a> Deserializer<'a> for Payload<'_, '_, 'a> {
    type Error = Fault;

    fn is_human_readable(&self) -> bool {
        self.slot.is_human_readable()
    }

    forward! {
        deserialize_any(), deserialize_bool(), deserialize_i8(), deserialize_i16(), deserialize_i32(), deserialize_i64(),
        deserialize_i128(), deserialize_u8(), deserialize_u16(), deserialize_u32(), deserialize_u64(), deserialize_u128(),
        deserialize_f32(), deserialize_f64(), deserialize_char(), deserialize_str(), deserialize_string(),
        deserialize_bytes(), deserialize_byte_buf(), deserialize_unit(), deserialize_unit_struct(name: &'static str),
        deserialize_seq(), deserialize_tuple(len: usize), deserialize_tuple_struct(name: &'static str, len: usize),
        deserialize_map(), deserialize_struct(name: &'static str, names: Names), deserialize_identifier(),
        deserialize_enum(name: &'static str, names: Names)
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.payload {
            PayloadNode::Newtype(inner) => self.slot.inside(inner, |slot| slot.deserialize_option(visitor)),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.payload {
            PayloadNode::Newtype(inner) => {
                self.slot.inside(inner, |slot| slot.deserialize_newtype_struct(name, visitor))
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.slot.skip_payload(self.payload)?;
        visitor.visit_unit()
    }
}
