//! The steps of a delta, and how they come about.

use std::ops::Range;

use crate::delta::DeltaKind;
use crate::delta::token::Form;

/// One step: so many bytes of the source, then so many literal ones; then the place in the source moves.
///
/// The place goes on behind as many bytes as the step makes, and by `shift` from there: a change that keeps
/// the places has no shift, whatever it replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Op {
    pub(super) copy: usize,
    pub(super) insert: usize,
    pub(super) shift: isize,
}

impl Op {
    /// Whether it goes forward in the source, so that it can be done in place.
    pub(super) fn is_edit(self) -> bool {
        self.insert.checked_add_signed(self.shift).is_some()
    }

    /// The place in the source behind the step.
    pub(super) fn end(self, at: usize) -> Option<usize> {
        at.checked_add(self.copy)?.checked_add(self.insert)?.checked_add_signed(self.shift)
    }
}

/// Steps and their literals, and how they are written shortest. Behind the last one the source goes on to the end of the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Script {
    pub(super) ops: Vec<Op>,
    pub(super) literals: Vec<u8>,
    pub(super) target_len: usize,
    /// The source has at least so many bytes.
    pub(super) source_end: usize,
    pub(super) form: Form,
}

impl Script {
    pub(super) fn new(ops: Vec<Op>, literals: Vec<u8>, target_len: usize, source_end: usize) -> Self {
        let form = Form::of(&ops);
        Self { ops, literals, target_len, source_end, form }
    }

    pub(super) fn kind(&self) -> DeltaKind {
        kind(self.ops.iter().copied())
    }

    /// What of the source is left out, and what stands for it in the target. Where the source goes back, nothing is left out.
    pub(super) fn for_each_change(
        &self,
        source_len: usize,
        mut visit: impl FnMut(Range<usize>, Range<usize>),
    ) {
        let (mut at, mut made) = (0_usize, 0_usize);
        for op in &self.ops {
            let from = at.saturating_add(op.copy);
            made += op.copy;
            at = op.end(at).unwrap_or(from);
            visit(from..from.max(at), made..made + op.insert);
            made += op.insert;
        }
        // Behind the last step the source goes on to the end of the target.
        at = at.saturating_add(self.target_len.saturating_sub(made));
        visit(at..at.max(source_len), self.target_len..self.target_len);
    }

    pub(super) fn view(&self) -> View<'_, impl Iterator<Item = Op>> {
        View {
            ops: self.ops.iter().copied(),
            literals: &self.literals,
            target_len: self.target_len,
            source_end: self.source_end,
        }
    }
}

/// A script that stands anywhere.
pub(super) struct View<'a, I> {
    pub(super) ops: I,
    pub(super) literals: &'a [u8],
    pub(super) target_len: usize,
    pub(super) source_end: usize,
}

/// Returns what kind the steps make a delta.
pub(super) fn kind(mut ops: impl Iterator<Item = Op>) -> DeltaKind {
    let mut kind = DeltaKind::Aligned;
    let is_moved = ops.any(|op| {
        if op.shift != 0 {
            kind = DeltaKind::Shifted;
        }
        !op.is_edit()
    });
    if is_moved { DeltaKind::Moved } else { kind }
}

/// Puts a script together, piece by piece in the order of the target.
#[derive(Debug)]
pub(super) struct Builder {
    ops: Vec<Op>,
    literals: Vec<u8>,
    target_len: usize,
    source_end: usize,
    /// The step that is being made; its shift is known once the next copy is.
    open: Op,
    /// Where the source goes on if nothing shifts.
    at: usize,
}

impl Default for Builder {
    fn default() -> Self {
        // Room for what a small state mostly needs: growing to it takes longer than finding the changes.
        let (ops, literals) = (Vec::with_capacity(16), Vec::with_capacity(64));
        Self { ops, literals, target_len: 0, source_end: 0, open: Op::default(), at: 0 }
    }
}

impl Builder {
    /// Adds `len` bytes of the source from `at` on.
    #[inline]
    pub(super) fn copy(&mut self, at: usize, len: usize) {
        if len == 0 {
            return;
        }
        if at != self.at || self.open.insert > 0 {
            // Both are lengths of slices, or a few of them: they fit.
            let shift = at.wrapping_sub(self.at).cast_signed();
            self.ops.push(Op { shift, ..self.open });
            self.open = Op::default();
        }
        self.open.copy += len;
        self.at = at + len;
        self.target_len += len;
        self.source_end = self.source_end.max(self.at);
    }

    /// Adds bytes that the source doesn't have there.
    #[inline]
    pub(super) fn insert(&mut self, bytes: &[u8]) {
        self.open.insert += bytes.len();
        self.at += bytes.len();
        self.target_len += bytes.len();
        if let [byte] = bytes {
            self.literals.push(*byte);
        } else {
            self.literals.extend_from_slice(bytes);
        }
    }

    /// About how many bytes are written so far.
    #[inline]
    pub(super) fn cost(&self) -> usize {
        self.ops.len() * 2 + self.literals.len()
    }

    pub(super) fn finish(mut self) -> Script {
        if self.open.insert > 0 {
            self.ops.push(self.open);
        }
        Script::new(self.ops, self.literals, self.target_len, self.source_end)
    }
}
