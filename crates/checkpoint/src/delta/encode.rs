//! Deltas to bytes.

use keepstone_format::Codec;
use keepstone_format::wire::put_varint;

use crate::delta::PACK_GAIN;
use crate::delta::pack;
use crate::delta::prefix::Frame;
use crate::delta::script::Script;
use crate::delta::token::{self, Form, RUN_LEN_MAX, varint_len};

/// Where the stage stands in the flags, over the usual run.
pub(super) const STAGE_SHIFT: u32 = 5;
pub(super) const RUN_MASK: u8 = 0x1f;
pub(super) const STAGE_PREFIXED: u8 = 3;
const _: () = assert!(RUN_LEN_MAX == RUN_MASK as usize);

/// Packed steps and literals take at most so many bytes more than the target does: what they unpack to is bounded by that.
pub(super) const BODY_SLACK: usize = 64;
/// Shorter ones aren't packed: the time is lost more often than a byte is won.
const PACKED_MIN: usize = 128;

/// Returns how many bytes a script takes without a codec.
pub(super) fn plain_len(script: &Script) -> usize {
    1 + varint_len(script.target_len as u64)
        + varint_len(script.ops.len() as u64)
        + script.form.tokens_len
        + script.literals.len()
}

pub(super) fn script(script: &Script, codec: Codec, out: &mut Vec<u8>) {
    let Form { run_len, tokens_len } = script.form;
    out.reserve(24 + tokens_len + script.literals.len());
    let flags_at = out.len();
    out.push(run_len);
    put_varint(out, script.target_len as u64);
    let body_at = out.len();
    put_varint(out, script.ops.len() as u64);
    script.ops.iter().for_each(|&op| token::put(out, op, run_len.into()));
    out.extend_from_slice(&script.literals);

    let body = out.get(body_at..).unwrap_or_default();
    if codec == Codec::None || body.len() < PACKED_MIN || body.len() > script.target_len + BODY_SLACK {
        return;
    }
    let len_max = body.len() - body.len() / PACK_GAIN;
    let Some(packed) = pack::pack(codec, body, len_max) else { return };
    let body_len = body.len() as u64;
    out.truncate(body_at);
    put_varint(out, body_len);
    out.extend_from_slice(&packed);
    if let Some(flags) = out.get_mut(flags_at) {
        *flags |= codec.id() << STAGE_SHIFT;
    }
}

pub(super) fn prefixed(frame: &Frame<Vec<u8>>, out: &mut Vec<u8>) {
    out.push(STAGE_PREFIXED << STAGE_SHIFT);
    put_varint(out, frame.target_len as u64);
    put_varint(out, frame.source_len as u64);
    out.extend_from_slice(&frame.bytes);
}

pub(super) fn prefixed_len(frame: &Frame<Vec<u8>>) -> usize {
    1 + varint_len(frame.target_len as u64) + varint_len(frame.source_len as u64) + frame.bytes.len()
}
