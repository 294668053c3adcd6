//! A log on a disk whose calls fail: what is acknowledged stays, what failed is not in the log, and the
//! next append works once the cause is gone.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use keepstone_format::Kind;
use keepstone_storage::{Durability, Error, Files, MemFiles, Op, Wal, WalOptions};
use keepstone_testkit::{
    Fault, FaultFiles, SimFiles, Sweep, Swept, Until, fault_sweep,
    tap::{Call, Tap, Tapped, Verdict},
};

use super::{DIR, image, lsn, open, options, read, record};

type Records = Vec<(u64, Vec<u8>)>;

/// What the program was told.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// What the log holds as far as anybody was told, of which `durable` for certain; it begins at `start`.
    records: Records,
    durable: usize,
    start: u64,
    /// What may be in the log although its append failed: nothing was acknowledged since.
    in_doubt: Records,
    /// How many appends were tried, so that none has the bytes of another.
    tried: u64,
    errors: Vec<Error>,
    poisoned: bool,
}

impl Told {
    fn next(&self) -> u64 {
        self.records.last().map_or(self.start, |(lsn, _)| lsn + 1)
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        self.tried += 1;
        record(1000 + self.tried, len)
    }

    /// Takes an answer: after a success all so far is durable, if it was asked for.
    fn take<T>(&mut self, answer: Result<T, Error>, durable: bool) -> Option<T> {
        match answer {
            Ok(value) => {
                if durable {
                    self.durable = self.records.len();
                    self.in_doubt.clear();
                }
                Some(value)
            }
            Err(err) => {
                if let Error::NotAppended { first_lsn, .. } = err {
                    // These are not in the log: the LSNs are given again.
                    let keep = self.records.iter().take_while(|(lsn, _)| *lsn < first_lsn).count();
                    assert!(keep >= self.durable, "{first_lsn} was acknowledged as durable");
                    self.in_doubt = self.records.split_off(keep);
                }
                self.poisoned |= matches!(err, Error::LogPoisoned { .. });
                self.errors.push(err);
                None
            }
        }
    }

    fn append(&mut self, wal: &Wal, lengths: &[usize], durability: Durability) {
        let batch: Vec<_> = lengths.iter().map(|&bytes| self.bytes(bytes)).collect();
        let lent: Vec<&[u8]> = batch.iter().map(Vec::as_slice).collect();
        let next = self.next();
        let numbered: Records = (next..).zip(batch.iter().cloned()).collect();
        self.records.extend(numbered);
        let (before, durable) = (self.records.len() - lengths.len(), durability == Durability::Durable);
        if let Some(range) = self.take(wal.append_batch(&lent, durability), durable) {
            assert_eq!(range.start, lsn(next), "an LSN is given again after a failure alone");
            return;
        }
        // A sync that failed leaves its records in doubt; those after it were not even tried.
        let failed = self.records.split_off(before.min(self.records.len()));
        if !self.poisoned && !failed.is_empty() {
            self.in_doubt = failed;
        }
    }

    /// What the log serves is what was told, while it is open.
    fn compare(&mut self, wal: &Wal) {
        if let Some(reader) = self.take(wal.read_from(lsn(self.start)), false) {
            match super::drain(reader) {
                Ok(found) => assert!(found == self.records, "the log serves {:?}", super::lsns(&found)),
                Err(err @ Error::Damaged { .. }) => panic!("the log that is open is damaged: {err}"),
                Err(err) => self.errors.push(err),
            }
        }
    }
}

pub(super) fn small(files: &Arc<dyn Files>) -> WalOptions {
    options(files).segment_bytes(12 << 10, 12 << 10)
}

/// Opens the log and does all that can be done with one, going on after failures. The log of
/// [`prepared`] has the first three records.
pub(super) fn work(files: &Arc<dyn Files>, acknowledge: &dyn Fn(&Told)) -> Told {
    let mut told = Told { start: 1, ..Told::default() };
    told.records = first();
    told.durable = told.records.len();
    let opened = Wal::open(DIR, small(files));
    let Some(wal) = told.take(opened, true) else { return told };
    for round in 0..2 {
        told.append(&wal, &[20], Durability::Durable);
        acknowledge(&told);
        told.append(&wal, &[600], Durability::Buffered);
        let flushed = wal.flush();
        told.take(flushed, false);
        told.append(&wal, &[10, 1500, 30], Durability::Durable);
        acknowledge(&told);
        told.append(&wal, &[50], Durability::Buffered);
        let synced = wal.sync();
        told.take(synced, true);
        acknowledge(&told);
        if !told.poisoned {
            told.compare(&wal);
        }
        let below = told.next() - 2;
        let truncated = wal.truncate(lsn(below));
        told.take(truncated, false);
        if wal.start() == lsn(below) && !told.poisoned {
            let given_up = told.records.iter().take_while(|(lsn, _)| *lsn < below).count();
            told.records.drain(..given_up);
            told.durable = told.durable.saturating_sub(given_up);
            told.start = below;
        }
        // A larger record, so that segments turn over.
        told.append(&wal, &[2500 + round], Durability::Durable);
        acknowledge(&told);
    }
    let closed = wal.close();
    told.take(closed, true);
    told
}

fn first() -> Records {
    (1..=3).map(|lsn| (lsn, record(lsn, 100))).collect()
}

/// A log of three records, closed in order.
pub(super) fn prepared() -> Arc<dyn Files> {
    let files: Arc<dyn Files> = Arc::new(MemFiles::new());
    prepare(&files);
    files
}

fn prepare(files: &Arc<dyn Files>) {
    let wal = Wal::open(DIR, small(files)).unwrap();
    for (_, bytes) in first() {
        wal.append(&bytes, Durability::Durable).unwrap();
    }
    wal.close().unwrap();
}

/// The log holds what was acknowledged and perhaps what is in doubt, in order, and can be used on.
pub(super) fn check(files: &Arc<dyn Files>, told: &Told) -> Result<(), String> {
    let wal = Wal::open(DIR, small(files)).map_err(|err| format!("open: {err}"))?;
    if !wal.opened().damage.is_empty() {
        return Err(format!("damage without any: {:?}", wal.opened().damage));
    }
    let found = read(&wal).map_err(|err| format!("read: {err}"))?;
    let expected: Records = told.records.iter().chain(&told.in_doubt).cloned().collect();
    // A truncation in doubt may have come about.
    let start = wal.start().0;
    let skipped = expected.iter().take_while(|(lsn, _)| *lsn < start).count();
    if skipped > 0 && told.errors.is_empty() {
        return Err(format!("starts at {start}, given up below {}", told.start));
    }
    let (expected, durable) = (&expected[skipped..], told.durable.saturating_sub(skipped));
    if found.len() < durable || !expected.starts_with(&found) {
        let lsns = super::lsns(&found);
        return Err(format!("{durable} of {:?} are acknowledged, found {lsns:?}", super::lsns(expected)));
    }
    let next = wal.end();
    let appended = wal.append(b"next", Durability::Durable).map_err(|err| format!("append: {err}"))?;
    drop(wal);
    let wal = Wal::open(DIR, small(files)).map_err(|err| format!("open again: {err}"))?;
    let again = read(&wal).map_err(|err| format!("read again: {err}"))?;
    if appended != next || again.len() != found.len() + 1 || !again.starts_with(&found) {
        return Err(format!("appended {appended}, then found {:?}", super::lsns(&again)));
    }
    Ok(())
}

/// Every error is one that the operation documents.
fn check_errors(told: &Told, fault: Fault) -> Result<(), String> {
    for err in &told.errors {
        let typed = match err {
            Error::Io { .. } | Error::LogPoisoned { .. } => true,
            Error::NotAppended { source, .. } => matches!(**source, Error::Io { .. }),
            // A bit that is flipped while it is read is damage to whoever reads it.
            Error::Damaged { .. } | Error::HeaderDamaged { .. } => fault == Fault::BitFlip,
            _ => false,
        };
        if !typed {
            return Err(format!("{err:?}"));
        }
    }
    Ok(())
}

#[test]
fn every_call_of_a_log_may_fail_and_what_was_acknowledged_stays() {
    let swept = fault_sweep(
        &Fault::ERRORS,
        prepared,
        |files| work(&(Arc::new(files.clone()) as Arc<dyn Files>), &|_| {}),
        |disk, told, case| {
            check_errors(&told, case.fault)?;
            check(&image(disk), &told)
        },
    );
    let swept = swept.unwrap_or_else(|failed| panic!("{failed}"));
    println!("{swept:?}");
    assert!(swept.calls > 80, "{swept:?}");
}

#[test]
fn short_and_interrupted_calls_change_nothing() {
    let expected = work(&prepared(), &|_| {}).records;
    let swept = fault_sweep(
        &[Fault::Short, Fault::Interrupted],
        prepared,
        |files| work(&(Arc::new(files.clone()) as Arc<dyn Files>), &|_| {}),
        |disk, told, _| {
            if !told.errors.is_empty() || told.records != expected {
                return Err(format!("{:?}", told.errors));
            }
            check(&image(disk), &told)
        },
    );
    swept.unwrap_or_else(|failed| panic!("{failed}"));
}

/// A write that is cut short and whose rest fails, once.
#[derive(Debug)]
struct HalfWritten {
    at: u64,
    writes: AtomicU64,
}

impl Tap for HalfWritten {
    fn before(&self, call: &Call<'_>) -> Verdict {
        if call.op != Op::Write {
            return Verdict::Run;
        }
        match self.writes.fetch_add(1, Ordering::SeqCst).wrapping_sub(self.at) {
            0 => Verdict::Short,
            1 => Verdict::Fail(io::ErrorKind::StorageFull.into()),
            _ => Verdict::Run,
        }
    }
}

#[test]
fn a_write_that_fails_half_way_is_rolled_back() {
    let counting = Arc::new(Tapped::new(prepared(), HalfWritten { at: u64::MAX, writes: AtomicU64::new(0) }));
    work(&(Arc::clone(&counting) as Arc<dyn Files>), &|_| {});
    let writes = counting.tap().writes.load(Ordering::SeqCst);
    let mut failed = 0;
    for at in 0..writes {
        let disk = prepared();
        let tapped = Tapped::new(Arc::clone(&disk), HalfWritten { at, writes: AtomicU64::new(0) });
        let told = work(&(Arc::new(tapped) as Arc<dyn Files>), &|_| {});
        failed += u64::from(told.errors.iter().any(|err| matches!(err, Error::NotAppended { .. })));
        assert!(!told.poisoned, "write {at}: {:?}", told.errors);
        check(&image(&disk), &told).unwrap_or_else(|reason| panic!("write {at}: {reason}"));
    }
    assert!(failed >= 8, "{failed} of {writes}");
}

#[test]
fn a_record_whose_write_failed_never_comes_back_and_its_number_is_given_again() {
    let disk = prepared();
    let tapped = Tapped::new(Arc::clone(&disk), HalfWritten { at: 1, writes: AtomicU64::new(0) });
    let files: Arc<dyn Files> = Arc::new(tapped);
    let wal = Wal::open(DIR, small(&files)).unwrap();
    assert_eq!(wal.append(b"four", Durability::Durable).unwrap(), lsn(4));
    let err = wal.append(&record(99, 900), Durability::Durable).unwrap_err();
    assert!(matches!(&err, Error::NotAppended { first_lsn: 5, .. }), "{err:?}");
    assert_eq!((err.kind(), err.io_kind()), (Kind::NoSpace, Some(io::ErrorKind::StorageFull)));
    assert_eq!(read(&wal).unwrap().len(), 4);
    assert_eq!(wal.append(b"five", Durability::Durable).unwrap(), lsn(5));
    let expected = [first(), vec![(4, b"four".to_vec()), (5, b"five".to_vec())]].concat();
    assert_eq!(read(&wal).unwrap(), expected);
    assert_eq!(read(&open(&image(&disk)).unwrap()).unwrap(), expected);
}

#[test]
fn buffered_records_whose_write_fails_are_named_to_every_caller_until_the_log_is_opened_again() {
    // Once the first caller took the error: another thread's durable append was given the LSN of a lost record,
    // and its appender's sync answered that all was well.
    let disk = prepared();
    let files: Arc<dyn Files> =
        Arc::new(Tapped::new(Arc::clone(&disk), HalfWritten { at: 0, writes: AtomicU64::new(0) }));
    let wal = Wal::open(DIR, small(&files)).unwrap();
    for i in 4..=6 {
        assert_eq!(wal.append(&record(i, 10), Durability::Buffered).unwrap(), lsn(i));
    }
    let told = |err: Error| assert!(matches!(&err, Error::NotAppended { first_lsn: 4, .. }), "{err:?}");
    told(wal.sync().unwrap_err());
    told(wal.flush().unwrap_err());
    told(wal.append(b"four", Durability::Durable).unwrap_err());
    told(wal.sync().unwrap_err());
    told(wal.close().unwrap_err());
    let wal = open(&disk).unwrap();
    // What the failed write left whole may be there, in order: it was not torn out of the middle.
    let next = wal.append(b"next", Durability::Durable).unwrap();
    assert_eq!(read(&wal).unwrap().len() as u64, next.0);
}

#[test]
fn after_a_failed_sync_the_log_is_poisoned_until_it_is_opened_again() {
    let disk = prepared();
    let counting = FaultFiles::over(image(&disk), u64::MAX, Fault::Io, Until::Once);
    let files: Arc<dyn Files> = Arc::new(counting.clone());
    let wal = Wal::open(DIR, small(&files)).unwrap();
    let before = counting.calls();
    wal.append(b"four", Durability::Durable).unwrap();
    // A write and a sync: the second of them fails.
    assert_eq!(counting.calls() - before, 2);
    drop(wal);

    let files: Arc<dyn Files> =
        Arc::new(FaultFiles::over(Arc::clone(&disk), before + 1, Fault::Io, Until::Once));
    let wal = Wal::open(DIR, small(&files)).unwrap();
    let err = wal.append(b"four", Durability::Durable).unwrap_err();
    assert!(matches!(&err, Error::Io { op: Op::SyncData, .. }), "{err:?}");
    for err in [
        wal.append(b"five", Durability::Durable).map(drop).unwrap_err(),
        wal.append(b"five", Durability::Buffered).map(drop).unwrap_err(),
        wal.sync().unwrap_err(),
        wal.flush().unwrap_err(),
        wal.truncate(lsn(3)).unwrap_err(),
        wal.read_from(lsn(1)).map(drop).unwrap_err(),
        wal.close().unwrap_err(),
    ] {
        assert!(matches!(&err, Error::LogPoisoned { .. }), "{err:?}");
        assert_eq!(err.kind(), Kind::Poisoned);
    }
    let wal = Wal::open(DIR, small(&disk)).unwrap();
    let found = read(&wal).unwrap();
    assert!(found.starts_with(&first()) && found.len() <= 4);
    assert_eq!(wal.append(b"next", Durability::Durable).unwrap().0, found.len() as u64 + 1);
}

#[test]
fn a_panic_of_the_program_and_a_drop_leave_the_log_usable() {
    let files = prepared();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let wal = open(&files).unwrap();
        wal.append(b"four", Durability::Buffered).unwrap();
        panic!("in the program");
    }));
    assert!(panicked.is_err());
    // The drop while unwinding wrote what was buffered.
    let wal = open(&files).unwrap();
    assert_eq!(read(&wal).unwrap().last().unwrap().1, b"four");

    // A thread that panics between two appends takes nothing from the others.
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            wal.append(b"five", Durability::Durable).unwrap();
            panic!("in a thread");
        });
        assert!(thread.join().is_err());
    });
    assert_eq!(wal.append(b"six", Durability::Durable).unwrap(), lsn(6));
}

/// Sweeps power cuts over a run in which call number `at` fails once.
pub(super) fn crash_after(at: u64, fault: Fault) -> Result<(Swept, u64), String> {
    use std::sync::Mutex;
    let last = Mutex::new(0);
    let history: Mutex<Vec<(usize, Records, Records, u64)>> = Mutex::new(Vec::new());
    let run = |disk: &SimFiles| {
        let faulty = disk.faults(at, fault, Until::Once);
        let files: Arc<dyn Files> = Arc::new(faulty.clone());
        let told = work(&files, &|told| {
            let mut history = history.lock().unwrap();
            history.push((told.durable, told.records.clone(), told.in_doubt.clone(), told.start));
            disk.acknowledge_as(history.len() as u64);
        });
        drop(told);
        *last.lock().unwrap() = faulty.calls();
    };
    let swept = Sweep::new()
        .setup(|disk| prepare(&(Arc::new(disk.clone()) as Arc<dyn Files>)))
        .run(run)
        .depth(1)
        .states_max_per_point(24)
        .check(|disk, acknowledged| {
            let files: Arc<dyn Files> = Arc::new(disk.clone());
            let wal = Wal::open(DIR, small(&files)).map_err(|err| format!("open: {err}"))?;
            if !wal.opened().damage.is_empty() {
                return Err(format!("damage after a crash: {:?}", wal.opened().damage));
            }
            let found = read(&wal).map_err(|err| format!("read: {err}"))?;
            let history = history.lock().unwrap();
            let index = usize::try_from(acknowledged).unwrap();
            let Some((durable, records, _, start)) = index.checked_sub(1).map(|index| &history[index]) else {
                return if found.starts_with(&first()) {
                    Ok(())
                } else {
                    Err("the first are lost".to_owned())
                };
            };
            // All that was acknowledged is there, unless it was given up since, and not what failed before.
            let acknowledged = &records[..*durable];
            let there = acknowledged.iter().filter(|(lsn, _)| *lsn >= wal.start().0);
            let missing = there.clone().find(|record| !found.contains(record));
            if let Some((lsn, _)) = missing {
                return Err(format!(
                    "{lsn} was acknowledged (from {start}), found {:?}",
                    super::lsns(&found)
                ));
            }
            Ok(())
        });
    let swept = swept.map_err(|failure| format!("call {at}, {fault:?}: {failure}"))?;
    let calls = *last.lock().unwrap();
    Ok((swept, calls))
}

#[test]
fn a_crash_after_a_fault_brings_back_nothing_that_failed_and_loses_nothing_acknowledged() {
    let (mut total, calls) = crash_after(u64::MAX, Fault::Io).unwrap();
    for at in 0..calls {
        let swept = crash_after(at, Fault::Io);
        total = total.and(swept.unwrap_or_else(|failure| panic!("{failure}")).0);
    }
    println!("{calls} faults: {total}");
    assert!(calls > 80, "{calls}");
}
