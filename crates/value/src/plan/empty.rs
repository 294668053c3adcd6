//! Which values take neither bytes nor references: a value always does or never does.

use crate::shape::{Alternative, Body, Position, Prim, Shape};

/// For each type of the shape whether its values take nothing.
///
/// Spreads "takes something" from the types that do to those that hold them; what it doesn't reach takes nothing.
pub(super) fn empty_types(shape: &Shape) -> Vec<bool> {
    let mut holders: Vec<Vec<usize>> = vec![Vec::new(); shape.types.len()];
    let mut empty = vec![true; shape.types.len()];
    let mut todo = Vec::new();
    for (holder, found) in shape.types.iter().enumerate() {
        let mut takes = match &found.body {
            Body::Struct(fields) => fields.iter().any(|field| !field.required),
            Body::Enum(_) => true,
            Body::TupleStruct(_) | Body::Newtype(_) | Body::Unit => false,
        };
        if !takes {
            found.each(&mut |position| {
                takes |= takes_something(position, &mut |held| {
                    if let Some(list) = usize::try_from(held).ok().and_then(|held| holders.get_mut(held)) {
                        list.push(holder);
                    }
                });
            });
        }
        if takes {
            todo.push(holder);
        }
    }
    while let Some(index) = todo.pop() {
        if let Some(slot) = empty.get_mut(index)
            && std::mem::take(slot)
        {
            todo.extend(holders.get(index).into_iter().flatten());
        }
    }
    empty
}

/// Whether a value takes something in any case; `held` gets the types that decide it otherwise.
fn takes_something(position: &Position, held: &mut dyn FnMut(u32)) -> bool {
    match position.0.as_slice() {
        [] | [Alternative::Prim(Prim::Unit)] => false,
        [Alternative::Type(index)] => {
            held(*index);
            false
        }
        [Alternative::Tuple(items)] => {
            let mut takes = false;
            for item in items {
                takes |= takes_something(item, held);
            }
            takes
        }
        _ => true,
    }
}

/// Whether every value of the position takes nothing.
pub(super) fn is_empty(position: &Position, types: &[bool]) -> bool {
    match position.0.as_slice() {
        [] | [Alternative::Prim(Prim::Unit)] => true,
        [Alternative::Type(index)] => {
            usize::try_from(*index).ok().and_then(|index| types.get(index)).copied().unwrap_or(false)
        }
        [Alternative::Tuple(items)] => items.iter().all(|item| is_empty(item, types)),
        _ => false,
    }
}
