use std::collections::HashSet;

use crate::shape::{Alternative, Body, Field, Payload, Position, Shape, Type, Variant, by_place, type_at};

/// Whether every row that fits the old shape has the same bytes in the new one.
pub(super) fn extends(old: &Shape, new: &Shape) -> bool {
    let mut todo = vec![(&old.root, &new.root)];
    let mut seen = HashSet::new();
    while let Some((before, after)) = todo.pop() {
        if before.0.is_empty() {
            continue;
        }
        // One alternative has no selector, and selectors count from the first.
        if before.0.len() > after.0.len() || (before.0.len() == 1 && after.0.len() != 1) {
            return false;
        }
        for (a, b) in before.0.iter().zip(&after.0) {
            if a.key(&old.types) != b.key(&new.types) {
                return false;
            }
            if let (Alternative::Type(x), Alternative::Type(y)) = (a, b) {
                let (Some(x), Some(y)) = (type_at(&old.types, *x), type_at(&new.types, *y)) else {
                    return false;
                };
                if seen.insert(x.key()) && !extends_type(x, y, &mut todo) {
                    return false;
                }
            }
            pair_up(a, b, &mut todo);
        }
    }
    true
}

type Pairs<'a> = Vec<(&'a Position, &'a Position)>;

fn pair_up<'a>(a: &'a Alternative, b: &'a Alternative, todo: &mut Pairs<'a>) {
    match (a, b) {
        (Alternative::Option(a), Alternative::Option(b)) | (Alternative::Seq(a), Alternative::Seq(b)) => {
            todo.push((a, b));
        }
        (Alternative::Map(a, x), Alternative::Map(b, y)) => todo.extend([(a, b), (x, y)]),
        (Alternative::Tuple(a), Alternative::Tuple(b)) => todo.extend(a.iter().zip(b)),
        _ => {}
    }
}

fn extends_type<'a>(old: &'a Type, new: &'a Type, todo: &mut Pairs<'a>) -> bool {
    match (&old.body, &new.body) {
        (Body::Struct(a), Body::Struct(b)) => return extends_fields(a, b, todo),
        (Body::TupleStruct(a), Body::TupleStruct(b)) => todo.extend(a.iter().zip(b)),
        (Body::Newtype(a), Body::Newtype(b)) => todo.push((a, b)),
        (Body::Enum(a), Body::Enum(b)) => return extends_variants(a, b, todo),
        _ => {}
    }
    true
}

fn extends_fields<'a>(old: &'a [Field], new: &'a [Field], todo: &mut Pairs<'a>) -> bool {
    todo.extend(old.iter().zip(new).map(|(a, b)| (&a.position, &b.position)));
    let same = |(a, b): (&Field, &Field)| a.name == b.name && a.required == b.required;
    old.len() == new.len() && old.iter().zip(new).all(same)
}

fn extends_variants<'a>(old: &'a [Variant], new: &'a [Variant], todo: &mut Pairs<'a>) -> bool {
    let placed = by_place(new);
    if placed != by_place(old) {
        return false;
    }
    for (place, a) in old.iter().enumerate() {
        let found = new.iter().position(|b| b.key() == a.key());
        let Some((at, b)) = found.and_then(|at| Some((at, new.get(at)?))) else { return false };
        if placed && at != place {
            return false;
        }
        match (&a.payload, &b.payload) {
            (Payload::Newtype(a), Payload::Newtype(b)) => todo.push((a, b)),
            (Payload::Tuple(a), Payload::Tuple(b)) => todo.extend(a.iter().zip(b)),
            (Payload::Struct(a), Payload::Struct(b)) if !extends_fields(a, b, todo) => return false,
            _ => {}
        }
    }
    true
}
