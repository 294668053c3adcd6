//! A state in pieces, in which bytes come and go without moving all that is behind them.

use crate::delta::apply;
use crate::delta::script::{Op, View};

/// Bytes of a piece. What comes or goes moves half of that on average, about as much as a step costs anyway.
const PIECE: usize = 1 << 14;
/// A piece of so many bytes becomes two.
const PIECE_MAX: usize = PIECE * 2;

#[derive(Debug)]
pub(super) struct Rope {
    pieces: Vec<Vec<u8>>,
    len: usize,
}

/// A place: in that piece, or at the end of all.
#[derive(Clone, Copy)]
struct Place {
    piece: usize,
    offset: usize,
}

impl Rope {
    pub(super) fn new(state: &[u8]) -> Self {
        Self { pieces: state.chunks(PIECE).map(<[u8]>::to_vec).collect(), len: state.len() }
    }

    /// Returns the state in one piece; the length has room.
    pub(super) fn write_to(&self, out: &mut Vec<u8>) {
        self.pieces.iter().for_each(|piece| out.extend_from_slice(piece));
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Does the steps, all of which go forward and stay inside.
    pub(super) fn edit(&mut self, script: View<'_, impl Iterator<Item = Op>>) {
        let mut place = Place { piece: 0, offset: 0 };
        let mut literals = script.literals;
        for op in script.ops {
            let Some((inserted, rest)) = literals.split_at_checked(op.insert) else { break };
            literals = rest;
            if op.shift == 0
                && let Some(replaced) = self.within(place, op)
            {
                apply::copy(replaced, inserted);
                place.offset += op.copy + op.insert;
                continue;
            }
            place = self.skip(place, op.copy);
            let removed = op.insert.saturating_add_signed(op.shift);
            let (over, added) = inserted.split_at_checked(removed).unwrap_or((inserted, &[]));
            let left;
            (place, left) = self.replace(place, over);
            // Behind the end nothing is replaced.
            place = self.insert(place, left);
            place = self.insert(place, added);
            self.remove(place, removed - over.len());
        }
        self.truncate(script.target_len);
    }

    /// What a step replaces, if it doesn't leave the piece.
    #[inline]
    fn within(&mut self, place: Place, op: Op) -> Option<&mut [u8]> {
        let start = place.offset.checked_add(op.copy)?;
        self.pieces.get_mut(place.piece)?.get_mut(start..start.checked_add(op.insert)?)
    }

    fn skip(&self, mut place: Place, mut len: usize) -> Place {
        while let Some(piece) = self.pieces.get(place.piece) {
            let left = piece.len() - place.offset;
            if len < left {
                place.offset += len;
                break;
            }
            len -= left;
            place = Place { piece: place.piece + 1, offset: 0 };
        }
        place
    }

    /// Writes over what is there; returns what goes beyond the end.
    fn replace<'a>(&mut self, mut place: Place, mut bytes: &'a [u8]) -> (Place, &'a [u8]) {
        while !bytes.is_empty()
            && let Some(piece) = self.pieces.get_mut(place.piece)
        {
            let room = piece.get_mut(place.offset..).unwrap_or_default();
            let (now, later) = bytes.split_at_checked(room.len()).unwrap_or((bytes, &[]));
            if let Some(room) = room.get_mut(..now.len()) {
                room.copy_from_slice(now);
            }
            bytes = later;
            place.offset += now.len();
            if place.offset == piece.len() {
                place = Place { piece: place.piece + 1, offset: 0 };
            }
        }
        (place, bytes)
    }

    /// Puts bytes in front of a place; returns the place behind them.
    fn insert(&mut self, place: Place, bytes: &[u8]) -> Place {
        if bytes.is_empty() {
            return place;
        }
        self.len += bytes.len();
        if bytes.len() > PIECE || place.piece >= self.pieces.len() {
            return self.insert_pieces(place, bytes);
        }
        let Some(piece) = self.pieces.get_mut(place.piece) else { return place };
        let end = place.offset + bytes.len();
        piece.splice(place.offset..place.offset, bytes.iter().copied());
        if piece.len() < PIECE_MAX {
            return Place { offset: end, ..place };
        }
        let half = piece.len() / 2;
        let tail = piece.split_off(half);
        self.pieces.insert(place.piece + 1, tail);
        if end < half {
            Place { offset: end, ..place }
        } else {
            Place { piece: place.piece + 1, offset: end - half }
        }
    }

    fn insert_pieces(&mut self, place: Place, bytes: &[u8]) -> Place {
        let tail = self.pieces.get_mut(place.piece).map(|piece| piece.split_off(place.offset));
        let at = if tail.is_some() { place.piece + 1 } else { self.pieces.len() };
        let count = bytes.len().div_ceil(PIECE);
        self.pieces.splice(at..at, bytes.chunks(PIECE).map(<[u8]>::to_vec).chain(tail));
        Place { piece: at + count, offset: 0 }
    }

    /// Takes away what is at and behind a place, up to the end.
    fn remove(&mut self, place: Place, mut len: usize) {
        let Place { mut piece, mut offset } = place;
        while len > 0
            && let Some(bytes) = self.pieces.get_mut(piece)
        {
            let gone = len.min(bytes.len() - offset);
            if gone == bytes.len() {
                // Empty pieces are swept together at the end of all steps.
                bytes.clear();
            } else {
                bytes.drain(offset..offset + gone);
            }
            self.len -= gone;
            len -= gone;
            (piece, offset) = (piece + 1, 0);
        }
    }

    fn truncate(&mut self, len: usize) {
        if self.len > len {
            let end = self.skip(Place { piece: 0, offset: 0 }, len);
            self.remove(end, self.len - len);
        }
        self.pieces.retain(|piece| !piece.is_empty());
    }
}
