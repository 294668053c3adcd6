//! The floor of appending in many threads: a group commit written by hand, and nothing else of a log.

use std::{
    mem::{replace, take},
    sync::{Condvar, Mutex, PoisonError},
};

use anyhow::{Result, ensure};
use keepstone::storage::File;

/// A file of zeros, a buffer that all threads fill, and one thread at a time that writes and syncs it.
///
/// It begins again at the start of the file where the next group would not fit, as if someone had truncated it.
#[derive(Debug)]
pub struct GroupCommit {
    file: Box<dyn File>,
    len: u64,
    state: Mutex<State>,
    synced: Condvar,
}

#[derive(Debug, Default)]
struct State {
    buffer: Vec<u8>,
    spare: Vec<u8>,
    at: u64,
    /// Records so far, and how many of them are durable.
    appended: u64,
    durable: u64,
    has_leader: bool,
    has_failed: bool,
    groups: u64,
}

impl GroupCommit {
    /// Appends to `len` bytes of a file, which hold any group.
    pub fn new(file: Box<dyn File>, len: u64) -> Self {
        Self { file, len, state: Mutex::default(), synced: Condvar::new() }
    }

    /// Appends a record behind its length and CRC-32; when it returns `Ok`, it is durable.
    ///
    /// # Errors
    /// Those of the system, for the thread that wrote; the others are told that it failed.
    pub fn append(&self, record: &[u8]) -> Result<()> {
        let [l0, l1, l2, l3, ..] = (record.len() as u64).to_le_bytes();
        let [c0, c1, c2, c3] = crc32fast::hash(record).to_le_bytes();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.buffer.extend_from_slice(&[l0, l1, l2, l3, c0, c1, c2, c3]);
        state.buffer.extend_from_slice(record);
        let ticket = state.appended;
        state.appended += 1;
        while state.durable <= ticket {
            ensure!(!state.has_failed, "a write or sync failed");
            if state.has_leader {
                state = self.synced.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.has_leader = true;
            let spare = take(&mut state.spare);
            let mut group = replace(&mut state.buffer, spare);
            let (appended, count) = (state.appended, group.len() as u64);
            if state.at + count > self.len {
                state.at = 0;
            }
            let at = state.at;
            state.at += count;
            drop(state);
            let answer = self.file.write_all_at(&group, at).and_then(|()| self.file.sync_data());
            group.clear();
            state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.has_leader = false;
            state.spare = group;
            state.groups += 1;
            if answer.is_ok() {
                state.durable = appended;
            }
            state.has_failed |= answer.is_err();
            self.synced.notify_all();
            answer?;
        }
        Ok(())
    }

    /// How many writes, each with a sync, there were.
    pub fn groups(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).groups
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use keepstone::storage::{OsFiles, read};

    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn records_of_all_threads_are_in_the_file_once() {
        let scratch = Scratch::new(&std::env::temp_dir(), &format!("group-{}", std::process::id())).unwrap();
        let log = Arc::new(GroupCommit::new(scratch.zeros("log", 4 * 25 * 9).unwrap(), 4 * 25 * 9));
        let threads: Vec<_> = (0_u8..4)
            .map(|thread| {
                let log = Arc::clone(&log);
                thread::spawn(move || (0..25).for_each(|_| log.append(&[thread]).unwrap()))
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        let mut bytes = Vec::new();
        read(&OsFiles, &scratch.path().join("log"), 4 * 25 * 9, &mut bytes).unwrap();
        for thread in 0_u8..4 {
            let [c0, c1, c2, c3] = crc32fast::hash(&[thread]).to_le_bytes();
            let record = [1, 0, 0, 0, c0, c1, c2, c3, thread];
            assert_eq!(bytes.chunks(9).filter(|found| *found == record).count(), 25);
        }
        assert!((25..=100).contains(&log.groups()), "found {}", log.groups());
    }
}
