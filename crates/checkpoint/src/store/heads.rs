use std::{
    collections::BTreeMap,
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError},
};

use super::{Shared, live::Live};
use crate::{Error, events::Hold, id::Sequence};

/// The head of a branch, and its state if that is in memory. Whoever has it locked is the only one to move it.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) at: Option<Sequence>,
    pub(super) state: Option<Arc<Vec<u8>>>,
    pub(super) chain: Chain,
}

/// What a state takes to be put together.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Chain {
    /// Bytes of the state at its end, as it is kept.
    pub(super) keyframe: u64,
    /// Bytes of all differences.
    pub(super) deltas: u64,
    /// How many of them, one behind the other up to here, can only be undone by decompressing.
    pub(super) prefixed: u32,
}

/// The heads that somebody has asked for, by the number of the branch, and which of their states were used last.
#[derive(Debug, Default)]
pub(super) struct Heads {
    cells: BTreeMap<u32, Cached>,
    /// The branches whose states are in memory, by when they were used.
    used: BTreeMap<u64, u32>,
    /// Bytes of these.
    bytes: u64,
    /// Counts uses.
    now: u64,
}

#[derive(Debug, Default)]
struct Cached {
    head: Arc<Mutex<Head>>,
    /// Its state for those who don't move it: they need not wait until it is no longer locked.
    state: Option<HeadState>,
    /// When its state was used, and the bytes that it takes.
    used: Option<(u64, u64)>,
}

/// The state of a checkpoint that a branch has gone on to.
#[derive(Debug)]
pub(super) struct HeadState {
    pub(super) of: Sequence,
    pub(super) bytes: Arc<Vec<u8>>,
}

/// A branch whose head nobody else moves.
pub(super) struct Turn {
    pub(super) branch: u32,
    pub(super) cell: Arc<Mutex<Head>>,
}

/// The head of a branch while nobody else moves it.
pub(super) struct LockedHead<'t> {
    head: MutexGuard<'t, Head>,
    /// Ends last.
    _hold: Hold,
}

impl Deref for LockedHead<'_> {
    type Target = Head;

    fn deref(&self) -> &Head {
        &self.head
    }
}

impl DerefMut for LockedHead<'_> {
    fn deref_mut(&mut self) -> &mut Head {
        &mut self.head
    }
}

impl Heads {
    /// The head of a branch, which is to be locked without these.
    fn of(&mut self, branch: u32) -> Arc<Mutex<Head>> {
        Arc::clone(&self.cells.entry(branch).or_default().head)
    }

    /// The head of a branch if somebody has asked for it.
    fn known(&self, branch: u32) -> Option<Arc<Mutex<Head>>> {
        self.cells.get(&branch).map(|cached| Arc::clone(&cached.head))
    }

    /// Whether that is the head of a branch.
    fn has(&self, branch: u32, cell: &Arc<Mutex<Head>>) -> bool {
        self.cells.get(&branch).is_some_and(|cached| Arc::ptr_eq(&cached.head, cell))
    }

    /// The state of a checkpoint that is the head of a branch, if that is in memory.
    pub(super) fn state(&self, branch: u32, of: Sequence) -> Option<Arc<Vec<u8>>> {
        let state = self.cells.get(&branch)?.state.as_ref()?;
        (state.of == of).then(|| Arc::clone(&state.bytes))
    }

    /// Takes in the states that branches have gone on to, and lets go of others until all take no more than they may.
    pub(super) fn keep(&mut self, of: impl IntoIterator<Item = (u32, HeadState)>, bytes_max: u64) {
        for (branch, state) in of {
            let known = self.cells.get(&branch).and_then(|cached| cached.state.as_ref());
            if known.is_some_and(|known| known.of > state.of) {
                continue;
            }
            self.touch(branch, state.bytes.capacity() as u64);
            self.cells.entry(branch).or_default().state = Some(state);
        }
        self.trim(bytes_max);
    }

    /// Takes note that the state of a head is in memory and was used.
    fn touch(&mut self, branch: u32, bytes: u64) {
        let used = self.cells.get(&branch).and_then(|cached| cached.used);
        if used == Some((self.now, bytes)) {
            // It is the one that was used last.
            return;
        }
        self.forget(branch);
        self.now += 1;
        self.cells.entry(branch).or_default().used = Some((self.now, bytes));
        self.used.insert(self.now, branch);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn forget(&mut self, branch: u32) {
        let Some(cached) = self.cells.get_mut(&branch) else { return };
        cached.state = None;
        if let Some((when, bytes)) = cached.used.take() {
            self.used.remove(&when);
            self.bytes = self.bytes.saturating_sub(bytes);
        }
    }

    /// Lets go of states, those first that were not used for longest, until they take no more than they may. That of the last one stays.
    fn trim(&mut self, bytes_max: u64) {
        while self.bytes > bytes_max && self.used.len() > 1 {
            let Some((_, &branch)) = self.used.first_key_value() else { return };
            let Some(cell) = self.known(branch) else { return };
            let mut head = match cell.try_lock() {
                Ok(head) => head,
                Err(TryLockError::Poisoned(head)) => head.into_inner(),
                // It is in use: the next one who trims looks at it again.
                Err(TryLockError::WouldBlock) => return,
            };
            head.state = None;
            drop(head);
            self.forget(branch);
        }
    }
}

impl Shared {
    /// The head of a branch.
    pub(super) fn turn(&self, branch: u32) -> Result<Turn, Error> {
        let cell = self.live()?.heads.of(branch);
        Ok(Turn { branch, cell })
    }
}

impl Turn {
    pub(super) fn lock(&self) -> LockedHead<'_> {
        let hold = Hold::begin();
        LockedHead { head: self.cell.lock().unwrap_or_else(PoisonError::into_inner), _hold: hold }
    }

    /// Whether it is still the head that counts: it isn't if the store was read again meanwhile.
    pub(super) fn is_of(&self, live: &Live) -> bool {
        live.heads.has(self.branch, &self.cell)
    }
}

impl Head {
    /// Becomes the head at a sequence, with its state.
    pub(super) fn follow(&mut self, shared: &Shared, at: Option<Sequence>) -> Result<(), Error> {
        let Some(sequence) = at else {
            (self.at, self.state, self.chain) = (None, None, Chain::default());
            return Ok(());
        };
        if self.at == at && self.state.is_some() {
            return Ok(());
        }
        let (state, chain) = shared.state_and_chain(sequence, None)?;
        (self.at, self.state, self.chain) = (at, Some(state), chain);
        Ok(())
    }

    /// Goes on to a checkpoint, and answers memory that nobody needs any more.
    pub(super) fn advance(&mut self, to: Sequence, state: Arc<Vec<u8>>, chain: Chain) -> Option<Vec<u8>> {
        (self.at, self.chain) = (Some(to), chain);
        self.state.replace(state).and_then(Arc::into_inner)
    }
}

/// Memory of states that are gone, for the next ones.
#[derive(Debug, Default)]
pub(super) struct Buffers(Mutex<Vec<Vec<u8>>>);

/// How many are kept.
const BUFFERS_MAX: usize = 8;
/// The longest that is kept.
const BUFFER_BYTES_MAX: usize = 16 << 20;

impl Buffers {
    pub(super) fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    pub(super) fn give(&self, buffer: Option<Vec<u8>>) {
        let Some(buffer) = buffer.filter(|buffer| buffer.capacity() <= BUFFER_BYTES_MAX) else { return };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < BUFFERS_MAX {
            kept.push(buffer);
        }
    }
}
