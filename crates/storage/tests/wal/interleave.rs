//! Random interleavings of the log's threads. `cargo xtask check` runs them, with `--cfg keepstone_shuttle`.

use std::sync::Arc;

use keepstone_storage::{Durability, Error, Files, Wal};
use keepstone_testkit::{
    Fault, SimFiles, Sweep, Until,
    tap::{Call, Tap, Tapped, Verdict},
};
use shuttle::thread;

use super::{DIR, lsn, lsns, options, read, record};

/// Interleavings of each test.
const ROUNDS: usize = 300;
/// What the probabilistic scheduler may do against the order of arrival.
const DEPTH: usize = 4;

/// Lets another thread go on before each call to the disk.
#[derive(Debug)]
struct Yielding;

impl Tap for Yielding {
    fn before(&self, _: &Call<'_>) -> Verdict {
        thread::yield_now();
        Verdict::Run
    }
}

fn yielding(files: Arc<dyn Files>) -> Arc<dyn Files> {
    Arc::new(Tapped::new(files, Yielding))
}

fn explore(test: fn()) {
    shuttle::check_random(test, ROUNDS);
    shuttle::check_pct(test, ROUNDS, DEPTH);
}

/// Appends from several threads; each tells what it got.
fn append_from_threads(wal: &Arc<Wal>, disk: Option<&SimFiles>) -> Vec<Result<u64, Error>> {
    let threads: Vec<_> = (0..3_usize)
        .map(|thread| {
            let (wal, disk) = (Arc::clone(wal), disk.cloned());
            thread::spawn(move || {
                let append = |durability| {
                    let appended =
                        wal.append(&[u8::try_from(thread).unwrap(); 2000], durability).map(|lsn| lsn.0);
                    if let (Ok(lsn), Some(disk), Durability::Durable) = (&appended, &disk, durability) {
                        disk.acknowledge_as(disk.acknowledged().max(lsn + 1));
                    }
                    appended
                };
                [append(Durability::Durable), append(Durability::Buffered), append(Durability::Durable)]
            })
        })
        .collect();
    threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
}

#[test]
fn every_append_returns_with_a_number_of_its_own() {
    explore(|| {
        for background in [false, true] {
            let files = yielding(Arc::new(SimFiles::empty()));
            let wal = Arc::new(Wal::open(DIR, options(&files).background(background)).unwrap());
            let mut numbers: Vec<u64> =
                append_from_threads(&wal, None).into_iter().map(Result::unwrap).collect();
            numbers.sort_unstable();
            assert_eq!(numbers, (1..=9).collect::<Vec<_>>());
            assert_eq!(lsns(&read(&wal).unwrap()), numbers);
            Arc::into_inner(wal).unwrap().close().unwrap();
            assert_eq!(Wal::open(DIR, options(&files)).unwrap().end(), lsn(10));
        }
    });
}

#[test]
fn those_who_flush_sync_and_append_wake_each_other() {
    explore(|| {
        let files = yielding(Arc::new(SimFiles::empty()));
        let options = options(&files).background(true).buffer_bytes(3000);
        let wal = Arc::new(Wal::open(DIR, options.clone()).unwrap());
        let act = |act: fn(&Wal)| {
            let wal = Arc::clone(&wal);
            thread::spawn(move || act(&wal))
        };
        let threads = [
            act(|wal| {
                (0..8).for_each(|_| assert!(wal.append(&[1; 1500], Durability::Buffered).unwrap() > lsn(0)))
            }),
            act(|wal| assert!(wal.append(&[2; 1500], Durability::Durable).unwrap() > lsn(0))),
            act(|wal| (0..2).for_each(|_| wal.flush().unwrap())),
            act(|wal| wal.sync().unwrap()),
            act(|wal| wal.truncate(lsn(3)).unwrap()),
        ];
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(wal.end(), lsn(10));
        Arc::into_inner(wal).unwrap().close().unwrap();
        assert_eq!(Wal::open(DIR, options).unwrap().end(), lsn(10));
    });
}

#[test]
fn what_a_thread_was_told_is_durable_survives_a_power_cut_at_any_moment() {
    explore(|| {
        let swept = Sweep::new()
            .run(|disk| {
                let files = yielding(Arc::new(disk.clone()));
                let wal = Arc::new(Wal::open(DIR, options(&files)).unwrap());
                for appended in append_from_threads(&wal, Some(disk)) {
                    appended.unwrap();
                }
            })
            .states_max_per_point(8)
            .check(|disk, acknowledged| {
                let files: Arc<dyn Files> = Arc::new(disk.clone());
                let wal = Wal::open(DIR, options(&files)).map_err(|e| e.to_string())?;
                let found = lsns(&read(&wal).map_err(|e| e.to_string())?);
                let whole = found == (1..wal.end().0).collect::<Vec<_>>();
                if whole && wal.end().0 >= acknowledged && wal.opened().damage.is_empty() {
                    return Ok(());
                }
                Err(format!("{acknowledged} acknowledged, found {found:?}, {:?}", wal.opened()))
            });
        swept.unwrap_or_else(|failure| panic!("{failure}"));
    });
}

#[test]
fn a_failed_write_is_told_to_those_it_concerns_and_to_no_other() {
    explore(|| {
        for at in 0..6 {
            let disk = SimFiles::empty();
            let clean: Arc<dyn Files> = Arc::new(disk.clone());
            Wal::open(DIR, options(&clean)).unwrap().append(&record(1, 10), Durability::Durable).unwrap();
            let opening = disk.faults(u64::MAX, Fault::NoSpace, Until::Once);
            drop(Wal::open(DIR, options(&(Arc::new(opening.clone()) as Arc<dyn Files>))).unwrap());
            let calls = opening.calls();
            let files = yielding(Arc::new(disk.faults(calls + at, Fault::NoSpace, Until::Once)));
            let Ok(wal) = Wal::open(DIR, options(&files)) else { continue };
            let wal = Arc::new(wal);
            let before = wal.end().0;
            let told = append_from_threads(&wal, None);
            let durable = told.iter().flatten().count() as u64;
            // A sync that failed poisons the log; else all that was not refused is there.
            match wal.sync().and_then(|()| read(&wal)) {
                Ok(found) => assert!(found.len() as u64 >= before - 1 && wal.end().0 <= before + durable),
                Err(err) => {
                    assert!(matches!(err, Error::LogPoisoned { .. } | Error::NotAppended { .. }), "{err}")
                }
            }
        }
    });
}
