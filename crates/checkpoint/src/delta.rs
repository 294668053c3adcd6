//! What makes one state of another: bytes that are copied from the parent, and bytes that are new.
//!
//! A delta belongs to the child. It is made by [`Delta::between`], written by [`Delta::encode_into`], read by
//! [`DeltaRef::decode`], and turned into the child by [`DeltaRef::apply`] or, many at once, by [`restore()`].
//! Two that follow each other become one by [`compose()`], without the state between them. All of these are
//! functions over bytes.
//!
//! ```
//! use keepstone_checkpoint::delta::{Delta, DeltaRef, Options, restore};
//! use keepstone_format::{Codec, Limits};
//!
//! let mut states = vec![vec![7; 1000]];
//! for at in [100, 500, 900] {
//!     let mut next = states[states.len() - 1].clone();
//!     next[at] = 8;
//!     states.push(next);
//! }
//! let mut chain = Vec::new();
//! for pair in states.windows(2) {
//!     let delta = Delta::between(&pair[0], &pair[1], &Options::new()).expect("one byte has changed");
//!     let mut bytes = Vec::new();
//!     delta.encode_into(Codec::None, &mut bytes)?;
//!     assert!(bytes.len() < 10);
//!     chain.push(bytes);
//! }
//!
//! let limits = Limits::default();
//! let chain = chain.iter().map(|bytes| DeltaRef::decode(bytes, limits)).collect::<Result<Vec<_>, _>>()?;
//! assert_eq!(restore(&states[0], &chain)?, states[3]);
//! # Ok::<(), keepstone_checkpoint::delta::Error>(())
//! ```
//!
//! # How a delta is found
//!
//! States of one length are compared place by place, as fast as memory is read. Where lengths differ, or most
//! places do, what both have in front and behind is cut off, and the rest is matched: blocks of the source are
//! sampled into a table, every place of the target looks there, and a match grows to both sides. That is the
//! way of rsync and Xdelta; copies and inserts as the only steps are those of VCDIFF (RFC 3284). Matching goes
//! through the target once, whatever the bytes, and needs an eighth to a half of the source in memory, at
//! most 16 MiB.
//!
//! From 1 MiB on, where steps take more than a quarter of the state, zstd may compress the target with the
//! source as its prefix instead ([`DeltaKind::Prefixed`]). Such a delta can't be composed, and a chain of them
//! costs a decompression each: the caller limits how many follow each other.
//!
//! # Limits
//!
//! A state has as many bytes as [`Limits::decoded_max`](keepstone_format::Limits) allows, at most 2^31 - 1 on
//! a host of 32 bits. A delta holds no checksum and doesn't name its source: a damaged one, or a wrong source
//! of the right length, may give a wrong state. The record around it has to notice.

mod aligned;
mod apply;
mod compose;
mod decode;
mod encode;
mod equal;
mod error;
mod index;
mod matcher;
mod options;
mod pack;
mod patch;
mod prefix;
mod restore;
mod rope;
mod script;
mod token;

pub use compose::compose;
pub use decode::DeltaRef;
pub use error::Error;
pub use options::Options;
pub(crate) use patch::patch;
pub use restore::restore;

use std::ops::Range;

use keepstone_format::Codec;
use script::Script;

/// What makes a target of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    body: Body,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Body {
    Script(Script),
    Prefixed(prefix::Frame<Vec<u8>>),
}

/// How a delta says what has changed.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeltaKind {
    /// Every byte that is kept keeps its place; bytes at the end may have come or gone.
    Aligned,
    /// Bytes that are kept have moved, but stand in the same order: records came or went.
    Shifted,
    /// Bytes are kept in another order, or more than once.
    Moved,
    /// A zstd frame with the source as its prefix.
    Prefixed,
}

/// What a delta is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stats {
    /// Steps; 0 in a zstd frame.
    pub ops: usize,
    /// Bytes that are new; those of the frame if it is one.
    pub literal_bytes: usize,
}

impl Delta {
    /// Finds what makes `target` of `source`, or nothing where it pays to keep the target whole: when the
    /// delta would take [`Options::bytes_max`] bytes or more, or as many as the target.
    pub fn between(source: &[u8], target: &[u8], options: &Options) -> Option<Self> {
        let bytes_end = options.bytes_max.map_or(target.len(), |max| max.min(target.len()));
        let script = Self::script_between(source, target, bytes_end);
        let script_len = script.as_ref().map(encode::plain_len);
        if options.has_prefix
            && prefix::is_eligible(source.len(), target.len())
            && script_len.is_none_or(|len| len > target.len() / PREFIX_FROM)
        {
            let frame_end = script_len.map_or(bytes_end, |len| (len - len / PACK_GAIN).min(bytes_end));
            if let Some(frame) = prefix::compress(source, target, frame_end) {
                return Some(Self { body: Body::Prefixed(frame) });
            }
        }
        script.filter(|_| script_len.is_some_and(|len| len < bytes_end)).map(Self::from_script)
    }

    fn script_between(source: &[u8], target: &[u8], bytes_end: usize) -> Option<Script> {
        let aligned = (source.len() == target.len()).then(|| aligned::diff(source, target, bytes_end));
        let Some(aligned) = aligned.flatten() else { return matcher::diff(source, target, bytes_end) };
        let len = encode::plain_len(&aligned);
        if is_good(&aligned, len) {
            return Some(aligned);
        }
        let shifted = matcher::diff(source, target, len.min(bytes_end));
        Some(shifted.filter(|shifted| encode::plain_len(shifted) < len).unwrap_or(aligned))
    }

    fn from_script(script: Script) -> Self {
        Self { body: Body::Script(script) }
    }

    /// Appends the bytes of the delta. Steps and literals are packed with `codec` where that saves an eighth.
    ///
    /// # Errors
    ///
    /// [`Error::CodecNotBuilt`] when this build doesn't have the codec; `out` is as it was.
    pub fn encode_into(&self, codec: Codec, out: &mut Vec<u8>) -> Result<(), Error> {
        pack::check_built(codec)?;
        match &self.body {
            Body::Script(script) => encode::script(script, codec, out),
            Body::Prefixed(frame) => encode::prefixed(frame, out),
        }
        Ok(())
    }

    /// Returns the target.
    ///
    /// # Errors
    ///
    /// [`Error::Source`] when `source` isn't long enough to be what the delta was made from, or not as long as
    /// that of a zstd frame; [`Error::Codec`] when a zstd frame doesn't fit it; [`Error::OutOfMemory`].
    pub fn apply(&self, source: &[u8]) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        match &self.body {
            Body::Script(script) => apply::script(script.view(), source, &mut out)?,
            Body::Prefixed(frame) => prefix::decompress(&frame.as_deref(), source, &mut out)?,
        }
        Ok(out)
    }

    /// Returns how it says what has changed.
    pub fn kind(&self) -> DeltaKind {
        match &self.body {
            Body::Script(script) => script.kind(),
            Body::Prefixed(_) => DeltaKind::Prefixed,
        }
    }

    /// Returns the length of the target.
    pub fn target_len(&self) -> usize {
        match &self.body {
            Body::Script(script) => script.target_len,
            Body::Prefixed(frame) => frame.target_len,
        }
    }

    /// Returns how many bytes [`encode_into`](Self::encode_into) appends without a codec.
    pub fn plain_len(&self) -> usize {
        match &self.body {
            Body::Script(script) => encode::plain_len(script),
            Body::Prefixed(frame) => encode::prefixed_len(frame),
        }
    }

    /// Calls `visit` with each place of the source that is left out and what stands for it in the target, in the order of the target. A zstd frame
    /// doesn't tell them apart: there it is all.
    pub(crate) fn for_each_change(
        &self,
        source_len: usize,
        mut visit: impl FnMut(Range<usize>, Range<usize>),
    ) {
        match &self.body {
            Body::Script(script) => script.for_each_change(source_len, visit),
            Body::Prefixed(frame) => visit(0..source_len, 0..frame.target_len),
        }
    }

    /// Returns what it is made of.
    pub fn stats(&self) -> Stats {
        match &self.body {
            Body::Script(script) => Stats { ops: script.ops.len(), literal_bytes: script.literals.len() },
            Body::Prefixed(frame) => Stats { ops: 0, literal_bytes: frame.bytes.len() },
        }
    }
}

/// A packed form is taken when it saves one part in so many: unpacking costs time at every restore.
const PACK_GAIN: usize = 8;
/// zstd with the source as prefix is tried where steps take more than one part in so many of the target.
const PREFIX_FROM: usize = 4;
/// Whether looking for shifts can hardly make an aligned delta of so many bytes shorter. Where bytes have moved, long
/// runs of them differ.
fn is_good(script: &Script, len: usize) -> bool {
    let long: usize = script.ops.iter().map(|op| op.insert).filter(|insert| *insert >= LONG_RUN).sum();
    len <= GOOD_LEN || len <= script.target_len / GOOD_SHARE && long <= script.target_len / LONG_SHARE
}

/// Looking for shifts costs more than it could save on so few bytes.
const GOOD_LEN: usize = 32;
/// More than one part in so many of the target is worth a second look ...
const GOOD_SHARE: usize = 16;
/// ... and so is one part in so many in long runs.
const LONG_SHARE: usize = 256;
const LONG_RUN: usize = 64;
