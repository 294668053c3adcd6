//! Steps as bytes.

use keepstone_format::wire::{Input, put_varint};

use crate::delta::script::Op;

/// The longest run of literals that a delta can name as its usual one.
pub(super) const RUN_LEN_MAX: usize = 31;

/// First bytes below it are the length of the copy.
const NEAR_END: u8 = 160;
/// Those from [`NEAR_END`] on to here are its upper byte, over what fits one byte.
const FAR_END: u8 = 208;
/// Those from [`FAR_END`] on to here are the upper byte of a copy in front of a run of another length.
const SIZED_END: u8 = 252;
/// A longer copy in front of a usual run.
const LONG: u8 = SIZED_END;
/// A longer copy in front of a run of another length.
const LONG_SIZED: u8 = LONG + 1;
/// A step with a shift.
const SHIFT: u8 = LONG_SIZED + 1;

const NEAR: usize = NEAR_END as usize;
const FAR: usize = NEAR + ((FAR_END - NEAR_END) as usize) * 256;
const SIZED: usize = ((SIZED_END - FAR_END) as usize) * 256;

/// How steps are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    /// The usual run of literals; 0 where each step says its own.
    pub(super) run_len: u8,
    /// Bytes that the steps take.
    pub(super) tokens_len: usize,
}

impl Form {
    /// The shorter one of two: with the most frequent run as the usual one, and with none.
    pub(super) fn of(ops: &[Op]) -> Self {
        let mut counts = [0_u32; RUN_LEN_MAX + 1];
        for op in ops.iter().filter(|op| op.shift == 0) {
            if let Some(count) = counts.get_mut(op.insert) {
                *count = count.saturating_add(1);
            }
        }
        let counted = (1..).zip(counts.iter().skip(1));
        let (frequent, count) = counted
            .fold((0, 0), |most, (run_len, &count)| if count > most.1 { (run_len, count) } else { most });
        let form = |run_len: u8| {
            let tokens_len = ops.iter().map(|&op| len(op, run_len.into())).sum();
            Self { run_len, tokens_len }
        };
        // Where all steps have it nothing is shorter.
        if count as usize == ops.len() && count > 0 {
            return form(frequent);
        }
        let (given, usual) = (form(0), form(frequent));
        if usual.tokens_len < given.tokens_len { usual } else { given }
    }
}

/// Returns how many bytes a step takes, without its literals.
#[inline]
pub(super) fn len(op: Op, run_len: usize) -> usize {
    let varint = |value: usize| varint_len(value as u64);
    if op.shift != 0 {
        return 1 + varint(op.copy) + varint(op.insert) + varint_len(zigzag(op.shift));
    }
    let is_usual = op.insert == run_len;
    let copy = match op.copy {
        copy if copy < SIZED && run_len != 0 && !is_usual => 2,
        copy if copy < NEAR && (is_usual || run_len == 0) => 1,
        copy if copy < FAR && (is_usual || run_len == 0) => 2,
        copy => 1 + varint(copy),
    };
    copy + if is_usual { 0 } else { varint(op.insert) }
}

/// Appends a step.
pub(super) fn put(out: &mut Vec<u8>, op: Op, run_len: usize) {
    if op.shift != 0 {
        out.push(SHIFT);
        put_varint(out, op.copy as u64);
        put_varint(out, op.insert as u64);
        put_varint(out, zigzag(op.shift));
        return;
    }
    let is_usual = op.insert == run_len;
    if is_usual || run_len == 0 {
        match op.copy {
            copy if copy < NEAR => out.push(low(copy)),
            copy if copy < FAR => put_two(out, NEAR_END, copy - NEAR),
            copy => {
                out.push(LONG);
                put_varint(out, copy as u64);
            }
        }
    } else if op.copy < SIZED {
        put_two(out, FAR_END, op.copy);
    } else {
        out.push(LONG_SIZED);
        put_varint(out, op.copy as u64);
    }
    if !is_usual {
        put_varint(out, op.insert as u64);
    }
}

fn put_two(out: &mut Vec<u8>, first: u8, value: usize) {
    out.extend_from_slice(&[first + low(value >> 8), low(value)]);
}

fn low(value: usize) -> u8 {
    (value as u64).to_le_bytes()[0]
}

/// Bytes that steps are taken from.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    /// Where the bytes end, in something larger.
    end: u64,
}

impl<'a> Cursor<'a> {
    /// Starts where `input` is.
    pub(super) fn new(input: &Input<'a>) -> Self {
        let rest = input.clone().take_rest();
        Self { rest, end: input.offset() + rest.len() as u64 }
    }

    /// The bytes that are left.
    pub(super) fn input(&self) -> Input<'a> {
        Input::at("delta", self.rest, self.end - self.rest.len() as u64)
    }

    /// The bytes that are left, as such.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes a step.
    #[inline]
    pub(super) fn take(&mut self, run_len: usize) -> Result<Op, keepstone_format::Error> {
        // Most steps, without a branch that can't be foreseen.
        if run_len != 0
            && let Some(&[first, second]) = self.rest.first_chunk()
            && first < FAR_END
        {
            let is_far = first >= NEAR_END;
            let far = usize::from(first.saturating_sub(NEAR_END)) * 256 + NEAR + usize::from(second);
            let copy = if is_far { far } else { usize::from(first) };
            self.rest = self.rest.get(1 + usize::from(is_far)..).unwrap_or_default();
            return Ok(Op { copy, insert: run_len, shift: 0 });
        }
        self.take_other(run_len)
    }

    #[inline(never)]
    fn take_other(&mut self, run_len: usize) -> Result<Op, keepstone_format::Error> {
        let mut input = self.input();
        let op = take(&mut input, run_len)?;
        self.rest = input.take_rest();
        Ok(op)
    }
}

fn take(input: &mut Input<'_>, run_len: usize) -> Result<Op, keepstone_format::Error> {
    let start = input.clone();
    let first = input.u8()?;
    if first == SHIFT {
        return take_shift(input, &start);
    }
    let mut is_usual = true;
    let copy = match first {
        0..NEAR_END => usize::from(first),
        NEAR_END..FAR_END => NEAR + usize::from(first - NEAR_END) * 256 + usize::from(input.u8()?),
        LONG => length(input)?,
        _ if run_len == 0 || first > LONG_SIZED => {
            return Err(start.invalid("a step begins with a byte that none begins with"));
        }
        LONG_SIZED => {
            is_usual = false;
            length(input)?
        }
        FAR_END..=u8::MAX => {
            is_usual = false;
            usize::from(first - FAR_END) * 256 + usize::from(input.u8()?)
        }
    };
    let insert = if is_usual && run_len != 0 { run_len } else { length(input)? };
    if insert == 0 {
        return Err(start.invalid("a step neither inserts nor shifts"));
    }
    Ok(Op { copy, insert, shift: 0 })
}

#[cold]
fn take_shift(input: &mut Input<'_>, start: &Input<'_>) -> Result<Op, keepstone_format::Error> {
    let (copy, insert) = (length(input)?, length(input)?);
    let zigzag = input.varint_u64()?;
    let shift = (zigzag >> 1).cast_signed() ^ -((zigzag & 1).cast_signed());
    match isize::try_from(shift) {
        Ok(0) => Err(start.invalid("a shift is 0")),
        Ok(shift) => Ok(Op { copy, insert, shift }),
        Err(_) => Err(start.invalid("a shift is longer than memory")),
    }
}

#[inline]
fn length(input: &mut Input<'_>) -> Result<usize, keepstone_format::Error> {
    let start = input.clone();
    usize::try_from(input.varint_u64()?).map_err(|_| start.invalid("a length is longer than memory"))
}

fn zigzag(shift: isize) -> u64 {
    let shift = shift as i64;
    ((shift << 1) ^ (shift >> 63)).cast_unsigned()
}

pub(super) fn varint_len(value: u64) -> usize {
    (u64::BITS - (value | 1).leading_zeros()).div_ceil(7) as usize
}

/// Steps that have been checked.
#[derive(Debug, Clone)]
pub(super) struct Tokens<'a> {
    cursor: Cursor<'a>,
    run_len: usize,
    left: usize,
}

impl<'a> Tokens<'a> {
    /// The bytes begin with `count` steps that have been checked.
    pub(super) fn new(bytes: &'a [u8], count: usize, run_len: usize) -> Self {
        Self { cursor: Cursor::new(&Input::new("delta", bytes)), run_len, left: count }
    }
}

impl Iterator for Tokens<'_> {
    type Item = Op;

    #[inline]
    fn next(&mut self) -> Option<Op> {
        self.left = self.left.checked_sub(1)?;
        self.cursor.take(self.run_len).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(op: Op, run_len: usize, expected_len: usize) {
        let mut bytes = Vec::new();
        put(&mut bytes, op, run_len);
        assert_eq!((bytes.len(), len(op, run_len)), (expected_len, expected_len), "{op:?}");
        let mut cursor = Cursor::new(&Input::new("test", &bytes));
        assert_eq!(cursor.take(run_len).unwrap(), op);
        assert!(cursor.rest.is_empty());
        assert_eq!(take(&mut Input::new("test", &bytes), run_len).unwrap(), op);
    }

    #[test]
    fn steps_take_the_bytes_that_their_form_says() {
        let op = |copy, insert| Op { copy, insert, shift: 0 };
        for (copy, usual, other) in [
            (0, 1, 2),
            (159, 1, 2),
            (160, 2, 2),
            (11_263, 2, 2),
            (11_264, 2, 3),
            (12_447, 2, 3),
            (12_448, 3, 3),
            (1 << 40, 7, 7),
        ] {
            check(op(copy, 4), 4, usual);
            check(op(copy, 4), 0, usual + 1);
            check(op(copy, 5), 4, other + 1);
            check(op(copy, 500), 31, other + 2);
        }
        check(Op { copy: 5, insert: 40, shift: -40 }, 4, 4);
        check(Op { copy: 200, insert: 0, shift: 64 }, 0, 6);
        check(Op { copy: 0, insert: 0, shift: isize::MIN }, 0, 13);
    }

    #[test]
    fn bytes_that_begin_no_step_are_refused() {
        let refused = |bytes: &[u8], run_len| Cursor::new(&Input::new("test", bytes)).take(run_len).is_err();
        assert!(refused(&[255, 1, 1, 1], 4) && refused(&[255, 1, 1, 1], 0));
        assert!(refused(&[208, 1, 1], 0) && !refused(&[208, 1, 1], 4));
        assert!(refused(&[253, 1, 1], 0) && !refused(&[253, 1, 1], 4));
        assert!(refused(&[208, 1, 0], 4) && refused(&[7, 0], 0));
        assert!(refused(&[254, 1, 1, 0], 4) && !refused(&[254, 1, 1, 1], 4));
        assert!(refused(&[252, 0x80, 0], 4) && refused(&[254, 1, 1], 4) && refused(&[], 4));
    }
}
