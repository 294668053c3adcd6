use crate::encode::values::record::{
    Alternative, Body, Named, Payload, ROOT, Record, Recorder, Run, Variant, get,
};
use crate::error::ShapeProblem;
use crate::shape::{self, Field, Position, Shape, Type};

impl Recorder<'_, '_> {
    /// The shape of all rows.
    pub(super) fn shape(&self) -> Result<Shape, ShapeProblem> {
        let types =
            self.types.iter().map(|named| Type { name: named.name.to_owned(), body: self.body(named) });
        let shape = Shape { types: types.collect(), root: self.position(ROOT) }.renumber();
        shape.measure()?;
        Ok(shape)
    }

    fn body(&self, named: &Named<'_>) -> shape::Body {
        match &named.body {
            Body::Unit => shape::Body::Unit,
            Body::Newtype(inner) => shape::Body::Newtype(self.position(*inner)),
            Body::Tuple(run) => shape::Body::TupleStruct(self.run_shape(*run)),
            Body::Struct(record) => shape::Body::Struct(self.fields(*record)),
            Body::Enum(variants) => {
                let mut sorted: Vec<_> = variants.iter().map(|variant| self.variant_shape(variant)).collect();
                sorted.sort_by(|a, b| a.key().cmp(&b.key()));
                shape::Body::Enum(sorted)
            }
        }
    }

    fn variant_shape(&self, variant: &Variant<'_>) -> shape::Variant {
        let payload = match variant.payload {
            Payload::Unit => shape::Payload::Unit,
            Payload::Newtype(inner) => shape::Payload::Newtype(self.position(inner)),
            Payload::Tuple(run) => shape::Payload::Tuple(self.run_shape(run)),
            Payload::Struct(record) => shape::Payload::Struct(self.fields(record)),
        };
        shape::Variant { index: variant.index, name: variant.name.to_owned(), payload }
    }

    fn fields(&self, record: u32) -> Vec<Field> {
        let Some(record) = get(&self.structs, record) else { return Vec::new() };
        let ordered = record.order().into_iter().filter_map(|index| record.fields.list.get(index));
        let shaped = ordered.map(|field| Field {
            name: field.name.to_owned(),
            required: record.fields.required(field),
            position: self.position(field.position),
        });
        shaped.collect()
    }

    fn run_shape(&self, run: Run) -> Vec<Position> {
        (run.first..).take(run.count).map(|place| self.position(place)).collect()
    }

    fn position(&self, place: u32) -> Position {
        let Some(place) = get(&self.places, place) else { return Position::default() };
        let shaped = place.alternatives.iter().map(|alternative| match alternative {
            Alternative::Prim(prim) => shape::Alternative::Prim(*prim),
            Alternative::Option(inner) => shape::Alternative::Option(self.position(*inner)),
            Alternative::Seq(inner) => shape::Alternative::Seq(self.position(*inner)),
            Alternative::Map(key, value) => {
                shape::Alternative::Map(self.position(*key), self.position(*value))
            }
            Alternative::Tuple(run) => shape::Alternative::Tuple(self.run_shape(*run)),
            Alternative::Type(index) => shape::Alternative::Type(*index),
        });
        let ints = place.ints.prims().into_iter().map(shape::Alternative::Prim);
        let mut sorted: Vec<_> = shaped.chain(ints).collect();
        sorted.sort_by(|a, b| self.key(a).cmp(&self.key(b)));
        Position(sorted)
    }

    fn key<'a>(&'a self, alternative: &'a shape::Alternative) -> shape::AlternativeKey<'a> {
        match alternative {
            shape::Alternative::Type(index) => {
                (shape::TYPE, 0, get(&self.types, *index).map_or((0, "", 0), Named::key))
            }
            other => other.key(&[]),
        }
    }
}

impl Named<'_> {
    fn key(&self) -> shape::TypeKey<'_> {
        let (kind, count) = match &self.body {
            Body::Struct(_) => (1, 0),
            Body::Tuple(run) => (2, run.count),
            Body::Newtype(_) => (3, 0),
            Body::Unit => (4, 0),
            Body::Enum(_) => (5, 0),
        };
        (kind, self.name, count)
    }
}

impl Record<'_, '_> {
    /// The fields in the order of the shape, as indices into the list.
    ///
    /// That of the shapes to go by, if one of them has these fields and the values have them in no other order.
    fn order(&self) -> Vec<usize> {
        let list = &self.fields.list;
        let known = self.hints.iter().filter(|known| known.len() == list.len());
        let mut orders = known.filter_map(|known| {
            let index = |field: &Field| self.fields.find(&field.name);
            let order = known.iter().map(index).collect::<Option<Vec<_>>>()?;
            self.fields.backs(&order).is_empty().then_some(order)
        });
        orders.next().unwrap_or_else(|| self.fields.order())
    }
}
