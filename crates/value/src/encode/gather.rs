use crate::encode::writer::Sink;
use crate::error::Problem;
use crate::fault::Fault;
use crate::plan::{FieldNode, Fields, Node};

/// A field that was written where it arrived.
#[derive(Clone, Copy)]
pub(super) struct Piece {
    /// Place of the field in the shape.
    place: u32,
    bytes: usize,
    targets: usize,
}

/// Starts a field out of order and returns its node.
pub(super) fn start_piece<'p>(
    sink: &mut Sink<'_>,
    fields: &'p Fields<'p>,
    name: &'static str,
) -> Result<&'p Node, Fault> {
    let found = (0..).zip(&fields.list).find(|(_, field)| field.name.is(name));
    let Some((place, field)) = found else { return Err(Fault::MISS) };
    sink.pieces.push(Piece { place, bytes: sink.out.len(), targets: sink.targets.len() });
    Ok(&field.node)
}

/// Puts the fields that were written since `base` in the order of the shape.
pub(super) fn gather(sink: &mut Sink<'_>, fields: &Fields<'_>, base: usize) -> Result<(), Fault> {
    let mine = sink.pieces.split_off(base);
    let known = |pair: &[Piece]| match pair {
        [a, b] if a.place > b.place => fields.backs.binary_search(&(a.place, b.place)).is_ok(),
        _ => true,
    };
    if !mine.windows(2).all(known) {
        return Err(Fault::MISS);
    }
    let Some(first) = mine.first().copied() else { return absent(sink, &fields.list) };
    let scratch = &mut sink.scratch;
    scratch.0.clear();
    scratch.0.extend(sink.out.drain(first.bytes..));
    scratch.1.clear();
    scratch.1.extend(sink.targets.drain(first.targets..));
    let ends = mine.iter().skip(1).map(|piece| (piece.bytes - first.bytes, piece.targets - first.targets));
    let ends = ends.chain([(scratch.0.len(), scratch.1.len())]);
    let mut sorted: Vec<_> = mine.iter().copied().zip(ends).collect();
    sorted.sort_by_key(|(piece, _)| piece.place);
    let mut pieces = sorted.into_iter().peekable();
    for (place, field) in (0..).zip(&fields.list) {
        let Some((piece, end)) = pieces.next_if(|(piece, _)| piece.place == place) else {
            absent(sink, std::slice::from_ref(field))?;
            continue;
        };
        if !field.required {
            sink.out.push(1);
        }
        let bytes = sink.scratch.0.get(piece.bytes - first.bytes..end.0);
        sink.out.extend_from_slice(bytes.unwrap_or_default());
        let targets = sink.scratch.1.get(piece.targets - first.targets..end.1);
        sink.targets.extend_from_slice(targets.unwrap_or_default());
        if pieces.peek().is_some_and(|(piece, _)| piece.place == place) {
            return Err(Problem::DuplicateField(field.name.text.to_owned()).into());
        }
    }
    Ok(())
}

/// Writes that fields are absent.
pub(super) fn absent(sink: &mut Sink<'_>, fields: &[FieldNode<'_>]) -> Result<(), Fault> {
    for field in fields {
        if field.required {
            return Err(Fault::MISS);
        }
        sink.out.push(0);
    }
    Ok(())
}
