//! How a state is kept.

use std::sync::Arc;

use keepstone_format::Codec;

use super::heads::{Chain, Head};
use crate::{
    Error,
    delta::{Delta, DeltaKind, Options},
    form::{Body, Form, Place},
    options::StoreOptions,
    whole,
};

/// Differences that can only be undone by decompressing, one behind the other.
const PREFIXED_MAX: u32 = 4;

/// Differences of fewer bytes are not packed.
const PACKED_MIN: usize = 512;

/// Decides how a state is kept that goes on from a head, and whether it is the same.
pub(super) fn body(
    head: &Head,
    state: &[u8],
    is_same: bool,
    options: &StoreOptions,
) -> Result<(Body, Chain), Error> {
    let Some((base, before)) = head.at.zip(head.state.as_ref()) else { return whole(state, options) };
    if is_same {
        let body = Body { form: Form::Same(base), place: Place::Journal(Arc::default()) };
        return Ok((body, head.chain));
    }
    let allowed = head
        .chain
        .keyframe
        .saturating_mul(options.chain_factor_for(state.len()).into())
        .saturating_sub(head.chain.deltas);
    let allowed = usize::try_from(allowed).unwrap_or(usize::MAX);
    if allowed == 0 {
        return whole(state, options);
    }
    let wanted = Options::new().bytes_max(allowed).prefix(head.chain.prefixed < PREFIXED_MAX);
    let Some(delta) = Delta::between(before, state, &wanted) else { return whole(state, options) };
    let mut bytes = Vec::new();
    // Packing a short one takes longer than the rest of the checkpoint, and saves little.
    let codec = if delta.plain_len() < PACKED_MIN { Codec::None } else { options.compression.codec() };
    delta.encode_into(codec, &mut bytes).map_err(|source| Error::Unencodable { source: Box::new(source) })?;
    if bytes.len() > state.len() / 2 {
        // Nearly as long as the state is, compressed.
        let (body, chain) = whole(state, options)?;
        if body.place.len() <= bytes.len() as u64 {
            return Ok((body, chain));
        }
    }
    let is_prefixed = delta.kind() == DeltaKind::Prefixed;
    let chain = Chain {
        keyframe: head.chain.keyframe,
        deltas: head.chain.deltas.saturating_add(bytes.len() as u64),
        prefixed: if is_prefixed { head.chain.prefixed + 1 } else { head.chain.prefixed },
    };
    Ok((Body { form: Form::Delta(base), place: Place::Journal(bytes.into()) }, chain))
}

/// Keeps a state whole.
pub(super) fn whole(state: &[u8], options: &StoreOptions) -> Result<(Body, Chain), Error> {
    let (codec, bytes) = whole::encode(state, options.compression.codec())
        .map_err(|source| Error::format("a state", source))?;
    let chain = Chain { keyframe: bytes.len() as u64, deltas: 0, prefixed: 0 };
    Ok((Body { form: Form::Full(codec), place: Place::Journal(bytes.into()) }, chain))
}
