use crate::decode::reader::Reader;
use crate::decode::slot::{Slot, find_variant, narrow, select, take_char};
use crate::error::Problem;
use crate::fault::Fault;
use crate::plan::{Fields, Items, Map, Node, PayloadNode, Plan, Seq};
use crate::shape::Prim;
use crate::wire::{take, take_array, take_byte, take_bytes, take_flag, take_str, take_varint, take_wide};

impl<'a> Slot<'_, '_, 'a> {
    /// Reads the value by its shape, checks it and drops it.
    pub(super) fn skip(self) -> Result<(), Fault> {
        Skipper { plan: self.reader.plan, reader: self.reader }.value(self.node)
    }

    pub(super) fn skip_payload(self, payload: &PayloadNode<'a>) -> Result<(), Fault> {
        Skipper { plan: self.reader.plan, reader: self.reader }.payload(payload)
    }
}

struct Skipper<'x, 'd, 'a> {
    reader: &'x mut Reader<'d, 'a>,
    plan: &'d Plan<'a>,
}

impl<'a> Skipper<'_, '_, 'a> {
    /// Reads what `read` does one level down.
    fn inside(&mut self, read: impl FnOnce(&mut Self) -> Result<(), Fault>) -> Result<(), Fault> {
        self.reader.enter()?;
        read(self)?;
        self.reader.leave();
        Ok(())
    }

    fn value(&mut self, node: &Node) -> Result<(), Fault> {
        match node {
            Node::Unknown => Err(Problem::Unseen.into()),
            Node::Prim(prim) => self.prim(*prim),
            Node::Union(union) => {
                let node = select(self.reader, &union.alternatives)?;
                self.value(node)
            }
            Node::Option(inner) => {
                self.inside(|this| if take_flag(&mut this.reader.rest)? { this.value(inner) } else { Ok(()) })
            }
            Node::Seq(seq) => self.elements(seq),
            Node::Map(map) => self.entries(map),
            Node::Tuple(items) => self.items(items),
            Node::TupleStruct(at) => {
                let plan = self.plan;
                self.items(&plan.tuple_struct(*at).ok_or(Problem::Unseen)?.1)
            }
            Node::Struct(at) => {
                let plan = self.plan;
                self.fields(&plan.structure(*at).ok_or(Problem::Unseen)?.1)
            }
            Node::Newtype(at) => {
                let plan = self.plan;
                self.inside(|this| this.value(&plan.newtype(*at).ok_or(Problem::Unseen)?.1))
            }
            Node::UnitStruct(_) => Ok(()),
            Node::Enum(at) => {
                let plan = self.plan;
                let variants = &plan.variants(*at).ok_or(Problem::Unseen)?.1;
                let selector = narrow(take_varint(&mut self.reader.rest, 32)?)?;
                self.payload(&find_variant(variants, selector)?.payload)
            }
        }
    }

    fn prim(&mut self, prim: Prim) -> Result<(), Fault> {
        let rest = &mut self.reader.rest;
        match prim {
            Prim::U8 | Prim::I8 => take_byte(rest).map(drop),
            Prim::U16 | Prim::I16 => take_varint(rest, 16).map(drop),
            Prim::U32 | Prim::I32 => take_varint(rest, 32).map(drop),
            Prim::U64 | Prim::I64 => take_varint(rest, 64).map(drop),
            Prim::U128 | Prim::I128 => take_wide(rest).map(drop),
            Prim::F32 => take_array::<4>(rest).map(drop),
            Prim::F64 => take_array::<8>(rest).map(drop),
            Prim::Bool => take_flag(rest).map(drop),
            Prim::Char => take_char(rest).map(drop),
            Prim::Str => take_str(rest).map(drop),
            Prim::Bytes => take_bytes(rest).map(drop),
            Prim::Unit => Ok(()),
            Prim::Reference => self.reader.target().map(drop),
        }
    }

    fn elements(&mut self, seq: &Seq) -> Result<(), Fault> {
        self.reader.enter()?;
        let count = take_varint(&mut self.reader.rest, 64)?;
        if matches!(seq.node, Node::Prim(Prim::U8 | Prim::I8)) {
            self.reader.leave();
            return take(&mut self.reader.rest, count).map(drop);
        }
        if seq.empty {
            self.reader.pay(count)?;
        } else {
            self.reader.check_count(count)?;
        }
        for index in 0..count {
            self.value(&seq.node).map_err(|fault| fault.index(index))?;
        }
        self.reader.leave();
        Ok(())
    }

    fn entries(&mut self, map: &Map) -> Result<(), Fault> {
        self.reader.enter()?;
        let count = take_varint(&mut self.reader.rest, 64)?;
        let mut before = None;
        for _ in 0..count {
            let start = self.reader.start();
            self.value(&map.key).map_err(|fault| fault.field("key"))?;
            self.reader.ascend(start, &mut before)?;
            self.value(&map.value).map_err(|fault| fault.field("value"))?;
        }
        self.reader.leave();
        Ok(())
    }

    fn items(&mut self, items: &Items) -> Result<(), Fault> {
        self.reader.enter()?;
        self.reader.pay(items.empties)?;
        for (index, node) in (0..).zip(&items.nodes) {
            self.value(node).map_err(|fault| fault.index(index))?;
        }
        self.reader.leave();
        Ok(())
    }

    fn fields(&mut self, fields: &Fields<'a>) -> Result<(), Fault> {
        self.reader.enter()?;
        self.reader.pay(fields.empties)?;
        for field in &fields.list {
            let there = field.required
                || take_flag(&mut self.reader.rest).map_err(|fault| fault.field(field.name.text))?;
            if there {
                self.value(&field.node).map_err(|fault| fault.field(field.name.text))?;
            }
        }
        self.reader.leave();
        Ok(())
    }

    fn payload(&mut self, payload: &PayloadNode<'a>) -> Result<(), Fault> {
        match payload {
            PayloadNode::Unit => Ok(()),
            PayloadNode::Newtype(inner) => self.inside(|this| this.value(inner)),
            PayloadNode::Tuple(items) => self.items(items),
            PayloadNode::Struct(fields) => self.fields(fields),
        }
    }
}
