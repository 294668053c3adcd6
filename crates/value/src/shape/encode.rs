use crate::shape::{
    Alternative, Body, Field, MAP, OPTION, Payload, Position, SEQ, Shape, TUPLE, TYPE, Type, Variant,
    by_place,
};
use crate::wire::{put, put_len};

impl Shape {
    /// Returns the canonical bytes: equal shapes have equal bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_len(&mut out, self.types.len());
        for found in &self.types {
            put_type(&mut out, found);
        }
        put_position(&mut out, &self.root);
        out
    }
}

fn put_type(out: &mut Vec<u8>, found: &Type) {
    out.push(found.key().0);
    put_name(out, &found.name);
    match &found.body {
        Body::Struct(fields) => put_fields(out, fields),
        Body::TupleStruct(items) => put_items(out, items),
        Body::Newtype(inner) => put_position(out, inner),
        Body::Unit => {}
        Body::Enum(variants) => {
            out.push(u8::from(by_place(variants)));
            put_len(out, variants.len());
            for variant in variants {
                put_variant(out, variant);
            }
        }
    }
}

fn put_variant(out: &mut Vec<u8>, variant: &Variant) {
    put(out, u64::from(variant.index));
    put_name(out, &variant.name);
    out.push(variant.key().2);
    match &variant.payload {
        Payload::Unit => {}
        Payload::Newtype(inner) => put_position(out, inner),
        Payload::Tuple(items) => put_items(out, items),
        Payload::Struct(fields) => put_fields(out, fields),
    }
}

fn put_fields(out: &mut Vec<u8>, fields: &[Field]) {
    put_len(out, fields.len());
    for field in fields {
        put_name(out, &field.name);
        out.push(u8::from(field.required));
        put_position(out, &field.position);
    }
}

fn put_items(out: &mut Vec<u8>, items: &[Position]) {
    put_len(out, items.len());
    for item in items {
        put_position(out, item);
    }
}

fn put_position(out: &mut Vec<u8>, position: &Position) {
    put_len(out, position.0.len());
    for alternative in &position.0 {
        match alternative {
            Alternative::Prim(prim) => out.push(*prim as u8),
            Alternative::Option(inner) => {
                out.push(OPTION);
                put_position(out, inner);
            }
            Alternative::Seq(inner) => {
                out.push(SEQ);
                put_position(out, inner);
            }
            Alternative::Map(key, value) => {
                out.push(MAP);
                put_position(out, key);
                put_position(out, value);
            }
            Alternative::Tuple(items) => {
                out.push(TUPLE);
                put_items(out, items);
            }
            Alternative::Type(index) => {
                out.push(TYPE);
                put(out, u64::from(*index));
            }
        }
    }
}

/// Names are checked when a shape is recorded or decoded.
fn put_name(out: &mut Vec<u8>, name: &str) {
    let len = u8::try_from(name.len()).unwrap_or(u8::MAX);
    out.push(len);
    out.extend(name.bytes().take(usize::from(len)));
}
