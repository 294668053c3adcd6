use std::borrow::Cow;

use crate::decode::reader::Reader;
use crate::decode::slot::{Slot, find_variant, narrow, select, take_char};
use crate::error::Problem;
use crate::fault::Fault;
use crate::plan::{self, Items, Map, Node, PayloadNode, Plan, Seq};
use crate::shape::Prim;
use crate::value::{Fields, Struct, Value, Variant};
use crate::wire::{
    take_array, take_byte, take_bytes, take_flag, take_str, take_varint, take_wide, unzigzag, unzigzag_wide,
};

/// Elements that are made room for before any of them is read.
const ROOM_MAX: u64 = 1024;

impl<'a> Slot<'_, '_, 'a> {
    /// Reads the value by its shape.
    pub(super) fn value(self) -> Result<Value<'a>, Fault> {
        Maker { plan: self.reader.plan, reader: self.reader }.value(self.node)
    }
}

struct Maker<'x, 'd, 'a> {
    reader: &'x mut Reader<'d, 'a>,
    plan: &'d Plan<'a>,
}

impl<'a> Maker<'_, '_, 'a> {
    /// Reads what `read` does one level down.
    fn inside<R>(&mut self, read: impl FnOnce(&mut Self) -> Result<R, Fault>) -> Result<R, Fault> {
        self.reader.enter()?;
        let value = read(self)?;
        self.reader.leave();
        Ok(value)
    }

    fn value(&mut self, node: &Node) -> Result<Value<'a>, Fault> {
        match node {
            Node::Unknown => Err(Problem::Unseen.into()),
            Node::Prim(prim) => self.prim(*prim),
            Node::Union(union) => {
                let node = select(self.reader, &union.alternatives)?;
                self.value(node)
            }
            Node::Option(inner) => self.inside(|this| {
                let there = take_flag(&mut this.reader.rest)?;
                let value = if there { Some(Box::new(this.value(inner)?)) } else { None };
                Ok(Value::Option(value))
            }),
            Node::Seq(seq) => self.elements(seq),
            Node::Map(map) => self.entries(map),
            Node::Tuple(items) => self.items(items).map(Value::Tuple),
            Node::TupleStruct(_) | Node::Struct(_) | Node::Newtype(_) | Node::UnitStruct(_) => {
                self.structure(node)
            }
            Node::Enum(at) => self.variant(*at),
        }
    }

    fn prim(&mut self, prim: Prim) -> Result<Value<'a>, Fault> {
        let rest = &mut self.reader.rest;
        Ok(match prim {
            Prim::U8 => Value::Int(take_byte(rest)?.into()),
            Prim::U16 => Value::Int(take_varint(rest, 16)?.into()),
            Prim::U32 => Value::Int(take_varint(rest, 32)?.into()),
            Prim::U64 => Value::Int(take_varint(rest, 64)?.into()),
            Prim::U128 => {
                let value = take_wide(rest)?;
                i128::try_from(value).map_or(Value::Big(value), Value::Int)
            }
            Prim::I8 => Value::Int(take_byte(rest)?.cast_signed().into()),
            Prim::I16 => Value::Int(unzigzag(take_varint(rest, 16)?).into()),
            Prim::I32 => Value::Int(unzigzag(take_varint(rest, 32)?).into()),
            Prim::I64 => Value::Int(unzigzag(take_varint(rest, 64)?).into()),
            Prim::I128 => Value::Int(unzigzag_wide(take_wide(rest)?)),
            Prim::F32 => Value::F32(u32::from_le_bytes(take_array(rest)?)),
            Prim::F64 => Value::F64(u64::from_le_bytes(take_array(rest)?)),
            Prim::Bool => Value::Bool(take_flag(rest)?),
            Prim::Char => Value::Char(take_char(rest)?),
            Prim::Str => Value::Str(Cow::Borrowed(take_str(rest)?)),
            Prim::Bytes => Value::Bytes(Cow::Borrowed(take_bytes(rest)?)),
            Prim::Unit => Value::Unit,
            Prim::Reference => Value::Entity(self.reader.target()?),
        })
    }

    fn elements(&mut self, seq: &Seq) -> Result<Value<'a>, Fault> {
        self.inside(|this| {
            if matches!(seq.node, Node::Prim(Prim::U8)) {
                return Ok(Value::Bytes(Cow::Borrowed(take_bytes(&mut this.reader.rest)?)));
            }
            let count = take_varint(&mut this.reader.rest, 64)?;
            if seq.empty {
                this.reader.pay(count)?;
            } else {
                this.reader.check_count(count)?;
            }
            let mut values = Vec::with_capacity(usize::try_from(count.min(ROOM_MAX)).unwrap_or_default());
            for index in 0..count {
                values.push(this.value(&seq.node).map_err(|fault| fault.index(index))?);
            }
            Ok(Value::Seq(values))
        })
    }

    fn entries(&mut self, map: &Map) -> Result<Value<'a>, Fault> {
        self.inside(|this| {
            let count = take_varint(&mut this.reader.rest, 64)?;
            let mut before = None;
            let mut entries = Vec::new();
            for _ in 0..count {
                let start = this.reader.start();
                let key = this.value(&map.key).map_err(|fault| fault.field("key"))?;
                this.reader.ascend(start, &mut before)?;
                let value = this.value(&map.value).map_err(|fault| fault.field("value"))?;
                entries.push((key, value));
            }
            Ok(Value::Map(entries))
        })
    }

    fn items(&mut self, items: &Items) -> Result<Vec<Value<'a>>, Fault> {
        self.inside(|this| {
            this.reader.pay(items.empties)?;
            let one = |(index, node)| this.value(node).map_err(|fault: Fault| fault.index(index));
            (0..).zip(&items.nodes).map(one).collect()
        })
    }

    fn fields(&mut self, fields: &plan::Fields<'a>) -> Result<Fields<'a>, Fault> {
        self.inside(|this| {
            this.reader.pay(fields.empties)?;
            let mut named = Vec::new();
            for field in &fields.list {
                let name = field.name.text;
                let there =
                    field.required || take_flag(&mut this.reader.rest).map_err(|fault| fault.field(name))?;
                if there {
                    let value = this.value(&field.node).map_err(|fault| fault.field(name))?;
                    named.push((Cow::Borrowed(name), value));
                }
            }
            Ok(Fields::Named(named))
        })
    }

    fn newtype(&mut self, inner: &Node) -> Result<Fields<'a>, Fault> {
        self.inside(|this| this.value(inner).map(Fields::Newtype))
    }

    fn structure(&mut self, node: &Node) -> Result<Value<'a>, Fault> {
        let plan = self.plan;
        let (name, fields) = match node {
            Node::Struct(at) => {
                let (name, fields) = plan.structure(*at).ok_or(Problem::Unseen)?;
                (name, self.fields(fields)?)
            }
            Node::TupleStruct(at) => {
                let (name, items) = plan.tuple_struct(*at).ok_or(Problem::Unseen)?;
                (name, Fields::Tuple(self.items(items)?))
            }
            Node::Newtype(at) => {
                let (name, inner) = plan.newtype(*at).ok_or(Problem::Unseen)?;
                (name, self.newtype(inner)?)
            }
            Node::UnitStruct(at) => (plan.unit_struct(*at).ok_or(Problem::Unseen)?, Fields::Unit),
            _ => return Err(Problem::Unseen.into()),
        };
        Ok(Value::Struct(Box::new(Struct { name: Cow::Borrowed(name.text), fields })))
    }

    fn variant(&mut self, at: u32) -> Result<Value<'a>, Fault> {
        let plan = self.plan;
        let (of, variants) = plan.variants(at).ok_or(Problem::Unseen)?;
        let selector = narrow(take_varint(&mut self.reader.rest, 32)?)?;
        let variant = find_variant(variants, selector)?;
        let fields = match &variant.payload {
            PayloadNode::Unit => Ok(Fields::Unit),
            PayloadNode::Newtype(inner) => self.newtype(inner),
            PayloadNode::Tuple(items) => self.items(items).map(Fields::Tuple),
            PayloadNode::Struct(fields) => self.fields(fields),
        };
        Ok(Value::Variant(Box::new(Variant {
            of: Cow::Borrowed(of.text),
            index: variant.index,
            name: Cow::Borrowed(variant.name.text),
            fields: fields.map_err(|fault| fault.field(variant.name.text))?,
        })))
    }
}
