use serde::ser::{Serialize, Serializer};

use crate::encode::compound::{Fields, Items, Seq};
use crate::encode::map::Map;
use crate::encode::writer::{Number, Writer};
use crate::entity::MARK;
use crate::error::Problem;
use crate::fault::Fault;
use crate::plan::{self, Node, PayloadNode, Plan};
use crate::shape::Prim;
use crate::wire::{put, put_len, put_wide, zigzag, zigzag_wide};

/// A node that takes one value. Whatever doesn't fit the node is a miss.
///
/// Two words, so that it is passed in registers.
pub(super) struct Slot<'w, 'p, 'e> {
    pub(super) writer: &'w mut Writer<'p, 'e>,
    pub(super) node: &'p Node,
}

impl<'w, 'p, 'e> Slot<'w, 'p, 'e> {
    /// What `pick` finds in the node or in one of its alternatives, whose selector is written.
    #[inline(always)]
    fn find<R>(&mut self, pick: impl Fn(&'p Plan<'p>, &'p Node) -> Option<R>) -> Result<R, Fault> {
        match pick(self.writer.plan, self.node) {
            Some(found) => Ok(found),
            None => find_alternative(self.writer, self.node, pick),
        }
    }

    /// As `find`, for what has a code of its own.
    #[inline(always)]
    fn find_code<R>(&mut self, code: usize, pick: impl Fn(&'p Node) -> Option<R>) -> Result<R, Fault> {
        match pick(self.node) {
            Some(found) => Ok(found),
            None => pick(choose(self.writer, self.node, code)?).ok_or(Fault::MISS),
        }
    }

    #[inline(always)]
    fn prim(mut self, prim: Prim) -> Result<&'w mut Vec<u8>, Fault> {
        let code = usize::from(prim as u8);
        self.find_code(code, |node| matches!(node, Node::Prim(found) if *found == prim).then_some(()))?;
        Ok(&mut self.writer.sink.out)
    }

    /// Goes into a container; whoever leaves it says so.
    #[inline(always)]
    fn enter(&mut self) -> Result<(), Fault> {
        let sink = &mut self.writer.sink;
        match sink.depth_left.checked_sub(1) {
            Some(left) => {
                sink.depth_left = left;
                Ok(())
            }
            None => Err(too_deep(sink.depth_max)),
        }
    }

    #[inline(always)]
    fn bytes(self, prim: Prim, bytes: &[u8]) -> Result<(), Fault> {
        let out = self.prim(prim)?;
        put_len(out, bytes.len());
        out.extend_from_slice(bytes);
        Ok(())
    }

    #[inline(never)]
    fn other_number(self, value: u64) -> Result<(), Fault> {
        if self.writer.sink.number == Number::Reference {
            return self.reference(value);
        }
        self.writer.sink.watch(value);
        put(self.prim(Prim::U64)?, value);
        Ok(())
    }

    fn reference(mut self, bits: u64) -> Result<(), Fault> {
        let code = usize::from(Prim::Reference as u8);
        self.find_code(code, |node| matches!(node, Node::Prim(Prim::Reference)).then_some(()))?;
        self.writer.sink.reference(bits);
        Ok(())
    }

    #[inline(always)]
    fn option(&mut self) -> Result<&'p Node, Fault> {
        self.find_code(
            plan::OPTION,
            |node| if let Node::Option(inner) = node { Some(&**inner) } else { None },
        )
    }

    #[inline(always)]
    fn items(self, items: &'p plan::Items) -> Items<'w, 'p, 'e> {
        self.writer.sink.empties += items.empties;
        Items { writer: self.writer, rest: items.nodes.iter() }
    }

    #[inline(always)]
    fn fields(self, fields: &'p plan::Fields<'p>) -> Fields<'w, 'p, 'e> {
        self.writer.sink.empties += fields.empties;
        Fields::new(self.writer, fields)
    }

    /// Writes the selector of a variant and returns its payload.
    #[inline(always)]
    fn variant(
        &mut self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        form: impl Fn(&PayloadNode<'p>) -> bool,
    ) -> Result<&'p PayloadNode<'p>, Fault> {
        let (_, variants) = self.find(|plan, node| match node {
            Node::Enum(at) => plan.variants(*at).filter(|found| found.0.is(name)),
            _ => None,
        })?;
        let fits = |known: &&plan::Variant<'p>| {
            known.index == index && known.name.is(variant) && form(&known.payload)
        };
        let guess = usize::try_from(index).ok().and_then(|index| variants.get(index)).filter(fits);
        let Some(known) = guess.or_else(|| variants.iter().find(fits)) else { return Err(Fault::MISS) };
        put(&mut self.writer.sink.out, u64::from(known.selector));
        Ok(&known.payload)
    }
}

#[cold]
fn too_deep(allowed: u32) -> Fault {
    Problem::Depth { allowed }.into()
}

/// The alternative with this code, whose selector is written.
#[inline(never)]
fn choose<'p>(writer: &mut Writer<'p, '_>, node: &'p Node, code: usize) -> Result<&'p Node, Fault> {
    let Node::Union(union) = node else { return Err(Fault::MISS) };
    let Some((selector, node)) = union.with_code(code) else { return Err(Fault::MISS) };
    writer.sink.out.push(selector);
    Ok(node)
}

/// Slots stay in registers because nothing out of line borrows them.
#[inline(never)]
fn find_alternative<'p, R>(
    writer: &mut Writer<'p, '_>,
    node: &'p Node,
    pick: impl Fn(&'p Plan<'p>, &'p Node) -> Option<R>,
) -> Result<R, Fault> {
    let Node::Union(union) = node else { return Err(Fault::MISS) };
    for (selector, node) in (0..).zip(&union.alternatives) {
        if let Some(found) = pick(writer.plan, node) {
            put(&mut writer.sink.out, selector);
            return Ok(found);
        }
    }
    Err(Fault::MISS)
}

impl<'w, 'p, 'e> Serializer for Slot<'w, 'p, 'e> {
    type Ok = ();
    type Error = Fault;
    type SerializeSeq = Seq<'w, 'p, 'e>;
    type SerializeTuple = Items<'w, 'p, 'e>;
    type SerializeTupleStruct = Items<'w, 'p, 'e>;
    type SerializeTupleVariant = Items<'w, 'p, 'e>;
    type SerializeMap = Map<'w, 'p, 'e>;
    type SerializeStruct = Fields<'w, 'p, 'e>;
    type SerializeStructVariant = Fields<'w, 'p, 'e>;

    #[inline(always)]
    fn is_human_readable(&self) -> bool {
        self.writer.sink.human_readable
    }

    #[inline(always)]
    fn serialize_bool(self, value: bool) -> Result<(), Fault> {
        self.prim(Prim::Bool)?.push(u8::from(value));
        Ok(())
    }

    #[inline(always)]
    fn serialize_i8(self, value: i8) -> Result<(), Fault> {
        self.prim(Prim::I8)?.push(value.cast_unsigned());
        Ok(())
    }

    #[inline(always)]
    fn serialize_i16(self, value: i16) -> Result<(), Fault> {
        put(self.prim(Prim::I16)?, zigzag(i64::from(value)));
        Ok(())
    }

    #[inline(always)]
    fn serialize_i32(self, value: i32) -> Result<(), Fault> {
        put(self.prim(Prim::I32)?, zigzag(i64::from(value)));
        Ok(())
    }

    #[inline(always)]
    fn serialize_i64(self, value: i64) -> Result<(), Fault> {
        put(self.prim(Prim::I64)?, zigzag(value));
        Ok(())
    }

    fn serialize_i128(self, value: i128) -> Result<(), Fault> {
        put_wide(self.prim(Prim::I128)?, zigzag_wide(value));
        Ok(())
    }

    #[inline(always)]
    fn serialize_u8(self, value: u8) -> Result<(), Fault> {
        self.prim(Prim::U8)?.push(value);
        Ok(())
    }

    #[inline(always)]
    fn serialize_u16(self, value: u16) -> Result<(), Fault> {
        put(self.prim(Prim::U16)?, u64::from(value));
        Ok(())
    }

    #[inline(always)]
    fn serialize_u32(self, value: u32) -> Result<(), Fault> {
        put(self.prim(Prim::U32)?, u64::from(value));
        Ok(())
    }

    #[inline(always)]
    fn serialize_u64(self, value: u64) -> Result<(), Fault> {
        if self.writer.sink.number != Number::Plain {
            return self.other_number(value);
        }
        put(self.prim(Prim::U64)?, value);
        Ok(())
    }

    fn serialize_u128(self, value: u128) -> Result<(), Fault> {
        put_wide(self.prim(Prim::U128)?, value);
        Ok(())
    }

    #[inline(always)]
    fn serialize_f32(self, value: f32) -> Result<(), Fault> {
        self.prim(Prim::F32)?.extend_from_slice(&value.to_bits().to_le_bytes());
        Ok(())
    }

    #[inline(always)]
    fn serialize_f64(self, value: f64) -> Result<(), Fault> {
        self.prim(Prim::F64)?.extend_from_slice(&value.to_bits().to_le_bytes());
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Fault> {
        self.bytes(Prim::Char, value.encode_utf8(&mut [0; 4]).as_bytes())
    }

    #[inline(always)]
    fn serialize_str(self, value: &str) -> Result<(), Fault> {
        self.bytes(Prim::Str, value.as_bytes())
    }

    #[inline(always)]
    fn serialize_bytes(self, value: &[u8]) -> Result<(), Fault> {
        self.bytes(Prim::Bytes, value)
    }

    #[inline(always)]
    fn serialize_none(mut self) -> Result<(), Fault> {
        self.enter()?;
        self.writer.sink.leave();
        self.option()?;
        self.writer.sink.out.push(0);
        Ok(())
    }

    #[inline(always)]
    fn serialize_some<T: Serialize + ?Sized>(mut self, value: &T) -> Result<(), Fault> {
        self.enter()?;
        let inner = self.option()?;
        self.writer.sink.out.push(1);
        self.writer.inner(value, inner)
    }

    #[inline(always)]
    fn serialize_unit(self) -> Result<(), Fault> {
        self.prim(Prim::Unit).map(drop)
    }

    #[inline(always)]
    fn serialize_unit_struct(mut self, name: &'static str) -> Result<(), Fault> {
        self.find(|plan, node| match node {
            Node::UnitStruct(at) => plan.unit_struct(*at).filter(|found| found.is(name)).map(drop),
            _ => None,
        })
    }

    #[inline(always)]
    fn serialize_unit_variant(
        mut self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<(), Fault> {
        self.variant(name, index, variant, |payload| matches!(payload, PayloadNode::Unit)).map(drop)
    }

    #[inline(always)]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        if name == MARK {
            return self.writer.marked(value, self.node);
        }
        self.enter()?;
        let (_, inner) = self.find(|plan, node| match node {
            Node::Newtype(at) => plan.newtype(*at).filter(|found| found.0.is(name)),
            _ => None,
        })?;
        self.writer.inner(value, inner)
    }

    #[inline(always)]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        self.enter()?;
        match self.variant(name, index, variant, |payload| matches!(payload, PayloadNode::Newtype(_)))? {
            PayloadNode::Newtype(inner) => self.writer.inner(value, inner),
            _ => Err(Fault::MISS),
        }
    }

    #[inline(always)]
    fn serialize_seq(mut self, len: Option<usize>) -> Result<Seq<'w, 'p, 'e>, Fault> {
        self.enter()?;
        let seq =
            self.find_code(plan::SEQ, |node| if let Node::Seq(seq) = node { Some(&**seq) } else { None })?;
        Ok(Seq::new(self.writer, seq, len))
    }

    /// Asks once, not for each element, whether elements are entities.
    #[inline(always)]
    fn collect_seq<I: IntoIterator<Item: Serialize>>(self, iter: I) -> Result<(), Fault> {
        let iter = iter.into_iter();
        let len = match iter.size_hint() {
            (low, Some(high)) if low == high => Some(low),
            _ => None,
        };
        self.serialize_seq(len)?.collect(iter)
    }

    #[inline(always)]
    fn serialize_tuple(mut self, len: usize) -> Result<Items<'w, 'p, 'e>, Fault> {
        self.enter()?;
        let items = self.find(|_, node| match node {
            Node::Tuple(items) if items.nodes.len() == len => Some(&**items),
            _ => None,
        })?;
        Ok(self.items(items))
    }

    #[inline(always)]
    fn serialize_tuple_struct(mut self, name: &'static str, len: usize) -> Result<Items<'w, 'p, 'e>, Fault> {
        self.enter()?;
        let (_, items) = self.find(|plan, node| match node {
            Node::TupleStruct(at) => {
                plan.tuple_struct(*at).filter(|found| found.1.nodes.len() == len && found.0.is(name))
            }
            _ => None,
        })?;
        Ok(self.items(items))
    }

    #[inline(always)]
    fn serialize_tuple_variant(
        mut self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Items<'w, 'p, 'e>, Fault> {
        self.enter()?;
        let form = |payload: &PayloadNode<'p>| matches!(payload, PayloadNode::Tuple(items) if items.nodes.len() == len);
        match self.variant(name, index, variant, form)? {
            PayloadNode::Tuple(items) => Ok(self.items(items)),
            _ => Err(Fault::MISS),
        }
    }

    fn serialize_map(mut self, len: Option<usize>) -> Result<Map<'w, 'p, 'e>, Fault> {
        self.enter()?;
        let map =
            self.find_code(plan::MAP, |node| if let Node::Map(map) = node { Some(&**map) } else { None })?;
        Ok(Map::new(self.writer, map, len))
    }

    #[inline(always)]
    fn serialize_struct(mut self, name: &'static str, _: usize) -> Result<Fields<'w, 'p, 'e>, Fault> {
        self.enter()?;
        let (_, fields) = self.find(|plan, node| match node {
            Node::Struct(at) => plan.structure(*at).filter(|found| found.0.is(name)),
            _ => None,
        })?;
        Ok(self.fields(fields))
    }

    #[inline(always)]
    fn serialize_struct_variant(
        mut self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Fields<'w, 'p, 'e>, Fault> {
        self.enter()?;
        match self.variant(name, index, variant, |payload| matches!(payload, PayloadNode::Struct(_)))? {
            PayloadNode::Struct(fields) => Ok(self.fields(fields)),
            _ => Err(Fault::MISS),
        }
    }
}
