use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;

use crate::encode::values::ints::Int;
use crate::encode::writer::Sink;
use crate::entities::NONE;
use crate::error::Problem;
use crate::fault::Fault;
use crate::plan::{self, Node, PayloadNode, Plan};
use crate::shape::Prim;
use crate::value::{Fields, Struct, Value, Variant};
use crate::wire::{put, put_len, put_wide, zigzag, zigzag_wide};

/// Writes values along a plan that was made for them.
pub(super) struct Writer<'p> {
    pub(super) plan: &'p Plan<'p>,
    pub(super) sink: Sink<'static>,
}

/// Of so many fields each is looked at: that takes less than a look into a map.
const FEW: usize = 16;

/// Where an entry of a map stands.
struct Entry {
    key: Place,
    value: Place,
    end: Place,
}

#[derive(Clone, Copy)]
struct Place {
    bytes: usize,
    target: usize,
}

impl<'p> Writer<'p> {
    pub(super) fn value(&mut self, value: &Value<'_>, node: &'p Node) -> Result<(), Fault> {
        match value {
            Value::Unit => self.prim(node, Prim::Unit).map(drop),
            Value::Bool(value) => self.push(node, Prim::Bool, &[u8::from(*value)]),
            Value::Int(value) => self.int(node, Int::Small(*value)),
            Value::Big(value) => self.int(node, Int::Big(*value)),
            Value::F32(bits) => self.push(node, Prim::F32, &bits.to_le_bytes()),
            Value::F64(bits) => self.push(node, Prim::F64, &bits.to_le_bytes()),
            Value::Char(value) => self.text(node, Prim::Char, value.encode_utf8(&mut [0; 4]).as_bytes()),
            Value::Str(text) => self.text(node, Prim::Str, text.as_bytes()),
            Value::Bytes(bytes) => self.bytes(node, bytes),
            Value::Entity(ordinal) => {
                self.prim(node, Prim::Reference)?;
                self.sink.targets.push(*ordinal);
                Ok(())
            }
            Value::Option(value) => {
                let inner = self.pick(node, |_, node| match node {
                    Node::Option(inner) => Some(&**inner),
                    _ => None,
                })?;
                self.sink.out.push(u8::from(value.is_some()));
                value.as_ref().map_or(Ok(()), |value| self.value(value, inner))
            }
            Value::Seq(values) => {
                let seq = self.seq(node)?;
                self.count(seq, values.len());
                values.iter().try_for_each(|value| self.value(value, &seq.node))
            }
            Value::Tuple(values) => {
                let items = self.pick(node, |_, node| match node {
                    Node::Tuple(items) if items.nodes.len() == values.len() => Some(&**items),
                    _ => None,
                })?;
                self.items(values, items)
            }
            Value::Map(entries) => self.map(node, entries),
            Value::Struct(found) => self.structure(node, found),
            Value::Variant(found) => self.variant(node, found),
        }
    }

    /// What `find` finds in the node or in one of its alternatives, whose selector is written.
    fn pick<R>(
        &mut self,
        node: &'p Node,
        find: impl Fn(&'p Plan<'p>, &'p Node) -> Option<R>,
    ) -> Result<R, Fault> {
        let Node::Union(union) = node else { return find(self.plan, node).ok_or(Fault::MISS) };
        for (selector, node) in (0..).zip(&union.alternatives) {
            if let Some(found) = find(self.plan, node) {
                put(&mut self.sink.out, selector);
                return Ok(found);
            }
        }
        Err(Fault::MISS)
    }

    fn prim(&mut self, node: &'p Node, prim: Prim) -> Result<&mut Vec<u8>, Fault> {
        self.pick(node, |_, node| matches!(node, Node::Prim(found) if *found == prim).then_some(()))?;
        Ok(&mut self.sink.out)
    }

    fn push(&mut self, node: &'p Node, prim: Prim, bytes: &[u8]) -> Result<(), Fault> {
        self.prim(node, prim)?.extend_from_slice(bytes);
        Ok(())
    }

    fn text(&mut self, node: &'p Node, prim: Prim, bytes: &[u8]) -> Result<(), Fault> {
        let out = self.prim(node, prim)?;
        put_len(out, bytes.len());
        out.extend_from_slice(bytes);
        Ok(())
    }

    fn int(&mut self, node: &'p Node, value: Int) -> Result<(), Fault> {
        // The smallest type that holds it is the one that it was recorded with.
        let prim = self.pick(node, |_, node| match node {
            Node::Prim(prim) if value.fits(*prim) => Some(*prim),
            _ => None,
        })?;
        let out = &mut self.sink.out;
        let value = match value {
            Int::Small(value) => value,
            Int::Big(value) => {
                put_wide(out, value);
                return Ok(());
            }
        };
        match prim {
            Prim::U8 => out.push(u8::try_from(value).map_err(|_| Fault::MISS)?),
            Prim::I8 => out.push(i8::try_from(value).map_err(|_| Fault::MISS)?.cast_unsigned()),
            Prim::U128 => put_wide(out, value.cast_unsigned()),
            Prim::I128 => put_wide(out, zigzag_wide(value)),
            Prim::I16 | Prim::I32 | Prim::I64 => {
                put(out, zigzag(i64::try_from(value).map_err(|_| Fault::MISS)?));
            }
            _ => put(out, u64::try_from(value).map_err(|_| Fault::MISS)?),
        }
        Ok(())
    }

    fn bytes(&mut self, node: &'p Node, bytes: &[u8]) -> Result<(), Fault> {
        let alternatives =
            if let Node::Union(union) = node { &union.alternatives } else { std::slice::from_ref(node) };
        if alternatives.iter().any(|node| matches!(node, Node::Prim(Prim::Bytes))) {
            return self.text(node, Prim::Bytes, bytes);
        }
        let seq = self.seq(node)?;
        self.count(seq, bytes.len());
        if matches!(seq.node, Node::Prim(Prim::U8)) {
            self.sink.out.extend_from_slice(bytes);
            return Ok(());
        }
        bytes.iter().try_for_each(|byte| self.int(&seq.node, Int::Small((*byte).into())))
    }

    fn seq(&mut self, node: &'p Node) -> Result<&'p plan::Seq, Fault> {
        self.pick(node, |_, node| if let Node::Seq(seq) = node { Some(&**seq) } else { None })
    }

    fn count(&mut self, seq: &plan::Seq, count: usize) {
        put_len(&mut self.sink.out, count);
        if seq.empty {
            self.sink.empties += u64::try_from(count).unwrap_or(u64::MAX);
        }
    }

    fn items(&mut self, values: &[Value<'_>], items: &'p plan::Items) -> Result<(), Fault> {
        self.sink.empties += items.empties;
        values.iter().zip(&items.nodes).try_for_each(|(value, node)| self.value(value, node))
    }

    fn structure(&mut self, node: &'p Node, found: &Struct<'_>) -> Result<(), Fault> {
        let name = found.name.as_ref();
        match &found.fields {
            Fields::Unit => self.pick(node, |plan, node| match node {
                Node::UnitStruct(at) => plan.unit_struct(*at).filter(|known| known.text == name).map(drop),
                _ => None,
            }),
            Fields::Newtype(value) => {
                let (_, inner) = self.pick(node, |plan, node| match node {
                    Node::Newtype(at) => plan.newtype(*at).filter(|known| known.0.text == name),
                    _ => None,
                })?;
                self.value(value, inner)
            }
            Fields::Tuple(values) => {
                let fits = |known: &&(plan::Name<'_>, plan::Items)| {
                    known.0.text == name && known.1.nodes.len() == values.len()
                };
                let (_, items) = self.pick(node, |plan, node| match node {
                    Node::TupleStruct(at) => plan.tuple_struct(*at).filter(fits),
                    _ => None,
                })?;
                self.items(values, items)
            }
            Fields::Named(values) => {
                let (_, fields) = self.pick(node, |plan, node| match node {
                    Node::Struct(at) => plan.structure(*at).filter(|known| known.0.text == name),
                    _ => None,
                })?;
                self.fields(values, fields)
            }
        }
    }

    fn variant(&mut self, node: &'p Node, found: &Variant<'_>) -> Result<(), Fault> {
        let (_, variants) = self.pick(node, |plan, node| match node {
            Node::Enum(at) => plan.variants(*at).filter(|known| known.0.text == found.of),
            _ => None,
        })?;
        let fits = |payload: &PayloadNode<'_>| match (payload, &found.fields) {
            (PayloadNode::Unit, Fields::Unit)
            | (PayloadNode::Newtype(_), Fields::Newtype(_))
            | (PayloadNode::Struct(_), Fields::Named(_)) => true,
            (PayloadNode::Tuple(items), Fields::Tuple(values)) => items.nodes.len() == values.len(),
            _ => false,
        };
        let same = |known: &&plan::Variant<'_>| {
            known.index == found.index && known.name.text == found.name && fits(&known.payload)
        };
        // They ascend by index, and after that by name.
        let key = (found.index, found.name.as_ref());
        let first = variants.partition_point(|known| (known.index, known.name.text) < key);
        let Some(known) = variants.get(first..).and_then(|rest| rest.iter().find(same)) else {
            return Err(Fault::MISS);
        };
        put(&mut self.sink.out, u64::from(known.selector));
        match (&known.payload, &found.fields) {
            (PayloadNode::Unit, _) => Ok(()),
            (PayloadNode::Newtype(inner), Fields::Newtype(value)) => self.value(value, inner),
            (PayloadNode::Tuple(items), Fields::Tuple(values)) => self.items(values, items),
            (PayloadNode::Struct(fields), Fields::Named(values)) => self.fields(values, fields),
            _ => Err(Fault::MISS),
        }
    }

    fn fields(
        &mut self,
        values: &[(Cow<'_, str>, Value<'_>)],
        fields: &'p plan::Fields<'p>,
    ) -> Result<(), Fault> {
        self.sink.empties += fields.empties;
        let mut next = 0;
        let mut by_name: Option<HashMap<&str, usize>> = None;
        for field in &fields.list {
            let is_it = |(name, _): &(Cow<'_, str>, Value<'_>)| *name == field.name.text;
            // Values that were read have their fields in the order of the shape.
            let at = if values.get(next).is_some_and(is_it) {
                Some(next)
            } else if values.len() <= FEW {
                values.iter().position(is_it)
            } else {
                let places =
                    || values.iter().enumerate().map(|(at, (name, _))| (name.as_ref(), at)).collect();
                by_name.get_or_insert_with(places).get(field.name.text).copied()
            };
            let Some((at, (_, value))) = at.and_then(|at| Some((at, values.get(at)?))) else {
                if field.required {
                    return Err(Fault::MISS);
                }
                self.sink.out.push(0);
                continue;
            };
            next = at + 1;
            if !field.required {
                self.sink.out.push(1);
            }
            self.value(value, &field.node)?;
        }
        Ok(())
    }

    fn map(&mut self, node: &'p Node, entries: &[(Value<'_>, Value<'_>)]) -> Result<(), Fault> {
        let map = self.pick(node, |_, node| if let Node::Map(map) = node { Some(&**map) } else { None })?;
        put_len(&mut self.sink.out, entries.len());
        let mut places = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let start = self.place();
            self.value(key, &map.key)?;
            let middle = self.place();
            self.value(value, &map.value)?;
            places.push(Entry { key: start, value: middle, end: self.place() });
        }
        let ascends = |pair: &[Entry]| match pair {
            [a, b] => self.key(a) < self.key(b),
            _ => true,
        };
        if places.windows(2).all(ascends) { Ok(()) } else { self.sort(places) }
    }

    fn place(&self) -> Place {
        Place { bytes: self.sink.out.len(), target: self.sink.targets.len() }
    }

    /// What entries ascend by.
    fn key(&self, entry: &Entry) -> (&[u32], &[u8]) {
        let (start, end) = (entry.key, entry.value);
        let targets = self.sink.targets.get(start.target..end.target).unwrap_or_default();
        (targets, self.sink.out.get(start.bytes..end.bytes).unwrap_or_default())
    }

    /// Puts the entries of the map that was written last in order.
    fn sort(&mut self, mut places: Vec<Entry>) -> Result<(), Fault> {
        let Some(first) = places.first().map(|entry| entry.key) else { return Ok(()) };
        places.sort_by(|a, b| self.key(a).cmp(&self.key(b)));
        // Keys that refer to nothing may be equal: what they referred to was not.
        let twice = |a: &Entry, b: &Entry| {
            self.key(a).cmp(&self.key(b)) == Ordering::Equal && !self.key(a).0.contains(&NONE)
        };
        if places.windows(2).any(|pair| matches!(pair, [a, b] if twice(a, b))) {
            return Err(Problem::DuplicateKey.into());
        }
        let bytes = self.sink.out.split_off(first.bytes);
        let targets = self.sink.targets.split_off(first.target);
        for Entry { key, end, .. } in places {
            let range = key.bytes - first.bytes..end.bytes - first.bytes;
            self.sink.out.extend_from_slice(bytes.get(range).unwrap_or_default());
            let range = key.target - first.target..end.target - first.target;
            self.sink.targets.extend_from_slice(targets.get(range).unwrap_or_default());
        }
        Ok(())
    }
}
