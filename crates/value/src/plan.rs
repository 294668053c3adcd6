mod empty;

use std::cell::Cell;
use std::collections::HashMap;

use crate::options::DEPTH_MAX;
use crate::plan::empty::{empty_types, is_empty};
use crate::shape::{Alternative, Body, Field, Payload, Position, Prim, Shape, Type, by_place};

/// Pairs of fields (earlier, later in the shape's order) that some value writes in the other order, sorted.
pub(crate) type Backs = Vec<(u32, u32)>;

/// The [`Backs`] of each struct (type, none) and struct variant (type, place of the variant).
pub(crate) type BackTable = HashMap<(u32, Option<u32>), Backs>;

/// A shape laid out for writing and reading.
///
/// Positions own their nodes, so that a field's node lies beside its name; types, which may recur, are found by number.
#[derive(Debug, Default)]
pub(crate) struct Plan<'s> {
    pub(crate) root: Node,
    structs: Vec<(Name<'s>, Fields<'s>)>,
    tuple_structs: Vec<(Name<'s>, Items)>,
    newtypes: Vec<(Name<'s>, Node)>,
    unit_structs: Vec<Name<'s>>,
    enums: Vec<(Name<'s>, Vec<Variant<'s>>)>,
}

#[derive(Debug, Default)]
pub(crate) enum Node {
    #[default]
    Unknown,
    Prim(Prim),
    Option(Box<Node>),
    Seq(Box<Seq>),
    Map(Box<Map>),
    Tuple(Box<Items>),
    Struct(u32),
    TupleStruct(u32),
    Newtype(u32),
    UnitStruct(u32),
    Enum(u32),
    Union(Box<Union>),
}

/// Boxed once more, so that a node takes two words.
#[derive(Debug)]
pub(crate) struct Union {
    pub(crate) alternatives: Vec<Node>,
    /// For each code the alternative with it and its selector plus 1, or 0.
    codes: [u8; CODES],
}

/// Codes of which a position has one alternative at most: primitives by their number, and these.
const CODES: usize = 22;
pub(crate) const OPTION: usize = 19;
pub(crate) const SEQ: usize = 20;
pub(crate) const MAP: usize = 21;

impl Union {
    fn new(alternatives: Vec<Node>) -> Self {
        let mut codes = [0; CODES];
        for (place, node) in (1..=u8::MAX).zip(&alternatives) {
            let code = match node {
                Node::Prim(prim) => usize::from(*prim as u8),
                Node::Option(_) => OPTION,
                Node::Seq(_) => SEQ,
                Node::Map(_) => MAP,
                _ => continue,
            };
            if let Some(slot) = codes.get_mut(code) {
                *slot = place;
            }
        }
        Self { alternatives, codes }
    }

    /// The alternative with this code and its selector.
    #[inline(always)]
    pub(crate) fn with_code(&self, code: usize) -> Option<(u8, &Node)> {
        let selector = self.codes.get(code)?.checked_sub(1)?;
        Some((selector, self.alternatives.get(usize::from(selector))?))
    }
}

#[derive(Debug)]
pub(crate) struct Seq {
    pub(crate) node: Node,
    /// Whether elements take nothing.
    pub(crate) empty: bool,
}

#[derive(Debug)]
pub(crate) struct Map {
    pub(crate) key: Node,
    pub(crate) value: Node,
    /// Whether keys take nothing.
    pub(crate) empty: bool,
}

#[derive(Debug)]
pub(crate) struct Items {
    pub(crate) nodes: Vec<Node>,
    /// How many of them take nothing.
    pub(crate) empties: u64,
}

#[derive(Debug)]
pub(crate) struct Fields<'s> {
    pub(crate) list: Vec<FieldNode<'s>>,
    /// How many of them take nothing.
    pub(crate) empties: u64,
    /// Whether every field is required.
    pub(crate) full: bool,
    pub(crate) backs: Backs,
    /// The list of names that was compared last, and whether it is this one.
    compared: Cell<(usize, usize, bool)>,
}

#[derive(Debug)]
pub(crate) struct FieldNode<'s> {
    pub(crate) name: Name<'s>,
    pub(crate) node: Node,
    pub(crate) required: bool,
}

#[derive(Debug)]
pub(crate) struct Variant<'s> {
    pub(crate) selector: u32,
    pub(crate) index: u32,
    pub(crate) name: Name<'s>,
    pub(crate) payload: PayloadNode<'s>,
}

#[derive(Debug)]
pub(crate) enum PayloadNode<'s> {
    Unit,
    Newtype(Node),
    Tuple(Items),
    Struct(Fields<'s>),
}

/// A name that remembers which static string it was last found equal to.
#[derive(Debug)]
pub(crate) struct Name<'s> {
    pub(crate) text: &'s str,
    seen: Cell<(usize, usize)>,
}

impl<'s> Name<'s> {
    fn new(text: &'s str) -> Self {
        Self { text, seen: Cell::new((0, 0)) }
    }

    #[inline]
    pub(crate) fn is(&self, other: &'static str) -> bool {
        let place = (other.as_ptr().addr(), other.len());
        self.seen.get() == place || self.compare(other, place)
    }

    #[inline(never)]
    fn compare(&self, other: &'static str, place: (usize, usize)) -> bool {
        let same = self.text == other;
        if same {
            self.seen.set(place);
        }
        same
    }
}

impl Fields<'_> {
    /// Whether a program's fields are exactly these, in this order, and every value has them all.
    #[inline]
    pub(crate) fn are(&self, names: &'static [&'static str]) -> bool {
        let (addr, len, same) = self.compared.get();
        if (addr, len) == (names.as_ptr().addr(), names.len()) { same } else { self.compare(names) }
    }

    #[inline(never)]
    fn compare(&self, names: &'static [&'static str]) -> bool {
        let ours = self.list.iter().map(|field| field.name.text);
        let same = self.full && ours.eq(names.iter().copied());
        self.compared.set((names.as_ptr().addr(), names.len(), same));
        same
    }
}

fn at<T>(list: &[T], index: u32) -> Option<&T> {
    usize::try_from(index).ok().and_then(|index| list.get(index))
}

impl<'s> Plan<'s> {
    pub(crate) fn new(shape: &'s Shape, backs: &BackTable) -> Self {
        let mut compiler = Compiler {
            plan: Plan::default(),
            places: Vec::new(),
            empty: &empty_types(shape),
            types: &shape.types,
            backs,
        };
        compiler.place_types();
        for (index, found) in (0..).zip(&shape.types) {
            compiler.one_type(index, found);
        }
        compiler.plan.root = compiler.position(&shape.root);
        compiler.plan
    }

    #[inline]
    pub(crate) fn structure(&self, index: u32) -> Option<&(Name<'s>, Fields<'s>)> {
        at(&self.structs, index)
    }

    #[inline]
    pub(crate) fn tuple_struct(&self, index: u32) -> Option<&(Name<'s>, Items)> {
        at(&self.tuple_structs, index)
    }

    #[inline]
    pub(crate) fn newtype(&self, index: u32) -> Option<&(Name<'s>, Node)> {
        at(&self.newtypes, index)
    }

    #[inline]
    pub(crate) fn unit_struct(&self, index: u32) -> Option<&Name<'s>> {
        at(&self.unit_structs, index)
    }

    #[inline]
    pub(crate) fn variants(&self, index: u32) -> Option<&(Name<'s>, Vec<Variant<'s>>)> {
        at(&self.enums, index)
    }
}

struct Compiler<'s, 'b> {
    plan: Plan<'s>,
    /// The number of each type among those of its kind.
    places: Vec<u32>,
    empty: &'b [bool],
    types: &'s [Type],
    backs: &'b BackTable,
}

impl<'s> Compiler<'s, '_> {
    fn place_types(&mut self) {
        let mut counts = [0_u32; 6];
        for found in self.types {
            let count = counts.get_mut(usize::from(found.key().0));
            self.places.push(count.map_or(0, |count| std::mem::replace(count, *count + 1)));
        }
    }

    fn one_type(&mut self, index: u32, found: &'s Type) {
        let name = Name::new(&found.name);
        match &found.body {
            Body::Struct(fields) => {
                let fields = self.fields(fields, (index, None));
                self.plan.structs.push((name, fields));
            }
            Body::TupleStruct(items) => {
                let items = self.items(items);
                self.plan.tuple_structs.push((name, items));
            }
            Body::Newtype(inner) => {
                let inner = self.position(inner);
                self.plan.newtypes.push((name, inner));
            }
            Body::Unit => self.plan.unit_structs.push(name),
            Body::Enum(variants) => {
                let placed = by_place(variants);
                let variants = (0..).zip(variants).map(|(place, variant)| Variant {
                    selector: if placed { place } else { variant.index },
                    index: variant.index,
                    name: Name::new(&variant.name),
                    payload: self.payload(&variant.payload, (index, Some(place))),
                });
                let variants = variants.collect();
                self.plan.enums.push((name, variants));
            }
        }
    }

    fn payload(&self, payload: &'s Payload, place: (u32, Option<u32>)) -> PayloadNode<'s> {
        match payload {
            Payload::Unit => PayloadNode::Unit,
            Payload::Newtype(inner) => PayloadNode::Newtype(self.position(inner)),
            Payload::Tuple(items) => PayloadNode::Tuple(self.items(items)),
            Payload::Struct(fields) => PayloadNode::Struct(self.fields(fields, place)),
        }
    }

    fn fields(&self, fields: &'s [Field], place: (u32, Option<u32>)) -> Fields<'s> {
        let list = fields.iter().map(|field| FieldNode {
            name: Name::new(&field.name),
            node: self.position(&field.position),
            required: field.required,
        });
        let weight = |field: &Field| if field.required { self.weight(&field.position) } else { 0 };
        Fields {
            list: list.collect(),
            empties: fields.iter().map(weight).sum(),
            full: fields.iter().all(|field| field.required),
            backs: self.backs.get(&place).cloned().unwrap_or_default(),
            compared: Cell::new((0, 0, false)),
        }
    }

    fn items(&self, items: &[Position]) -> Items {
        let empties = items.iter().map(|item| self.weight(item)).sum();
        Items { nodes: items.iter().map(|item| self.position(item)).collect(), empties }
    }

    /// What a value costs that takes neither bytes nor references: itself and each newtype around it. Nothing if it takes some.
    fn weight(&self, position: &Position) -> u64 {
        if !is_empty(position, self.empty) {
            return 0;
        }
        let (mut weight, mut place) = (1, position);
        while let [Alternative::Type(index)] = place.0.as_slice()
            && let Some(Body::Newtype(inner)) = at(self.types, *index).map(|found| &found.body)
            && weight < u64::from(DEPTH_MAX)
        {
            weight += 1;
            place = inner;
        }
        weight
    }

    fn position(&self, position: &Position) -> Node {
        match position.0.as_slice() {
            [] => Node::Unknown,
            [alternative] => self.alternative(alternative),
            many => {
                Node::Union(Box::new(Union::new(many.iter().map(|found| self.alternative(found)).collect())))
            }
        }
    }

    fn alternative(&self, alternative: &Alternative) -> Node {
        match alternative {
            Alternative::Prim(prim) => Node::Prim(*prim),
            Alternative::Option(inner) => Node::Option(Box::new(self.position(inner))),
            Alternative::Seq(inner) => {
                Node::Seq(Box::new(Seq { node: self.position(inner), empty: is_empty(inner, self.empty) }))
            }
            Alternative::Map(key, value) => {
                let empty = is_empty(key, self.empty);
                Node::Map(Box::new(Map { key: self.position(key), value: self.position(value), empty }))
            }
            Alternative::Tuple(items) => Node::Tuple(Box::new(self.items(items))),
            Alternative::Type(index) => self.reference(*index),
        }
    }

    fn reference(&self, index: u32) -> Node {
        let place = at(&self.places, index).copied().unwrap_or(u32::MAX);
        match at(self.types, index).map(|found| &found.body) {
            Some(Body::Struct(_)) => Node::Struct(place),
            Some(Body::TupleStruct(_)) => Node::TupleStruct(place),
            Some(Body::Newtype(_)) => Node::Newtype(place),
            Some(Body::Unit) => Node::UnitStruct(place),
            Some(Body::Enum(_)) => Node::Enum(place),
            None => Node::Unknown,
        }
    }
}
