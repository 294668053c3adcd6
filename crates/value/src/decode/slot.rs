use serde::de::value::SeqDeserializer;
use serde::de::{Deserializer, Visitor};

use crate::decode::access::{Elements, FieldMap, FieldSeq, ItemSeq};
use crate::decode::map::Entries;
use crate::decode::reader::Reader;
use crate::decode::variant::OneEntry;
use crate::error::Problem;
use crate::fault::Fault;
use crate::plan::{Fields, Items, Map, Node, PayloadNode, Seq, Variant};
use crate::shape::Prim;
use crate::wire::{
    take_array, take_byte, take_bytes, take_flag, take_str, take_varint, take_wide, unzigzag, unzigzag_wide,
};

/// A node whose value comes next.
///
/// Two words, so that it is passed in registers.
pub(super) struct Slot<'x, 'd, 'a> {
    pub(super) reader: &'x mut Reader<'d, 'a>,
    pub(super) node: &'d Node,
}

impl<'d, 'a> Slot<'_, 'd, 'a> {
    /// Refuses to take plain bytes for an entity.
    #[inline(always)]
    pub(super) fn check_entity<T>(&self) -> Result<(), Fault> {
        if self.reader.entity.is::<T>()
            && let Node::Prim(prim) = self.node
            && *prim != Prim::Reference
        {
            return Err(Problem::NotReference.into());
        }
        Ok(())
    }

    /// The node; of several alternatives the one that was written.
    #[inline(always)]
    pub(super) fn open(&mut self) -> Result<&'d Node, Fault> {
        if let Node::Union(union) = self.node {
            self.node = select(self.reader, &union.alternatives)?;
        }
        Ok(self.node)
    }

    #[inline(always)]
    pub(super) fn newtype(&self, at: u32) -> Result<&'d Node, Fault> {
        Ok(&self.reader.plan.newtype(at).ok_or(Problem::Unseen)?.1)
    }

    #[inline(always)]
    pub(super) fn structure(&self, at: u32) -> Result<&'d Fields<'a>, Fault> {
        Ok(&self.reader.plan.structure(at).ok_or(Problem::Unseen)?.1)
    }

    #[inline(always)]
    pub(super) fn variants(&self, at: u32) -> Result<&'d [Variant<'a>], Fault> {
        Ok(&self.reader.plan.variants(at).ok_or(Problem::Unseen)?.1)
    }

    #[inline(always)]
    pub(super) fn tuple_items(&self, at: u32) -> Result<&'d Items, Fault> {
        Ok(&self.reader.plan.tuple_struct(at).ok_or(Problem::Unseen)?.1)
    }

    /// Reads what `read` makes of the value one level down.
    #[inline(always)]
    pub(super) fn inside<R>(
        self,
        node: &'d Node,
        read: impl FnOnce(Slot<'_, 'd, 'a>) -> Result<R, Fault>,
    ) -> Result<R, Fault> {
        self.reader.enter()?;
        let value = read(Slot { reader: &mut *self.reader, node })?;
        self.reader.leave();
        Ok(value)
    }

    /// Goes through options and newtypes that the program doesn't ask for, then reads; none if there is no value inside.
    ///
    /// Each counts as a level, for types may wrap each other without end.
    #[inline(always)]
    pub(super) fn strip<R>(
        mut self,
        read: impl FnOnce(Option<Slot<'_, 'd, 'a>>) -> Result<R, Fault>,
    ) -> Result<R, Fault> {
        let depth_left = self.reader.depth_left;
        let there = loop {
            match self.open()? {
                Node::Option(inner) => {
                    self.reader.enter()?;
                    self.node = inner;
                    if !take_flag(&mut self.reader.rest)? {
                        break false;
                    }
                }
                Node::Newtype(at) => {
                    self.reader.enter()?;
                    self.node = self.newtype(*at)?;
                }
                _ => break true,
            }
        };
        let value = read(there.then_some(Slot { reader: &mut *self.reader, node: self.node }))?;
        self.reader.depth_left = depth_left;
        Ok(value)
    }

    /// Answers a hint that says no more than the shape does.
    #[inline(never)]
    pub(super) fn plainly<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.strip(|slot| match slot {
            Some(slot) => slot.deserialize_any(visitor),
            None => visitor.visit_none(),
        })
    }

    /// What the program says is a reference.
    #[inline(never)]
    pub(super) fn marked<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.reader.resolve.is_none() {
            return visitor.visit_newtype_struct(self);
        }
        self.strip(|slot| {
            let Some(slot) = slot else { return visitor.visit_none() };
            match slot.node {
                Node::Prim(Prim::Reference) => visitor.visit_newtype_struct(slot),
                Node::Unknown => Err(Problem::Unseen.into()),
                _ => Err(Problem::NotReference.into()),
            }
        })
    }

    /// A sequence for a program whose value was written as something else.
    #[inline(never)]
    pub(super) fn other_seq<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.strip(|slot| {
            let Some(slot) = slot else { return visitor.visit_none() };
            match slot.node {
                Node::Prim(Prim::Bytes) => {
                    let bytes = take_bytes(&mut slot.reader.rest)?;
                    let mut elements = SeqDeserializer::<_, Fault>::new(bytes.iter().copied());
                    let value = visitor.visit_seq(&mut elements)?;
                    elements.end()?;
                    Ok(value)
                }
                _ => slot.deserialize_any(visitor),
            }
        })
    }

    /// A struct for a program whose value was written as something else.
    #[inline(never)]
    pub(super) fn other_struct<V: Visitor<'a>>(
        self,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.strip(|slot| {
            let Some(slot) = slot else { return visitor.visit_none() };
            match slot.node {
                Node::Struct(at) => {
                    let fields = slot.structure(*at)?;
                    slot.fields(fields, names, visitor)
                }
                _ => slot.deserialize_any(visitor),
            }
        })
    }

    #[inline(always)]
    pub(super) fn option<V: Visitor<'a>>(self, inner: &'d Node, visitor: V) -> Result<V::Value, Fault> {
        self.inside(inner, |slot| {
            if take_flag(&mut slot.reader.rest)? { visitor.visit_some(slot) } else { visitor.visit_none() }
        })
    }

    #[inline(always)]
    pub(super) fn prim<V: Visitor<'a>>(self, prim: Prim, visitor: V) -> Result<V::Value, Fault> {
        let rest = &mut self.reader.rest;
        match prim {
            Prim::U8 => visitor.visit_u8(take_byte(rest)?),
            Prim::U16 => visitor.visit_u16(narrow(take_varint(rest, 16)?)?),
            Prim::U32 => visitor.visit_u32(narrow(take_varint(rest, 32)?)?),
            Prim::U64 => visitor.visit_u64(take_varint(rest, 64)?),
            Prim::U128 => visitor.visit_u128(take_wide(rest)?),
            Prim::I8 => visitor.visit_i8(take_byte(rest)?.cast_signed()),
            Prim::I16 => visitor.visit_i16(narrow(unzigzag(take_varint(rest, 16)?))?),
            Prim::I32 => visitor.visit_i32(narrow(unzigzag(take_varint(rest, 32)?))?),
            Prim::I64 => visitor.visit_i64(unzigzag(take_varint(rest, 64)?)),
            Prim::I128 => visitor.visit_i128(unzigzag_wide(take_wide(rest)?)),
            Prim::F32 => visitor.visit_f32(f32::from_bits(u32::from_le_bytes(take_array(rest)?))),
            Prim::F64 => visitor.visit_f64(f64::from_bits(u64::from_le_bytes(take_array(rest)?))),
            Prim::Bool => visitor.visit_bool(take_flag(rest)?),
            Prim::Char => visitor.visit_char(take_char(rest)?),
            Prim::Str => visitor.visit_borrowed_str(take_str(rest)?),
            Prim::Bytes => visitor.visit_borrowed_bytes(take_bytes(rest)?),
            Prim::Unit => visitor.visit_unit(),
            Prim::Reference => visitor.visit_u64(self.reader.reference()?),
        }
    }

    #[inline(always)]
    pub(super) fn elements<V: Visitor<'a>>(self, seq: &'d Seq, visitor: V) -> Result<V::Value, Fault> {
        let reader = self.reader;
        reader.enter()?;
        let count = take_varint(&mut reader.rest, 64)?;
        if seq.empty {
            reader.pay(count)?;
        } else {
            reader.check_count(count)?;
        }
        let mut left = count;
        let value =
            visitor.visit_seq(Elements { reader: &mut *reader, node: &seq.node, left: &mut left, count })?;
        reader.leave();
        leftover(left)?;
        Ok(value)
    }

    #[inline(always)]
    pub(super) fn items<V: Visitor<'a>>(self, items: &'d Items, visitor: V) -> Result<V::Value, Fault> {
        let reader = self.reader;
        reader.enter()?;
        reader.pay(items.empties)?;
        let mut rest = items.nodes.iter();
        let count = rest.len();
        let value = visitor.visit_seq(ItemSeq { reader: &mut *reader, rest: &mut rest, count })?;
        reader.leave();
        leftover_len(rest.len())?;
        Ok(value)
    }

    #[inline(always)]
    pub(super) fn field_seq<V: Visitor<'a>>(
        self,
        fields: &'d Fields<'a>,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let reader = self.reader;
        reader.enter()?;
        reader.pay(fields.empties)?;
        let mut rest = fields.list.iter();
        let value = visitor.visit_seq(FieldSeq { reader: &mut *reader, rest: &mut rest })?;
        reader.leave();
        leftover_len(rest.len())?;
        Ok(value)
    }

    #[inline(never)]
    pub(super) fn field_map<V: Visitor<'a>>(
        self,
        fields: &'d Fields<'a>,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let reader = self.reader;
        reader.enter()?;
        reader.pay(fields.empties)?;
        let mut access = FieldMap::new(&mut *reader, fields);
        let value = visitor.visit_map(&mut access)?;
        access.finish()?;
        reader.leave();
        Ok(value)
    }

    /// A struct's fields in the way that suits the program's.
    #[inline(always)]
    pub(super) fn fields<V: Visitor<'a>>(
        self,
        fields: &'d Fields<'a>,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if fields.are(names) { self.field_seq(fields, visitor) } else { self.field_map(fields, visitor) }
    }

    pub(super) fn entries<R>(
        self,
        map: &'d Map,
        read: impl FnOnce(&mut Entries<'_, 'd, 'a>) -> Result<R, Fault>,
    ) -> Result<R, Fault> {
        let reader = self.reader;
        reader.enter()?;
        let count = take_varint(&mut reader.rest, 64)?;
        // Keys differ, so at most one takes nothing.
        if map.empty && count > 1 {
            return Err(Problem::Order.into());
        }
        if !map.empty {
            reader.check_count(count)?;
        }
        let mut access = Entries { reader: &mut *reader, map, left: count, before: None };
        let value = read(&mut access)?;
        leftover(access.left)?;
        reader.leave();
        Ok(value)
    }

    /// The variant that was written.
    #[inline(always)]
    pub(super) fn choose(&mut self, variants: &'d [Variant<'a>]) -> Result<&'d Variant<'a>, Fault> {
        find_variant(variants, narrow(take_varint(&mut self.reader.rest, 32)?)?)
    }

    pub(super) fn variant_as_value<V: Visitor<'a>>(
        mut self,
        variants: &'d [Variant<'a>],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let variant = self.choose(variants)?;
        if matches!(variant.payload, PayloadNode::Unit) {
            return visitor.visit_borrowed_str(variant.name.text);
        }
        let mut access = OneEntry { slot: Some(self), variant, named: false };
        let value = visitor.visit_map(&mut access)?;
        leftover_len(usize::from(access.slot.is_some()))?;
        Ok(value)
    }

    /// A payload as what it is: nothing, a value, a sequence or a map.
    pub(super) fn payload<V: Visitor<'a>>(
        self,
        payload: &'d PayloadNode<'a>,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match payload {
            PayloadNode::Unit => visitor.visit_unit(),
            PayloadNode::Newtype(inner) => self.inside(inner, |slot| slot.deserialize_any(visitor)),
            PayloadNode::Tuple(items) => self.items(items, visitor),
            PayloadNode::Struct(fields) => self.field_map(fields, visitor),
        }
    }
}

/// Most enums have all their variants, so that the selector is the place; in any case selectors ascend.
#[inline(always)]
pub(super) fn find_variant<'d, 'a>(
    variants: &'d [Variant<'a>],
    selector: u32,
) -> Result<&'d Variant<'a>, Fault> {
    match usize::try_from(selector).ok().and_then(|index| variants.get(index)) {
        Some(variant) if variant.selector == selector => Ok(variant),
        _ => search_variant(variants, selector),
    }
}

#[inline(never)]
fn search_variant<'d, 'a>(variants: &'d [Variant<'a>], selector: u32) -> Result<&'d Variant<'a>, Fault> {
    let found = variants.binary_search_by_key(&selector, |variant| variant.selector);
    found.ok().and_then(|index| variants.get(index)).ok_or_else(|| unknown(selector))
}

pub(super) fn select<'d>(reader: &mut Reader<'_, '_>, alternatives: &'d [Node]) -> Result<&'d Node, Fault> {
    let found = narrow(take_varint(&mut reader.rest, 32)?)?;
    let known = usize::try_from(found).ok().and_then(|index| alternatives.get(index));
    known.ok_or_else(|| unknown(found))
}

#[cold]
fn unknown(found: u32) -> Fault {
    Problem::Selector { found }.into()
}

/// The varint was read with as many bits as `U` has.
#[inline]
pub(super) fn narrow<T, U: TryFrom<T>>(value: T) -> Result<U, Fault> {
    U::try_from(value).map_err(|_| Problem::Varint.into())
}

pub(super) fn take_char(rest: &mut &[u8]) -> Result<char, Fault> {
    let text = take_str(rest)?;
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(one), None) => Ok(one),
        _ => Err(Problem::Char.into()),
    }
}

#[inline]
pub(super) fn leftover(left: u64) -> Result<(), Fault> {
    if left == 0 { Ok(()) } else { Err(Problem::Leftover { left }.into()) }
}

#[inline]
pub(super) fn leftover_len(left: usize) -> Result<(), Fault> {
    leftover(u64::try_from(left).unwrap_or(u64::MAX))
}
