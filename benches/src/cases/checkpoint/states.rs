use std::borrow::Cow;

use keepstone_checkpoint::Bytes;

use crate::{bundle::Data, mixed::SplitMix};

/// How many states there are until they begin again.
const COUNT: usize = 64;
static NO_STATE: Bytes<'static> = Bytes(Cow::Borrowed(&[]));

/// What a program checkpoints over and over: states that change by one byte in a hundred, each by itself, at random places.
///
/// They go around: what has changed on the way out changes back on the way home, so that the first one differs from the last as much as
/// from the second.
#[derive(Debug, Clone)]
pub(super) struct States {
    all: Vec<Bytes<'static>>,
    at: usize,
}

impl States {
    /// States of so many bytes; another seed has other changes.
    pub(super) fn new(len: usize, seed: u64) -> Self {
        let mut random = SplitMix::new(seed);
        let mut state = Data::Mixed.bytes(len);
        let mut change =
            || (0..(len / 100).max(1)).map(|_| (place(&mut random, len), random.next_u16())).collect();
        let changes: Vec<Vec<(usize, u16)>> = (0..COUNT / 2).map(|_| change()).collect();
        let mut all = Vec::with_capacity(COUNT);
        // The same change twice is none, and on the way home they come in the same order again.
        for change in changes.iter().chain(&changes) {
            all.push(Bytes::from(state.clone()));
            for (at, value) in change {
                if let Some(byte) = state.get_mut(*at) {
                    *byte ^= value.to_le_bytes()[0] | 1;
                }
            }
        }
        Self { all, at: 0 }
    }

    /// The next one.
    pub(super) fn next(&mut self) -> &Bytes<'static> {
        self.at = (self.at + 1) % COUNT;
        self.all.get(self.at).unwrap_or(&NO_STATE)
    }
}

/// A place in so many bytes.
pub(super) fn place(random: &mut SplitMix, len: usize) -> usize {
    usize::try_from(random.next_u64() % (len as u64).max(1)).unwrap_or_default()
}

/// Changes one byte in a hundred, in runs of so many at random places.
pub(super) fn scatter(random: &mut SplitMix, state: &mut [u8], run_len: usize) {
    for _ in 0..state.len() / 100 / run_len {
        let at = place(random, state.len() - run_len);
        for byte in state.iter_mut().skip(at).take(run_len) {
            *byte = random.next_u16().to_le_bytes()[0];
        }
    }
}
