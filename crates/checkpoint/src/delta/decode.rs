use std::borrow::Cow;

use keepstone_format::wire::Input;
use keepstone_format::{Codec, Limits};

use crate::delta::encode::{BODY_SLACK, RUN_MASK, STAGE_PREFIXED, STAGE_SHIFT};
use crate::delta::prefix::{self, Frame};
use crate::delta::script::{Op, Script, View};
use crate::delta::token::{Cursor, Tokens};
use crate::delta::{Body, Delta, DeltaKind, Error, Stats, apply, pack};

const TARGET: &str = "bytes of a state";
const SOURCE: &str = "bytes of a parent's state";

/// A delta in its bytes, which have been checked.
///
/// It takes no memory of its own, unless its steps are packed.
#[derive(Debug, Clone)]
pub struct DeltaRef<'a> {
    body: Encoded<'a>,
}

#[derive(Debug, Clone)]
enum Encoded<'a> {
    Script(Steps<'a>),
    Prefixed(Frame<&'a [u8]>),
}

/// The count, the tokens and the literals, in one piece.
#[derive(Debug, Clone)]
struct Steps<'a> {
    bytes: Cow<'a, [u8]>,
    tokens_at: usize,
    literals_at: usize,
    count: usize,
    run_len: usize,
    target_len: usize,
    source_end: usize,
    kind: DeltaKind,
}

impl<'a> DeltaRef<'a> {
    /// Checks the bytes of a delta, of which there are no others.
    ///
    /// Of the limits, [`Limits::decoded_max`] bounds the target and the source.
    ///
    /// # Errors
    ///
    /// [`Error::Field`] when the bytes are no delta; [`Error::Flags`], [`Error::Limit`],
    /// [`Error::CodecNotBuilt`], [`Error::Codec`] or [`Error::OutOfMemory`].
    pub fn decode(bytes: &'a [u8], limits: Limits) -> Result<Self, Error> {
        let mut input = Input::new("delta", bytes);
        let flags = input.u8().map_err(Error::field(0))?;
        let run_len = usize::from(flags & RUN_MASK);
        let target_len = state_len(&mut input, TARGET, limits)?;
        let stage = flags >> STAGE_SHIFT;
        let body = match (stage, run_len) {
            (0, _) => {
                let at = input.offset();
                Encoded::Script(Steps::check(input.take_rest().into(), at, run_len, target_len)?)
            }
            (1 | 2, _) => {
                let codec = if stage == 1 { Codec::Lz4 } else { Codec::Zstd };
                let bytes = unpack(&mut input, codec, target_len)?;
                Encoded::Script(Steps::check(bytes.into(), 0, run_len, target_len)?)
            }
            (STAGE_PREFIXED, 0) => {
                let source_len = state_len(&mut input, SOURCE, limits)?;
                Encoded::Prefixed(Frame { target_len, source_len, bytes: input.take_rest() })
            }
            _ => return Err(Error::Flags { found: flags }),
        };
        let delta = Self { body };
        let needs = match &delta.body {
            Encoded::Script(steps) => steps.source_end,
            Encoded::Prefixed(_) => 0,
        };
        check_limit(needs as u64, SOURCE, limits)?;
        Ok(delta)
    }

    /// Returns the target.
    ///
    /// # Errors
    ///
    /// As those of [`Delta::apply`].
    pub fn apply(&self, source: &[u8]) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        self.apply_into(source, &mut out)?;
        Ok(out)
    }

    /// Makes `out` the target, in the memory that it has.
    ///
    /// # Errors
    ///
    /// As those of [`Delta::apply`]. What `out` holds then says nothing.
    pub fn apply_into(&self, source: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        match &self.body {
            Encoded::Script(steps) => apply::script(steps.view(), source, out),
            Encoded::Prefixed(frame) => prefix::decompress(frame, source, out),
        }
    }

    /// Returns the same delta in memory of its own.
    pub fn to_delta(&self) -> Delta {
        let body = match &self.body {
            Encoded::Script(steps) => Body::Script(steps.to_script()),
            Encoded::Prefixed(frame) => Body::Prefixed(Frame {
                target_len: frame.target_len,
                source_len: frame.source_len,
                bytes: frame.bytes.to_vec(),
            }),
        };
        Delta { body }
    }

    /// Returns how it says what has changed.
    pub fn kind(&self) -> DeltaKind {
        match &self.body {
            Encoded::Script(steps) => steps.kind,
            Encoded::Prefixed(_) => DeltaKind::Prefixed,
        }
    }

    /// Returns the length of the target.
    pub fn target_len(&self) -> usize {
        match &self.body {
            Encoded::Script(steps) => steps.target_len,
            Encoded::Prefixed(frame) => frame.target_len,
        }
    }

    /// Returns what it is made of.
    pub fn stats(&self) -> Stats {
        match &self.body {
            Encoded::Script(steps) => {
                Stats { ops: steps.count, literal_bytes: steps.bytes.len() - steps.literals_at }
            }
            Encoded::Prefixed(frame) => Stats { ops: 0, literal_bytes: frame.bytes.len() },
        }
    }

    /// Checks that it can be applied to a state of that length.
    pub(super) fn check_source(&self, source_len: usize) -> Result<(), Error> {
        let (expected, is_exact) = match &self.body {
            Encoded::Script(steps) => (steps.source_end, false),
            Encoded::Prefixed(frame) => (frame.source_len, true),
        };
        if source_len < expected || is_exact && source_len != expected {
            let (expected, found) = (expected as u64, source_len as u64);
            return Err(Error::Source { expected, is_exact, found });
        }
        Ok(())
    }

    /// Its steps, if it has some.
    pub(super) fn view(&self) -> Option<View<'_, Tokens<'_>>> {
        match &self.body {
            Encoded::Script(steps) => Some(steps.view()),
            Encoded::Prefixed(_) => None,
        }
    }

    /// The same steps in memory of their own.
    pub(super) fn to_script(&self) -> Option<Script> {
        match &self.body {
            Encoded::Script(steps) => Some(steps.to_script()),
            Encoded::Prefixed(_) => None,
        }
    }
}

/// Takes the length of a state.
fn state_len(input: &mut Input<'_>, what: &'static str, limits: Limits) -> Result<usize, Error> {
    let len = input.varint_u64().map_err(Error::field(input.offset()))?;
    check_limit(len, what, limits)
}

/// Returns a length that is allowed and fits memory.
fn check_limit(len: u64, what: &'static str, limits: Limits) -> Result<usize, Error> {
    let allowed = limits.decoded_max.min(isize::MAX as u64);
    let is_allowed = |len: &usize| *len as u64 <= allowed;
    let len_in_memory = usize::try_from(len).ok().filter(is_allowed);
    len_in_memory.ok_or(Error::Limit { what, needs: len, allowed })
}

fn unpack(input: &mut Input<'_>, codec: Codec, target_len: usize) -> Result<Vec<u8>, Error> {
    let start = input.clone();
    let at = start.offset();
    let len = input.varint_u64().map_err(Error::field(at))?;
    let packed = input.take_rest();
    if len <= packed.len() as u64 || len > (target_len as u64).saturating_add(BODY_SLACK as u64) {
        let rule = "packed steps are longer than the target, or not shorter than unpacked";
        return Err(Error::Field { offset: at, source: start.invalid(rule) });
    }
    let len = usize::try_from(len).map_err(|_| Error::OutOfMemory { bytes: len })?;
    pack::unpack(codec, packed, len)
}

impl<'a> Steps<'a> {
    /// Goes through all steps. `at` is where the bytes stand.
    fn check(bytes: Cow<'a, [u8]>, at: u64, run_len: usize, target_len: usize) -> Result<Self, Error> {
        let mut input = Input::at("delta", &bytes, at);
        let count = input.count(1).map_err(Error::field(at))?;
        let tokens_at = bytes.len() - input.remaining();
        let mut tally = Tally { place: 0, source_end: 0, left: target_len, literals: 0 };
        let (mut is_shifted, mut is_moved) = (false, false);
        let mut cursor = Cursor::new(&input);
        for number in 0..count {
            let before = cursor.clone();
            let op = cursor.take(run_len).map_err(|source| field(&before.input(), source))?;
            let is_idle = op.copy == 0 && op.insert == 0 && number > 0;
            if is_idle || tally.add(op).is_none() {
                let start = before.input();
                let rule = "a step makes nothing, or more than the target, or leaves the source";
                return Err(field(&start, start.invalid(rule)));
            }
            is_shifted |= op.shift != 0;
            is_moved |= !op.is_edit();
        }
        let mut input = cursor.input();
        let source_end =
            tally.finish().ok_or_else(|| field(&input, input.invalid("the source has an end")))?;
        let literals_at = bytes.len() - input.remaining();
        let literals = input.clone();
        input.take(tally.literals).map_err(|source| field(&literals, source))?;
        let end = input.clone();
        input.finish().map_err(|source| field(&end, source))?;
        let kind = match (is_shifted, is_moved) {
            (_, true) => DeltaKind::Moved,
            (true, false) => DeltaKind::Shifted,
            (false, false) => DeltaKind::Aligned,
        };
        Ok(Self { bytes, tokens_at, literals_at, count, run_len, target_len, source_end, kind })
    }

    fn view(&self) -> View<'_, Tokens<'_>> {
        let tokens = self.bytes.get(self.tokens_at..self.literals_at).unwrap_or_default();
        View {
            ops: Tokens::new(tokens, self.count, self.run_len),
            literals: self.bytes.get(self.literals_at..).unwrap_or_default(),
            target_len: self.target_len,
            source_end: self.source_end,
        }
    }

    fn to_script(&self) -> Script {
        let View { ops, literals, target_len, source_end } = self.view();
        Script::new(ops.collect(), literals.to_vec(), target_len, source_end)
    }
}

fn field(start: &Input<'_>, source: keepstone_format::Error) -> Error {
    Error::Field { offset: start.offset(), source }
}

/// What steps come to.
struct Tally {
    place: usize,
    source_end: usize,
    left: usize,
    literals: usize,
}

impl Tally {
    #[inline]
    fn add(&mut self, op: Op) -> Option<()> {
        self.left = self.left.checked_sub(op.copy)?.checked_sub(op.insert)?;
        self.copy(op.copy)?;
        // It stays below the length of the target.
        self.literals += op.insert;
        // Places stay small enough that sums of one and any length of bytes in memory don't overflow.
        self.place = op.end(self.place).filter(|place| isize::try_from(*place).is_ok())?;
        Some(())
    }

    fn copy(&mut self, len: usize) -> Option<()> {
        if len > 0 {
            self.source_end = self.source_end.max(self.place.checked_add(len)?);
        }
        Some(())
    }

    /// The bytes that the source has at least.
    fn finish(&mut self) -> Option<usize> {
        self.copy(self.left)?;
        Some(self.source_end)
    }
}
