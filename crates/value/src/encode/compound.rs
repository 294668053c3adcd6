use std::slice;

use serde::ser::{self, Serialize};

use crate::encode::gather::{absent, gather, start_piece};
use crate::encode::serializer::Slot;
use crate::encode::writer::Writer;
use crate::fault::Fault;
use crate::plan::{self, FieldNode, Node};
use crate::wire::put_len;

/// A sequence that is being written.
pub(super) struct Seq<'w, 'p, 'e> {
    writer: &'w mut Writer<'p, 'e>,
    plan: &'p plan::Seq,
    /// Where the count stands.
    start: usize,
    said: usize,
    count: usize,
}

impl<'w, 'p, 'e> Seq<'w, 'p, 'e> {
    #[inline(always)]
    pub(super) fn new(writer: &'w mut Writer<'p, 'e>, seq: &'p plan::Seq, len: Option<usize>) -> Self {
        let start = writer.sink.out.len();
        let said = len.unwrap_or_default();
        put_len(&mut writer.sink.out, said);
        Self { writer, plan: seq, start, said, count: 0 }
    }
}

impl Seq<'_, '_, '_> {
    /// Writes all elements and ends the sequence.
    #[inline(always)]
    pub(super) fn collect<T: Serialize>(mut self, elements: impl Iterator<Item = T>) -> Result<(), Fault> {
        if self.writer.sink.entity.is::<T>() {
            for element in elements {
                ser::SerializeSeq::serialize_element(&mut self, &element)?;
            }
        } else {
            for element in elements {
                self.count += 1;
                element.serialize(Slot { writer: self.writer, node: &self.plan.node })?;
            }
        }
        ser::SerializeSeq::end(self)
    }
}

impl ser::SerializeSeq for Seq<'_, '_, '_> {
    type Ok = ();
    type Error = Fault;

    #[inline(always)]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.count += 1;
        self.writer.value(value, &self.plan.node)
    }

    #[inline(always)]
    fn end(self) -> Result<(), Fault> {
        if self.count != self.said {
            correct_count(&mut self.writer.sink.out, self.start, self.said, self.count);
        }
        if self.count > 0 && self.plan.empty {
            self.writer.sink.empties += u64::try_from(self.count).unwrap_or(u64::MAX);
        }
        self.writer.sink.leave();
        Ok(())
    }
}

/// Replaces the count at `start`.
pub(super) fn correct_count(out: &mut Vec<u8>, start: usize, said: usize, count: usize) {
    let mut bytes = Vec::new();
    put_len(&mut bytes, said);
    let end = start + bytes.len();
    bytes.clear();
    put_len(&mut bytes, count);
    out.splice(start..end, bytes);
}

/// A tuple, tuple struct or tuple variant that is being written.
pub(super) struct Items<'w, 'p, 'e> {
    pub(super) writer: &'w mut Writer<'p, 'e>,
    pub(super) rest: slice::Iter<'p, Node>,
}

impl Items<'_, '_, '_> {
    #[inline(always)]
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        let Some(node) = self.rest.next() else { return Err(Fault::MISS) };
        self.writer.value(value, node)
    }

    #[inline]
    fn finish(self) -> Result<(), Fault> {
        self.writer.sink.leave();
        if self.rest.len() == 0 { Ok(()) } else { Err(Fault::MISS) }
    }
}

impl ser::SerializeTuple for Items<'_, '_, '_> {
    type Ok = ();
    type Error = Fault;

    #[inline(always)]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.item(value)
    }

    #[inline(always)]
    fn end(self) -> Result<(), Fault> {
        self.finish()
    }
}

impl ser::SerializeTupleStruct for Items<'_, '_, '_> {
    type Ok = ();
    type Error = Fault;

    #[inline(always)]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.item(value)
    }

    #[inline(always)]
    fn end(self) -> Result<(), Fault> {
        self.finish()
    }
}

impl ser::SerializeTupleVariant for Items<'_, '_, '_> {
    type Ok = ();
    type Error = Fault;

    #[inline(always)]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.item(value)
    }

    #[inline(always)]
    fn end(self) -> Result<(), Fault> {
        self.finish()
    }
}

/// A struct or struct variant that is being written.
///
/// Fields usually arrive in the order of the plan. If some values of the column write them in another order, every value
/// of that struct is collected in pieces and put in order at its end.
pub(super) struct Fields<'w, 'p, 'e> {
    pub(super) writer: &'w mut Writer<'p, 'e>,
    plan: &'p plan::Fields<'p>,
    /// Fields to come; none while pieces are collected.
    rest: &'p [FieldNode<'p>],
    /// How many pieces belong to outer structs.
    base: usize,
}

impl<'w, 'p, 'e> Fields<'w, 'p, 'e> {
    #[inline(always)]
    pub(super) fn new(writer: &'w mut Writer<'p, 'e>, fields: &'p plan::Fields<'p>) -> Self {
        let rest: &[_] = if fields.backs.is_empty() { &fields.list } else { &[] };
        let base = writer.sink.pieces.len();
        Self { writer, plan: fields, rest, base }
    }

    #[inline(always)]
    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Fault> {
        let node = match self.rest.split_first() {
            Some((field, rest)) if field.required && field.name.is(name) => {
                self.rest = rest;
                &field.node
            }
            _ => {
                let (node, rest) = seek(self.writer, self.plan, self.rest, name)?;
                self.rest = rest;
                node
            }
        };
        self.writer.value(value, node)
    }

    #[inline(always)]
    fn finish(self) -> Result<(), Fault> {
        self.writer.sink.leave();
        if self.rest.is_empty() && self.plan.backs.is_empty() {
            return Ok(());
        }
        finish(self.writer, self.plan, self.rest, self.base)
    }
}

/// The node of a field that isn't simply the next one, and the fields behind it.
///
/// Nothing out of line borrows the state of a struct: it would have to live in memory, and moving what was just written
/// there stalls.
#[inline(never)]
fn seek<'p>(
    writer: &mut Writer<'p, '_>,
    fields: &'p plan::Fields<'p>,
    mut rest: &'p [FieldNode<'p>],
    name: &'static str,
) -> Result<(&'p Node, &'p [FieldNode<'p>]), Fault> {
    if !fields.backs.is_empty() {
        writer.sink.note_disorder();
        return Ok((start_piece(&mut writer.sink, fields, name)?, rest));
    }
    let before = rest;
    while let Some((field, tail)) = rest.split_first() {
        rest = tail;
        if field.name.is(name) {
            if !field.required {
                writer.sink.out.push(1);
            }
            writer.sink.note(fields, before, rest);
            return Ok((&field.node, rest));
        }
        if field.required {
            return Err(Fault::MISS);
        }
        writer.sink.out.push(0);
    }
    Err(Fault::MISS)
}

#[inline(never)]
fn finish<'p>(
    writer: &mut Writer<'p, '_>,
    fields: &'p plan::Fields<'p>,
    rest: &'p [FieldNode<'p>],
    base: usize,
) -> Result<(), Fault> {
    if !fields.backs.is_empty() {
        return gather(&mut writer.sink, fields, base);
    }
    absent(&mut writer.sink, rest)
}

impl ser::SerializeStruct for Fields<'_, '_, '_> {
    type Ok = ();
    type Error = Fault;

    #[inline(always)]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Fault> {
        self.field(name, value)
    }

    #[inline(always)]
    fn end(self) -> Result<(), Fault> {
        self.finish()
    }
}

impl ser::SerializeStructVariant for Fields<'_, '_, '_> {
    type Ok = ();
    type Error = Fault;

    #[inline(always)]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Fault> {
        self.field(name, value)
    }

    #[inline(always)]
    fn end(self) -> Result<(), Fault> {
        self.finish()
    }
}
