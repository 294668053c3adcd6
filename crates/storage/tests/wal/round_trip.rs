//! Random histories without a crash, against a list in memory.

use std::sync::Arc;

use keepstone_storage::{Durability, Files, MemFiles, Wal, wal::GivenUp};
use keepstone_testkit::Random;

use super::{DIR, drain, lsn, options, read_only, record};

/// The log as it should be.
struct Model {
    records: Vec<(u64, Vec<u8>)>,
    next: u64,
    start: u64,
}

impl Model {
    fn push(&mut self, bytes: Vec<u8>) {
        self.records.push((self.next, bytes));
        self.next += 1;
    }

    fn from(&self, from: u64) -> Vec<(u64, Vec<u8>)> {
        self.records.iter().filter(|(lsn, _)| *lsn >= from).cloned().collect()
    }
}

fn len(random: &mut Random) -> usize {
    match random.below(8) {
        0 => 0,
        1..6 => random.index(300),
        6 => random.index(9000),
        _ => random.index(40_000),
    }
}

fn durability(random: &mut Random) -> Durability {
    if random.one_in(2) { Durability::Durable } else { Durability::Buffered }
}

fn check(seed: u64) {
    let random = &mut Random::new(seed);
    let files: Arc<dyn Files> = Arc::new(MemFiles::new());
    let given_up = [GivenUp::Recycle, GivenUp::Remove, GivenUp::Archive][random.index(3)];
    let mut options = options(&files).segment_bytes(12 << 10, 48 << 10).given_up(given_up);
    options = options.background(random.one_in(4)).buffer_bytes(random.index(2000));
    let mut wal = Wal::open(DIR, options.clone()).unwrap();
    let mut model = Model { records: Vec::new(), next: 1, start: 1 };
    for _ in 0..40 {
        match random.below(16) {
            0..6 => {
                let bytes = record(model.next, len(random));
                assert_eq!(wal.append(&bytes, durability(random)).unwrap(), lsn(model.next), "seed {seed}");
                model.push(bytes);
            }
            6..9 => {
                let count = 1 + random.below(5);
                let batch: Vec<_> = (0..count).map(|i| record(model.next + i, len(random))).collect();
                let lent: Vec<&[u8]> = batch.iter().map(Vec::as_slice).collect();
                let lsns = wal.append_batch(&lent, durability(random)).unwrap();
                assert_eq!(lsns, lsn(model.next)..lsn(model.next + count), "seed {seed}");
                for bytes in batch {
                    model.push(bytes);
                }
            }
            9 => wal.flush().unwrap(),
            10 => wal.sync().unwrap(),
            11 => {
                let below = model.start + random.below(model.next + 2 - model.start);
                wal.truncate(lsn(below)).unwrap();
                model.start = below.min(model.next);
                model.records.retain(|(lsn, _)| *lsn >= below);
            }
            12 | 13 => {
                if random.one_in(2) {
                    wal.close().unwrap();
                } else {
                    drop(wal);
                }
                assert_eq!(read_only(&files).unwrap(), model.records, "seed {seed}");
                wal = Wal::open(DIR, options.clone()).unwrap();
                assert!(wal.opened().damage.is_empty(), "seed {seed}: {:?}", wal.opened());
            }
            _ => {
                let from = model.start + random.below(model.next + 1 - model.start);
                let found = drain(wal.read_from(lsn(from)).unwrap()).unwrap();
                assert!(found == model.from(from), "seed {seed}: from {from}");
            }
        }
        assert_eq!((wal.start().0, wal.end().0), (model.start, model.next), "seed {seed}");
    }
    assert!(super::read(&wal).unwrap() == model.records, "seed {seed}");
}

#[test]
fn whatever_is_appended_is_read_back_until_it_is_given_up() {
    let first = keepstone_testkit::effort::seed();
    for seed in first..first + 150 * keepstone_testkit::effort::scale() {
        check(seed);
    }
}
