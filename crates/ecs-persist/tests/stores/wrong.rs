//! A store that is wrong in a known way.

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use keepstone_ecs_persist::{EntityStore, PersistId, StoreBatch, StoreError};
use keepstone_format::Kind;

/// What is wrong with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    NoName,
    NameChanges,
    VersionZero,
    MissingIsEmpty,
    MissingIsAnotherError,
    MissingNamesAnother,
    KeepsOld,
    AppendsToOld,
    EmptyIsNothing,
    CutsLong,
    NoIdZero,
    IdsOf32Bits,
    SaveFails,
    ExistsAlways,
    DeleteKeeps,
    DeleteAlwaysTrue,
    DeleteNeverTrue,
    DeleteTakesNeighbour,
    LenOff,
    BatchForgetsLast,
    BatchFirstCounts,
    BatchReplacesAll,
    LoadBatchSorted,
    LoadBatchWithoutMissing,
    DeleteBatchCountsAll,
    ApplyWithout,
    ApplyRefusedHalfDone,
    ApplySavesAlone,
    ApplyDeletesFirst,
    ApplyFirstCounts,
    ApplyInSteps,
    EachTwice,
    EachSkipsOne,
    EachGoesOn,
    EachGivesDeleted,
    EachSwapsRecords,
    EachRestarts,
    LosesUpdates,
    TearsRecords,
    PanicsInThreads,
}

/// Each fault, and the promise that it breaks.
pub(crate) const FAULTS: [(Fault, &str); 40] = [
    (Fault::NoName, "a name has 1 to 128 bytes"),
    (Fault::NameChanges, "name and version don't change"),
    (Fault::VersionZero, "a version is at least 1"),
    (Fault::MissingIsEmpty, "an entity that is not there is Missing"),
    (Fault::MissingIsAnotherError, "an entity that is not there is Missing"),
    (Fault::MissingNamesAnother, "a missing entity is named"),
    (Fault::KeepsOld, "a record is loaded as it was saved: saved over"),
    (Fault::AppendsToOld, "a record is loaded as it was saved: saved twice alike"),
    (Fault::EmptyIsNothing, "what was saved can be loaded: with a record of 0 bytes"),
    (Fault::CutsLong, "a record is loaded as it was saved: with a record of 65536 bytes"),
    (Fault::NoIdZero, "saving an entity works"),
    (Fault::IdsOf32Bits, "with ids from 0 to the largest"),
    (Fault::SaveFails, "saving an entity works, and failed"),
    (Fault::ExistsAlways, "exists says whether load finds something"),
    (Fault::DeleteKeeps, "an entity that is not there is Missing: deleted"),
    (Fault::DeleteAlwaysTrue, "delete says whether the entity was there: it says so of one that never was"),
    (Fault::DeleteNeverTrue, "delete says whether the entity was there: it denies one that was"),
    (Fault::DeleteTakesNeighbour, "what was saved can be loaded: beside one that was deleted"),
    (Fault::LenOff, "len counts the entities"),
    (Fault::BatchForgetsLast, "what was saved can be loaded: saved in a batch"),
    (Fault::BatchFirstCounts, "of which the later counts"),
    (Fault::BatchReplacesAll, "after a batch"),
    (Fault::LoadBatchSorted, "load_batch answers for each id, in order"),
    (Fault::LoadBatchWithoutMissing, "load_batch answers for each id, in order"),
    (Fault::DeleteBatchCountsAll, "delete_batch counts the entities that were there, each once"),
    (Fault::ApplyWithout, "apply answers NotTransactional where is_transactional says no"),
    (Fault::ApplyRefusedHalfDone, "after a batch was refused, of which nothing is done"),
    (Fault::ApplySavesAlone, "after a batch was applied"),
    (Fault::ApplyDeletesFirst, "after a batch was applied"),
    (Fault::ApplyFirstCounts, "after a batch was applied"),
    (Fault::ApplyInSteps, "no call sees a part of a batch that is applied"),
    (Fault::EachTwice, "for_each hands out once what is there all the time"),
    (Fault::EachSkipsOne, "for_each hands out once what is there all the time"),
    (Fault::EachGoesOn, "for_each breaks off when told to"),
    (Fault::EachGivesDeleted, "for_each hands out what is there"),
    (Fault::EachSwapsRecords, "for_each hands out records as they were saved"),
    (Fault::EachRestarts, "for_each comes to an end"),
    (Fault::LosesUpdates, "thread"),
    (Fault::TearsRecords, "what is loaded is one record"),
    (Fault::PanicsInThreads, "no call panics where several threads use a store"),
];

type Records = BTreeMap<u64, Vec<u8>>;

pub(crate) struct Wrong {
    name: String,
    fault: Fault,
    records: Mutex<Records>,
    saved: AtomicBool,
    maker: thread::ThreadId,
}

impl Wrong {
    pub(crate) fn new(fault: Fault) -> Self {
        Self {
            name: "wrong".into(),
            fault,
            records: Mutex::default(),
            saved: AtomicBool::default(),
            maker: thread::current().id(),
        }
    }

    pub(crate) fn named(name: &str) -> Self {
        Self { name: name.into(), ..Self::new(Fault::None) }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn records(&self) -> std::sync::MutexGuard<'_, Records> {
        self.records.lock().unwrap()
    }

    fn key(&self, id: PersistId) -> u64 {
        if self.has(Fault::IdsOf32Bits) { id.0 & u64::from(u32::MAX) } else { id.0 }
    }

    fn fails(&self) -> StoreError {
        StoreError::backend(&self.name, "do it", Kind::Io, "no reason")
    }

    fn put(&self, records: &mut Records, id: PersistId, record: &[u8]) {
        let key = self.key(id);
        match self.fault {
            Fault::KeepsOld if records.contains_key(&key) => {}
            Fault::AppendsToOld => records.entry(key).or_default().extend_from_slice(record),
            Fault::EmptyIsNothing if record.is_empty() => drop(records.remove(&key)),
            Fault::CutsLong => {
                let len = record.len().min(65_535);
                records.insert(key, record[..len].to_vec());
            }
            _ => drop(records.insert(key, record.to_vec())),
        }
    }
}

impl EntityStore for Wrong {
    fn name(&self) -> &str {
        match self.fault {
            Fault::NoName => "",
            Fault::NameChanges if self.saved.load(Ordering::Relaxed) => "other",
            _ => &self.name,
        }
    }

    fn version(&self) -> u32 {
        u32::from(!self.has(Fault::VersionZero))
    }

    fn save(&self, id: PersistId, record: &[u8]) -> Result<(), StoreError> {
        self.saved.store(true, Ordering::Relaxed);
        if self.has(Fault::SaveFails) || (self.has(Fault::NoIdZero) && id.0 == 0) {
            return Err(self.fails());
        }
        if self.has(Fault::PanicsInThreads) {
            assert!(thread::current().id() == self.maker, "a store that one thread alone may use");
        }
        if self.has(Fault::LosesUpdates) {
            // Reads all, changes it and writes all: what others did meanwhile is lost.
            let mut copy = self.records().clone();
            thread::yield_now();
            copy.insert(id.0, record.to_vec());
            thread::yield_now();
            *self.records() = copy;
            return Ok(());
        }
        if self.has(Fault::TearsRecords) && record.len() > 1 {
            let half = record.len() / 2;
            self.records().insert(id.0, record.to_vec());
            thread::yield_now();
            let mut records = self.records();
            let kept = records.entry(id.0).or_default();
            kept.truncate(half);
            kept.extend_from_slice(&record[half..]);
            return Ok(());
        }
        let mut records = self.records();
        self.put(&mut records, id, record);
        Ok(())
    }

    fn load(&self, id: PersistId) -> Result<Vec<u8>, StoreError> {
        match self.records().get(&self.key(id)) {
            Some(record) => Ok(record.clone()),
            None if self.has(Fault::MissingIsEmpty) => Ok(Vec::new()),
            None if self.has(Fault::MissingIsAnotherError) => Err(self.fails()),
            None if self.has(Fault::MissingNamesAnother) => {
                Err(StoreError::Missing { id: PersistId(id.0 ^ 1) })
            }
            None => Err(StoreError::Missing { id }),
        }
    }

    fn delete(&self, id: PersistId) -> Result<bool, StoreError> {
        let mut records = self.records();
        let key = self.key(id);
        if self.has(Fault::DeleteKeeps) {
            return Ok(records.contains_key(&key));
        }
        if self.has(Fault::DeleteTakesNeighbour) {
            records.remove(&(key + 1));
        }
        let was = records.remove(&key).is_some();
        Ok(match self.fault {
            Fault::DeleteAlwaysTrue => true,
            Fault::DeleteNeverTrue => false,
            _ => was,
        })
    }

    fn exists(&self, id: PersistId) -> Result<bool, StoreError> {
        Ok(self.has(Fault::ExistsAlways) || self.records().contains_key(&self.key(id)))
    }

    fn save_batch(&self, batch: &[(PersistId, &[u8])]) -> Result<(), StoreError> {
        let mut records = self.records();
        if self.has(Fault::BatchReplacesAll) && !batch.is_empty() {
            records.clear();
        }
        let last = usize::from(self.has(Fault::BatchForgetsLast));
        let taken = &batch[..batch.len().saturating_sub(last)];
        let mut put = |(id, record): &(PersistId, &[u8])| self.put(&mut records, *id, record);
        if self.has(Fault::BatchFirstCounts) {
            taken.iter().rev().for_each(&mut put);
        } else {
            taken.iter().for_each(&mut put);
        }
        Ok(())
    }

    fn load_batch(&self, ids: &[PersistId]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let mut ids = ids.to_vec();
        if self.has(Fault::LoadBatchSorted) {
            ids.sort_unstable();
        }
        let records = self.records();
        let mut found: Vec<Option<Vec<u8>>> = ids.iter().map(|id| records.get(&id.0).cloned()).collect();
        if self.has(Fault::LoadBatchWithoutMissing) {
            found.retain(Option::is_some);
        }
        Ok(found)
    }

    fn delete_batch(&self, ids: &[PersistId]) -> Result<u64, StoreError> {
        let mut records = self.records();
        let gone = ids.iter().filter(|id| records.remove(&id.0).is_some()).count();
        Ok(if self.has(Fault::DeleteBatchCountsAll) { ids.len() } else { gone } as u64)
    }

    fn is_transactional(&self) -> bool {
        !matches!(self.fault, Fault::ApplyWithout | Fault::ApplyRefusedHalfDone)
    }

    fn apply(&self, batch: &StoreBatch) -> Result<(), StoreError> {
        if self.has(Fault::ApplyRefusedHalfDone) {
            for (id, record) in batch.changes().take(1) {
                self.put(&mut self.records(), id, record.unwrap_or_default());
            }
            return Err(StoreError::NotTransactional { store: self.name.clone() });
        }
        let mut changes: Vec<_> = batch.changes().collect();
        match self.fault {
            Fault::ApplySavesAlone => changes.retain(|(_, record)| record.is_some()),
            Fault::ApplyDeletesFirst => changes.sort_by_key(|(_, record)| record.is_some()),
            Fault::ApplyFirstCounts => changes.reverse(),
            _ => {}
        }
        let mut records = self.records();
        for (id, record) in changes {
            match record {
                Some(record) => self.put(&mut records, id, record),
                None => drop(records.remove(&id.0)),
            }
            if self.has(Fault::ApplyInSteps) {
                drop(records);
                thread::yield_now();
                records = self.records();
            }
        }
        Ok(())
    }

    fn for_each(&self, then: &mut dyn FnMut(PersistId, &[u8]) -> ControlFlow<()>) -> Result<(), StoreError> {
        let mut listed: Vec<(u64, Vec<u8>)> = self.records().clone().into_iter().collect();
        match self.fault {
            Fault::EachTwice => listed.extend(listed.last().cloned()),
            Fault::EachSkipsOne => drop(listed.pop()),
            Fault::EachGivesDeleted if !listed.is_empty() => listed.push((u64::MAX, Vec::new())),
            Fault::EachSwapsRecords if listed.len() > 90 => {
                let (one, other) = (listed[10].1.clone(), listed[11].1.clone());
                (listed[10].1, listed[11].1) = (other, one);
            }
            _ => {}
        }
        for (id, record) in listed {
            let before = self.records().len();
            let told = then(PersistId(id), &record);
            if told.is_break() && !self.has(Fault::EachGoesOn) {
                return Ok(());
            }
            // Begins again when the number of entities has changed.
            if self.has(Fault::EachRestarts) && id % 3 == 0 && self.records().len() != before {
                return self.for_each(then);
            }
        }
        Ok(())
    }

    fn len(&self) -> Result<u64, StoreError> {
        Ok(self.records().len() as u64 + u64::from(self.has(Fault::LenOff)))
    }

    fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(self.len()? == 0)
    }
}
