//! zstd frames that have the source as their prefix.

/// A target as zstd tells it with the source in front of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame<B> {
    pub(super) target_len: usize,
    pub(super) source_len: usize,
    pub(super) bytes: B,
}

impl Frame<Vec<u8>> {
    pub(super) fn as_deref(&self) -> Frame<&[u8]> {
        Frame { target_len: self.target_len, source_len: self.source_len, bytes: &self.bytes }
    }
}

/// States below it are no matter for zstd: a state that steps don't tell well is kept whole.
pub(super) const LEN_MIN: usize = 1 << 20;
/// The largest window: source and target have to fit, or the source is out of reach.
const WINDOW_LOG_MAX: u32 = 30;

/// Whether states of these lengths may be told by a frame, and this build can.
pub(super) fn is_eligible(source_len: usize, target_len: usize) -> bool {
    cfg!(all(feature = "zstd", not(target_arch = "wasm32")))
        && target_len >= LEN_MIN
        && source_len > 0
        && window_log(source_len, target_len) <= WINDOW_LOG_MAX
}

/// The logarithm of the smallest window that reaches over both.
fn window_log(source_len: usize, target_len: usize) -> u32 {
    source_len.saturating_add(target_len).checked_next_power_of_two().map_or(u32::MAX, usize::ilog2)
}

pub(super) use built::{compress, decompress};

#[cfg(all(feature = "zstd", not(target_arch = "wasm32")))]
mod built {
    use zstd::zstd_safe::{CCtx, CParameter, DCtx, compress_bound, find_frame_compressed_size};

    use super::{Frame, window_log};
    use crate::delta::Error;
    use crate::delta::pack::room;

    const LEVEL: i32 = 3;

    /// Returns the frame, if it takes less than `len_max` bytes.
    pub(in crate::delta) fn compress(source: &[u8], target: &[u8], len_max: usize) -> Option<Frame<Vec<u8>>> {
        let mut context = CCtx::try_create()?;
        for parameter in [
            CParameter::CompressionLevel(LEVEL),
            CParameter::WindowLog(window_log(source.len(), target.len())),
            // The tables of a low level forget what is far away.
            CParameter::EnableLongDistanceMatching(true),
        ] {
            context.set_parameter(parameter).ok()?;
        }
        context.ref_prefix(source).ok()?;
        let mut bytes = room(compress_bound(target.len())).ok()?;
        let written = context.compress2(bytes.as_mut_slice(), target).ok()?;
        if written >= len_max {
            return None;
        }
        bytes.truncate(written);
        bytes.shrink_to_fit();
        Some(Frame { target_len: target.len(), source_len: source.len(), bytes })
    }

    /// Makes `out` the target. Memory is what the target takes: the window of a frame that is decoded at once is the
    /// room for it.
    pub(in crate::delta) fn decompress(
        frame: &Frame<&[u8]>,
        source: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        if source.len() != frame.source_len {
            let (expected, found) = (frame.source_len as u64, source.len() as u64);
            return Err(Error::Source { expected, is_exact: true, found });
        }
        let target_len = frame.target_len;
        let mut target = room(target_len)?;
        let mut context = DCtx::try_create().ok_or(Error::OutOfMemory { bytes: 1 << 18 })?;
        let is_whole = find_frame_compressed_size(frame.bytes) == Ok(frame.bytes.len())
            && context.ref_prefix(source).is_ok()
            && context.decompress(target.as_mut_slice(), frame.bytes) == Ok(target_len);
        if !is_whole {
            return Err(Error::Codec { codec: "zstd", decoded_len: target_len as u64 });
        }
        *out = target;
        Ok(())
    }
}

#[cfg(not(all(feature = "zstd", not(target_arch = "wasm32"))))]
mod built {
    use super::Frame;
    use crate::delta::Error;

    pub(in crate::delta) fn compress(_: &[u8], _: &[u8], _: usize) -> Option<Frame<Vec<u8>>> {
        None
    }

    pub(in crate::delta) fn decompress(_: &Frame<&[u8]>, _: &[u8], _: &mut Vec<u8>) -> Result<(), Error> {
        Err(Error::CodecNotBuilt { codec: "zstd" })
    }
}
