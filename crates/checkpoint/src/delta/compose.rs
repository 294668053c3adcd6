use crate::delta::script::{Builder, Op, Script};
use crate::delta::{Body, Delta, Error};

/// Returns the delta that does at once what two do one after the other: from A to B and from B to C makes from
/// A to C, without B. It takes time for its steps and literals, and the logarithm of the steps where bytes are
/// moved.
///
/// # Errors
///
/// [`Error::Source`] when the second needs a longer source than the target of the first is;
/// [`Error::Uncomposable`] when one is a zstd frame.
pub fn compose(first: &Delta, second: &Delta) -> Result<Delta, Error> {
    match (&first.body, &second.body) {
        (Body::Script(first), Body::Script(second)) => scripts(first, second).map(Delta::from_script),
        _ => Err(Error::Uncomposable),
    }
}

pub(super) fn scripts(first: &Script, second: &Script) -> Result<Script, Error> {
    let short = || Error::short_source(second.source_end, first.target_len);
    if first.target_len < second.source_end {
        return Err(short());
    }
    let between = Map::new(first);
    let mut builder = Builder::default();
    let (mut at, mut literals, mut cursor, mut made) = (0, second.literals.as_slice(), 0, 0);
    for &op in &second.ops {
        let (inserted, rest) = literals.split_at_checked(op.insert).ok_or_else(short)?;
        between.copy(at, op.copy, &mut cursor, &mut builder);
        builder.insert(inserted);
        made += op.copy + op.insert;
        literals = rest;
        at = op.end(at).ok_or_else(short)?;
    }
    between.copy(at, second.target_len.saturating_sub(made), &mut cursor, &mut builder);
    Ok(builder.finish())
}

/// Where each byte of a target comes from.
struct Map<'a> {
    /// In the order of the target, without gaps.
    spans: Vec<Span>,
    literals: &'a [u8],
}

#[derive(Clone, Copy)]
struct Span {
    target: usize,
    len: usize,
    /// A place in the source or in the literals.
    from: usize,
    is_literal: bool,
}

impl<'a> Map<'a> {
    fn new(script: &'a Script) -> Self {
        let mut spans = Vec::with_capacity(script.ops.len() * 2 + 1);
        let (mut target, mut at, mut literal) = (0, 0_usize, 0);
        for &op in &script.ops {
            push(&mut spans, Span { target, len: op.copy, from: at, is_literal: false });
            target += op.copy;
            push(&mut spans, Span { target, len: op.insert, from: literal, is_literal: true });
            target += op.insert;
            literal += op.insert;
            at = Op::end(op, at).unwrap_or(usize::MAX);
        }
        push(
            &mut spans,
            Span { target, len: script.target_len.saturating_sub(target), from: at, is_literal: false },
        );
        Self { spans, literals: &script.literals }
    }

    /// Adds `len` bytes of the target from `at` on. The cursor is at the span where the last call ended.
    fn copy(&self, mut at: usize, mut len: usize, cursor: &mut usize, builder: &mut Builder) {
        if len > 0 && !self.spans.get(*cursor).is_some_and(|span| span.holds(at)) {
            *cursor += 1;
            if !self.spans.get(*cursor).is_some_and(|span| span.holds(at)) {
                *cursor = self.spans.partition_point(|span| span.target + span.len <= at);
            }
        }
        while len > 0
            && let Some(span) = self.spans.get(*cursor)
        {
            let skipped = at - span.target;
            let taken = len.min(span.len - skipped);
            let from = span.from + skipped;
            if span.is_literal {
                builder.insert(self.literals.get(from..from + taken).unwrap_or_default());
            } else {
                builder.copy(from, taken);
            }
            (at, len) = (at + taken, len - taken);
            if skipped + taken == span.len {
                *cursor += 1;
            }
        }
    }
}

impl Span {
    fn holds(&self, at: usize) -> bool {
        at.checked_sub(self.target).is_some_and(|skipped| skipped < self.len)
    }
}

fn push(spans: &mut Vec<Span>, span: Span) {
    if span.len > 0 {
        spans.push(span);
    }
}
