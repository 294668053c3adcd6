use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer};
use serde::de::{Deserializer, Visitor};

use crate::decode::slot::Slot;
use crate::decode::variant::Chosen;
use crate::entity::MARK;
use crate::error::Problem;
use crate::fault::Fault;
use crate::plan::Node;
use crate::shape::Prim;
use crate::wire::take_str;

macro_rules! hinted {
    ($($method:ident $prim:ident),*) => {$(
        #[inline(always)]
        fn $method<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
            match self.node {
                Node::Prim(Prim::$prim) => self.prim(Prim::$prim, visitor),
                _ => self.plainly(visitor),
            }
        }
    )*};
}

impl<'a> Deserializer<'a> for Slot<'_, '_, 'a> {
    type Error = Fault;

    #[inline(always)]
    fn is_human_readable(&self) -> bool {
        self.reader.human_readable
    }

    fn deserialize_any<V: Visitor<'a>>(mut self, visitor: V) -> Result<V::Value, Fault> {
        match self.open()? {
            Node::Unknown | Node::Union(_) => Err(Problem::Unseen.into()),
            Node::Prim(prim) => self.prim(*prim, visitor),
            Node::Option(inner) => self.option(inner, visitor),
            Node::Seq(seq) => self.elements(seq, visitor),
            Node::Map(map) => self.entries(map, |entries| visitor.visit_map(entries)),
            Node::Tuple(items) => self.items(items, visitor),
            Node::TupleStruct(at) => {
                let items = self.tuple_items(*at)?;
                self.items(items, visitor)
            }
            Node::Struct(at) => {
                let fields = self.structure(*at)?;
                self.field_map(fields, visitor)
            }
            Node::Newtype(at) => {
                let inner = self.newtype(*at)?;
                self.inside(inner, |slot| slot.deserialize_any(visitor))
            }
            Node::UnitStruct(_) => visitor.visit_unit(),
            Node::Enum(at) => {
                let variants = self.variants(*at)?;
                self.variant_as_value(variants, visitor)
            }
        }
    }

    hinted! {
        deserialize_bool Bool, deserialize_i8 I8, deserialize_i16 I16, deserialize_i32 I32, deserialize_i64 I64,
        deserialize_i128 I128, deserialize_u8 U8, deserialize_u16 U16, deserialize_u32 U32, deserialize_u64 U64,
        deserialize_u128 U128, deserialize_f32 F32, deserialize_f64 F64, deserialize_char Char, deserialize_str Str,
        deserialize_string Str, deserialize_bytes Bytes, deserialize_byte_buf Bytes, deserialize_unit Unit,
        deserialize_identifier Str
    }

    #[inline(always)]
    fn deserialize_option<V: Visitor<'a>>(mut self, visitor: V) -> Result<V::Value, Fault> {
        if let Node::Option(inner) = self.open()? {
            return self.option(inner, visitor);
        }
        // The program made the value optional since.
        let node = self.node;
        self.inside(node, |slot| visitor.visit_some(slot))
    }

    fn deserialize_unit_struct<V: Visitor<'a>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        self.plainly(visitor)
    }

    #[inline(always)]
    fn deserialize_newtype_struct<V: Visitor<'a>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if name == MARK {
            return self.marked(visitor);
        }
        let node = match self.open()? {
            Node::Newtype(at) => self.newtype(*at)?,
            // The program wrapped the value since.
            node => node,
        };
        self.inside(node, |slot| visitor.visit_newtype_struct(slot))
    }

    #[inline(always)]
    fn deserialize_seq<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        if let Node::Seq(seq) = self.node {
            return self.elements(seq, visitor);
        }
        self.other_seq(visitor)
    }

    #[inline(always)]
    fn deserialize_tuple<V: Visitor<'a>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        match self.node {
            Node::Tuple(items) => self.items(items, visitor),
            _ => self.deserialize_seq(visitor),
        }
    }

    #[inline(always)]
    fn deserialize_tuple_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.node {
            Node::TupleStruct(at) => {
                let items = self.tuple_items(*at)?;
                self.items(items, visitor)
            }
            _ => self.deserialize_seq(visitor),
        }
    }

    fn deserialize_map<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.plainly(visitor)
    }

    #[inline(always)]
    fn deserialize_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if let Node::Struct(at) = self.node {
            let fields = self.structure(*at)?;
            return self.fields(fields, names, visitor);
        }
        self.other_struct(names, visitor)
    }

    #[inline(always)]
    fn deserialize_enum<V: Visitor<'a>>(
        mut self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if let Node::Enum(at) = self.node {
            let variants = self.variants(*at)?;
            let variant = self.choose(variants)?;
            return visitor.visit_enum(Chosen { slot: self, variant });
        }
        self.other_enum(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.skip()?;
        visitor.visit_unit()
    }
}

impl<'a> Slot<'_, '_, 'a> {
    /// An enum for a program whose value was written as something else.
    #[inline(never)]
    fn other_enum<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.strip(|slot| {
            let Some(mut slot) = slot else { return visitor.visit_none() };
            match slot.node {
                Node::Enum(at) => {
                    let variants = slot.variants(*at)?;
                    let variant = slot.choose(variants)?;
                    visitor.visit_enum(Chosen { slot, variant })
                }
                Node::Prim(Prim::Str) => {
                    let text = take_str(&mut slot.reader.rest)?;
                    visitor.visit_enum(BorrowedStrDeserializer::new(text))
                }
                Node::Map(map) => {
                    slot.entries(map, |entries| visitor.visit_enum(MapAccessDeserializer::new(entries)))
                }
                _ => slot.deserialize_any(visitor),
            }
        })
    }
}
