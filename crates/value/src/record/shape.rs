use crate::error::ShapeProblem;
use crate::plan::{BackTable, Backs};
use crate::record::{Alternative, Body, Named, Payload, ROOT, Recorder, Run, Variant, at};
use crate::shape;

impl Recorder {
    /// The shape of all rows so far, and which fields some values write against its order.
    pub(crate) fn shape(&self) -> Result<(shape::Shape, BackTable), ShapeProblem> {
        let types = self
            .types
            .iter()
            .map(|named| shape::Type { name: named.name.to_owned(), body: self.body(named) });
        let raw = shape::Shape { types: types.collect(), root: self.position(ROOT) };
        let met = raw.met();
        let shape = raw.renumber();
        shape.measure()?;
        let backs = (0..).zip(&met).filter_map(|(number, index)| Some((number, at(&self.types, *index)?)));
        let backs = backs.flat_map(|(number, named)| self.backs_of(number, named)).collect();
        Ok((shape, backs))
    }

    fn backs_of(&self, number: u32, named: &Named) -> Vec<((u32, Option<u32>), Backs)> {
        let one = |place, fields| {
            let fields = at(&self.fields, fields)?;
            Some(((number, place), fields.backs(&fields.order()))).filter(|(_, backs)| !backs.is_empty())
        };
        match &named.body {
            Body::Struct(fields) => one(None, *fields).into_iter().collect(),
            Body::Enum(variants) => {
                let sorted = (0..).zip(self.sorted(variants));
                let structs = sorted.filter_map(|(place, (variant, _))| match variant.payload {
                    Payload::Struct(fields) => one(Some(place), fields),
                    _ => None,
                });
                structs.collect()
            }
            _ => Vec::new(),
        }
    }

    fn body(&self, named: &Named) -> shape::Body {
        match &named.body {
            Body::Struct(fields) => shape::Body::Struct(self.fields(*fields)),
            Body::TupleStruct(run) => shape::Body::TupleStruct(self.run(*run)),
            Body::Newtype(inner) => shape::Body::Newtype(self.position(*inner)),
            Body::Unit => shape::Body::Unit,
            Body::Enum(variants) => {
                shape::Body::Enum(self.sorted(variants).into_iter().map(|(_, variant)| variant).collect())
            }
        }
    }

    fn sorted<'v>(&self, variants: &'v [Variant]) -> Vec<(&'v Variant, shape::Variant)> {
        let shaped = variants.iter().map(|variant| {
            let payload = match variant.payload {
                Payload::Unit => shape::Payload::Unit,
                Payload::Newtype(inner) => shape::Payload::Newtype(self.position(inner)),
                Payload::Tuple(run) => shape::Payload::Tuple(self.run(run)),
                Payload::Struct(fields) => shape::Payload::Struct(self.fields(fields)),
            };
            (variant, shape::Variant { index: variant.index, name: variant.name.to_owned(), payload })
        });
        let mut sorted: Vec<_> = shaped.collect();
        sorted.sort_by(|(_, a), (_, b)| a.key().cmp(&b.key()));
        sorted
    }

    fn fields(&self, fields: u32) -> Vec<shape::Field> {
        let Some(fields) = at(&self.fields, fields) else { return Vec::new() };
        let ordered = fields.order().into_iter().filter_map(|index| fields.list.get(index));
        let shaped = ordered.map(|field| shape::Field {
            name: field.name.to_owned(),
            required: fields.required(field),
            position: self.position(field.position),
        });
        shaped.collect()
    }

    fn run(&self, run: Run) -> Vec<shape::Position> {
        (run.first..).take(run.count).map(|position| self.position(position)).collect()
    }

    fn position(&self, position: u32) -> shape::Position {
        let alternatives = at(&self.positions, position).into_iter().flatten();
        let shaped = alternatives.map(|alternative| match alternative {
            Alternative::Prim(prim) => shape::Alternative::Prim(*prim),
            Alternative::Option(inner) => shape::Alternative::Option(self.position(*inner)),
            Alternative::Seq(inner) => shape::Alternative::Seq(self.position(*inner)),
            Alternative::Map(key, value) => {
                shape::Alternative::Map(self.position(*key), self.position(*value))
            }
            Alternative::Tuple(run) => shape::Alternative::Tuple(self.run(*run)),
            Alternative::Type(index) => shape::Alternative::Type(*index),
        });
        let mut sorted: Vec<_> = shaped.collect();
        sorted.sort_by(|a, b| self.key(a).cmp(&self.key(b)));
        shape::Position(sorted)
    }

    fn key<'a>(&'a self, alternative: &'a shape::Alternative) -> shape::AlternativeKey<'a> {
        match alternative {
            shape::Alternative::Type(index) => {
                let found = at(&self.types, *index).map_or((0, "", 0), Named::key);
                (shape::TYPE, 0, found)
            }
            other => other.key(&[]),
        }
    }
}

impl Named {
    fn key(&self) -> shape::TypeKey<'_> {
        let (kind, count) = match &self.body {
            Body::Struct(_) => (1, 0),
            Body::TupleStruct(run) => (2, run.count),
            Body::Newtype(_) => (3, 0),
            Body::Unit => (4, 0),
            Body::Enum(_) => (5, 0),
        };
        (kind, self.name, count)
    }
}
