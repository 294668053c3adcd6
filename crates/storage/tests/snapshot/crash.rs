//! What a crash leaves of a snapshot, and of a snapshot and its log together.

use std::{path::Path, sync::Arc};

use keepstone_format::{LogPosition, Metadata, SectionOptions};
use keepstone_storage::{
    Durability, Files, Lsn, Op, Snapshot, Wal, WalOptions,
    snapshot::{Options, Recovered, Writer, recover},
};
use keepstone_testkit::{
    Failure, NoDirSync, NoFileSync, Random, SimFiles, Sweep, Swept, SyncAfterRename, crash_sweep, effort,
    histories,
    tap::{Call, Tap, Tapped, Verdict},
};

use super::{path, words};
use crate::wal::{drain, record};

/// A snapshot of a few sectors; 0 stands for none.
fn commit(files: &dyn Files, number: u64) {
    let mut writer = Writer::create(files, path(), Metadata::new()).unwrap();
    writer.array("number", &[number]).unwrap();
    let options = SectionOptions::new(keepstone_format::Codec::None);
    let mut words_out = writer.stream_compressed::<u64>("words", 1, options).unwrap();
    words_out.append(&words(number, 330)).unwrap();
    words_out.finish().unwrap();
    writer.commit().unwrap();
}

fn number(disk: &SimFiles) -> Result<u64, String> {
    let snapshot = match Snapshot::open_with(path(), Options::default().files(disk)) {
        Ok(snapshot) => snapshot,
        Err(error) if error.io_kind() == Some(std::io::ErrorKind::NotFound) => return Ok(0),
        Err(error) => return Err(error.to_string()),
    };
    let number = snapshot.view::<u64>("number").map_err(|e| e.to_string())?[0];
    if snapshot.view::<u64>("words").map_err(|e| e.to_string())? != words(number, 330) {
        return Err(format!("the arrays of snapshot {number} are of two"));
    }
    Ok(number)
}

type Wrap = fn(Arc<dyn Files>) -> Arc<dyn Files>;

fn sweep_commits(before: u64, wrap: impl FnOnce(Arc<dyn Files>) -> Arc<dyn Files>) -> Result<Swept, Failure> {
    crash_sweep(
        |disk| {
            if before > 0 {
                commit(disk, before);
            }
        },
        |disk| {
            let files = wrap(Arc::new(disk.clone()));
            for number in before + 1..before + 3 {
                commit(&*files, number);
                disk.acknowledge();
            }
        },
        |disk, acknowledged| {
            let (found, least) = (number(disk)?, before + acknowledged as u64);
            if found != least && found != least + 1 {
                return Err(format!("found snapshot {found}, {least} was acknowledged"));
            }
            commit(disk, 9);
            if number(disk)? == 9 { Ok(()) } else { Err("the next one is not there".to_owned()) }
        },
    )
}

#[test]
fn a_crash_leaves_the_old_snapshot_or_the_new_one() {
    for before in [0, 5] {
        let swept = sweep_commits(before, |files| files).unwrap_or_else(|e| panic!("{e}"));
        assert!(swept.states_checked > 100 && swept.is_exhaustive(), "{swept}");
    }
}

#[test]
fn a_snapshot_that_is_not_synced_is_caught() {
    let wrong: [Wrap; 3] = [
        |files| Arc::new(NoFileSync::over(files)),
        |files| Arc::new(NoDirSync::over(files)),
        |files| Arc::new(SyncAfterRename::over(files)),
    ];
    for wrap in wrong {
        for before in [0, 5] {
            let swept = sweep_commits(before, wrap);
            assert!(matches!(swept, Err(Failure::Check { .. })), "{swept:?}");
        }
    }
}

const DIR: &str = "state";
const SNAPSHOT: &str = "state/a.keep";
const LOG: &str = "log";

/// What a program does with its state, which is the list of all operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    /// An operation of a record of as many bytes.
    Durable(usize),
    Buffered(usize),
    Sync,
    /// A snapshot of all operations, and the log gives them up.
    Checkpoint,
    /// A snapshot alone, of all operations but the last.
    SnapshotOfMost,
    /// What the last snapshot holds is given up.
    Truncate,
    /// The program ends without a word and starts again.
    Kill,
}

/// What is wrong with a program, to see that it is caught.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Nothing,
    /// The log gives up what the snapshot will hold.
    TruncatesFirst,
    /// The snapshot names a position that is not known durable.
    NamesWhatIsNotSynced,
    /// After a crash it believes the snapshot that it sees.
    BelievesWhatItSees,
    /// The directory of the snapshot is not synced.
    SkipsDirSync,
    /// The snapshot names one operation more than it holds.
    NamesOneTooMany,
    /// The snapshot names one operation fewer than it holds.
    NamesOneTooFew,
}

#[derive(Debug)]
struct SkipDir;

impl Tap for SkipDir {
    fn before(&self, call: &Call<'_>) -> Verdict {
        if call.op == Op::SyncDir && call.path == Path::new(DIR) { Verdict::Skip } else { Verdict::Run }
    }
}

fn operation(lsn: u64) -> u64 {
    u64::from_le_bytes(record(lsn, 8).try_into().unwrap())
}

struct Program<'d> {
    disk: &'d SimFiles,
    files: Arc<dyn Files>,
    wrong: Wrong,
    wal: Wal,
    state: Vec<u64>,
    /// The last operation in the snapshot.
    covered: u64,
}

fn wal_options(files: &Arc<dyn Files>) -> WalOptions {
    WalOptions::default().files(Arc::clone(files)).segment_bytes(16 << 10, 16 << 10).background(false)
}

impl<'d> Program<'d> {
    fn start(disk: &'d SimFiles, wrong: Wrong) -> Result<Self, String> {
        let mut files: Arc<dyn Files> = Arc::new(disk.clone());
        if wrong == Wrong::SkipsDirSync {
            files = Arc::new(Tapped::new(files, SkipDir));
        }
        let recovered = match wrong {
            Wrong::BelievesWhatItSees => believe(&files)?,
            _ => recover(SNAPSHOT, LOG, wal_options(&files)).map_err(|e| format!("recover: {e}"))?,
        };
        if !recovered.wal.opened().damage.is_empty() {
            return Err(format!("damage after a crash: {:?}", recovered.wal.opened().damage));
        }
        let mut state = match &recovered.snapshot {
            Some(snapshot) => snapshot.view("operations").map_err(|e| e.to_string())?.to_vec(),
            None => Vec::new(),
        };
        let covered = recovered.from.0 - 1;
        if state.len() as u64 != covered {
            return Err(format!("a snapshot of {} operations names {covered}", state.len()));
        }
        for (lsn, bytes) in drain(recovered.tail().map_err(|e| e.to_string())?).map_err(|e| e.to_string())? {
            if lsn != state.len() as u64 + 1 || bytes != record(lsn, bytes.len()) {
                return Err(format!("record {lsn} behind {} operations", state.len()));
            }
            state.push(operation(lsn));
        }
        let prefix: Vec<u64> = (1..=state.len() as u64).map(operation).collect();
        if state != prefix {
            return Err(format!("{} operations are not those that were appended", state.len()));
        }
        Ok(Self { disk, files, wrong, wal: recovered.wal, state, covered })
    }

    fn act(&mut self, act: Act) {
        let next = self.state.len() as u64 + 1;
        match act {
            Act::Durable(len) => {
                self.wal.append(&record(next, len), Durability::Durable).unwrap();
                self.state.push(operation(next));
                self.acknowledge();
            }
            Act::Buffered(len) => {
                self.wal.append(&record(next, len), Durability::Buffered).unwrap();
                self.state.push(operation(next));
            }
            Act::Sync => {
                self.wal.sync().unwrap();
                self.acknowledge();
            }
            Act::Checkpoint => {
                if self.wrong == Wrong::TruncatesFirst {
                    self.covered = self.state.len() as u64;
                    self.truncate();
                }
                self.snapshot(self.state.len());
                self.acknowledge();
                self.truncate();
            }
            Act::SnapshotOfMost => self.snapshot(self.state.len().saturating_sub(1)),
            Act::Truncate => self.truncate(),
            Act::Kill => unreachable!("the sweep does that"),
        }
    }

    fn snapshot(&mut self, count: usize) {
        let lsn = count as u64;
        let mut position = match self.wrong {
            Wrong::NamesWhatIsNotSynced => LogPosition { log_id: self.wal.log_id(), lsn },
            _ => self.wal.position(Lsn(lsn)).unwrap(),
        };
        match self.wrong {
            Wrong::NamesOneTooMany => position.lsn += 1,
            Wrong::NamesOneTooFew => position.lsn = position.lsn.saturating_sub(1),
            _ => {}
        }
        let mut head = Metadata::new();
        head.set_log_position(position);
        let mut writer = Writer::create(&*self.files, SNAPSHOT, head).unwrap();
        writer.array("operations", &self.state[..count]).unwrap();
        writer.commit().unwrap();
        self.covered = lsn;
    }

    fn truncate(&self) {
        self.wal.truncate(Lsn(self.covered + 1)).unwrap();
    }

    /// All operations are durable.
    fn acknowledge(&self) {
        self.disk.acknowledge_as(self.state.len() as u64);
    }
}

/// What `recover` does, without making durable what it believes.
fn believe(files: &Arc<dyn Files>) -> Result<Recovered, String> {
    let wal = Wal::open(LOG, wal_options(files)).map_err(|e| e.to_string())?;
    let snapshot = match Snapshot::open_with(SNAPSHOT, Options::default().files(&**files)) {
        Ok(snapshot) => Some(snapshot),
        Err(error) if error.io_kind() == Some(std::io::ErrorKind::NotFound) => None,
        Err(error) => return Err(error.to_string()),
    };
    let covered = snapshot.as_ref().map_or(0, |it| it.head().log_position().unwrap().lsn);
    Ok(Recovered { snapshot, wal, from: Lsn(covered + 1) })
}

fn run(disk: &SimFiles, acts: &[Act], wrong: Wrong) {
    let mut program = Program::start(disk, wrong).unwrap();
    for act in acts {
        if *act == Act::Kill {
            drop(program);
            program = Program::start(disk, wrong).unwrap();
            program.acknowledge();
        } else {
            program.act(*act);
        }
    }
}

/// Sweeps a history to its end, and then what a program does first after a crash: it recovers, goes on,
/// snapshots and gives up the log.
fn sweep(sweep: Sweep<'_>, acts: &[Act], wrong: Wrong) -> Result<Swept, Failure> {
    sweep
        .setup(|disk| {
            disk.create_dir(Path::new(DIR)).unwrap();
            disk.sync_dir(Path::new("")).unwrap();
        })
        .run(|disk| run(disk, acts, wrong))
        .recover(|disk| {
            let mut program = Program::start(disk, wrong)?;
            if (program.state.len() as u64) < disk.acknowledged() {
                return Err(format!("{} operations came back", program.state.len()));
            }
            // What was recovered is built on.
            program.acknowledge();
            program.truncate();
            program.act(Act::Durable(20));
            program.act(Act::Buffered(20));
            program.act(Act::Checkpoint);
            Ok(())
        })
        .check(|disk, acknowledged| {
            let program = Program::start(disk, Wrong::Nothing)?;
            let found = program.state.len() as u64;
            if found < acknowledged {
                return Err(format!("{acknowledged} operations were acknowledged, {found} came back"));
            }
            Ok(())
        })
}

fn short() -> Sweep<'static> {
    let scale = effort::scale();
    Sweep::new()
        .states_max_per_point(48 * scale)
        .recoveries_max_per_point(3 * scale)
        .states_again_max_per_point(12 * scale)
}

const HISTORY: [Act; 11] = [
    Act::Durable(7000),
    Act::Buffered(300),
    Act::Checkpoint,
    Act::Buffered(7000),
    Act::Durable(7000),
    Act::SnapshotOfMost,
    Act::Truncate,
    Act::Buffered(600),
    Act::Kill,
    Act::Checkpoint,
    Act::Buffered(7),
];

#[test]
fn a_snapshot_and_its_log_are_together_what_was_acknowledged() {
    for acts in [&HISTORY[..], &[Act::Checkpoint, Act::Buffered(10), Act::Checkpoint, Act::Sync]] {
        let swept = sweep(short(), acts, Wrong::Nothing).unwrap_or_else(|e| panic!("{e}"));
        println!("{swept}");
        assert!(swept.states_checked > 200 && swept.kills > 0, "{swept}");
    }
}

#[test]
fn programs_that_are_wrong_in_one_thing_are_caught() {
    // The old name of the snapshot comes back when the log has given up what only the new one holds; so the log
    // must turn over.
    let acts = [
        Act::Durable(7000),
        Act::Checkpoint,
        Act::Durable(7000),
        Act::Durable(7000),
        Act::Buffered(600),
        Act::Checkpoint,
        Act::Durable(10),
    ];
    for (wrong, says) in [
        (Wrong::TruncatesFirst, "log begins at"),
        (Wrong::NamesWhatIsNotSynced, "put the log back"),
        (Wrong::SkipsDirSync, "log begins at"),
        (Wrong::NamesOneTooMany, "put the log back"),
        (Wrong::NamesOneTooFew, "a snapshot of 2 operations names 1"),
        (Wrong::BelievesWhatItSees, "log begins at"),
    ] {
        match sweep(short(), &acts, wrong) {
            Err(Failure::Check { reason, .. } | Failure::Recover { reason, .. }) if reason.contains(says) => {
            }
            other => panic!("{wrong:?} is not caught: {other:?}"),
        }
    }
    sweep(short(), &acts, Wrong::Nothing).unwrap_or_else(|e| panic!("{e}"));
}

fn history(random: &mut Random) -> Vec<Act> {
    let act = |random: &mut Random| {
        let len = [0, 7, 40, 600, 3000, 7000][random.index(6)];
        match random.below(12) {
            0..3 => Act::Durable(len),
            3..6 => Act::Buffered(len),
            6 => Act::Sync,
            7..9 => Act::Checkpoint,
            9 => Act::SnapshotOfMost,
            10 => Act::Truncate,
            _ => Act::Kill,
        }
    };
    (0..4 + random.index(6)).map(|_| act(random)).collect()
}

#[test]
fn random_histories_of_snapshots_and_records_lose_nothing_acknowledged() {
    let swept = histories(4, |seed| {
        let acts = history(&mut Random::new(seed));
        let scale = effort::scale();
        let caps = Sweep::new()
            .seed(seed)
            .states_max_per_point(16 * scale)
            .recoveries_max_per_point(2 * scale)
            .states_again_max_per_point(6 * scale);
        sweep(caps, &acts, Wrong::Nothing).inspect_err(|_| println!("seed {seed}: {acts:?}"))
    });
    println!("{}", swept.unwrap_or_else(|e| panic!("{e}")));
}

/// An acknowledgement: the log has given up what is in the snapshot.
const GIVEN_UP: u64 = 1 << 32;

/// Whether the log has given up nothing.
fn is_whole(disk: &SimFiles) -> bool {
    let files: Arc<dyn Files> = Arc::new(disk.clone());
    Wal::open(LOG, wal_options(&files)).is_ok_and(|wal| wal.start() == Lsn(1))
}

#[test]
fn a_snapshot_that_a_person_has_put_there_is_synced_before_the_log_gives_up_what_is_in_it() {
    let put = |disk: &SimFiles| {
        let mut program = Program::start(disk, Wrong::Nothing).unwrap();
        for act in [Act::Durable(7000), Act::Durable(7000), Act::Durable(600)] {
            program.act(act);
        }
        let other = keepstone_storage::MemFiles::new();
        other.create_dir(Path::new(DIR)).unwrap();
        let mut head = Metadata::new();
        head.set_log_position(program.wal.position(Lsn(3)).unwrap());
        let mut writer = Writer::create(&other, SNAPSHOT, head).unwrap();
        writer.array("operations", &program.state).unwrap();
        writer.commit().unwrap();
        drop(program);
        let mut bytes = Vec::new();
        keepstone_storage::read(&other, Path::new(SNAPSHOT), u64::MAX, &mut bytes).unwrap();
        let file = disk.create_new(Path::new(SNAPSHOT)).unwrap();
        file.write_all_at(&bytes, 0).unwrap();
    };
    let swept = short()
        .depth(1)
        .setup(|disk| {
            disk.create_dir(Path::new(DIR)).unwrap();
            disk.sync_dir(Path::new("")).unwrap();
        })
        .run(|disk| {
            put(disk);
            let program = Program::start(disk, Wrong::Nothing).unwrap();
            assert_eq!(program.covered, 3);
            program.truncate();
            disk.acknowledge_as(GIVEN_UP);
        })
        .check(|disk, acknowledged| match Program::start(disk, Wrong::Nothing) {
            Ok(program) if program.state.len() as u64 >= acknowledged.min(3) => Ok(()),
            Ok(program) => Err(format!("{} operations came back", program.state.len())),
            // Half a file may be there, which the person puts there again: nothing was given up yet.
            Err(_) if acknowledged < GIVEN_UP && is_whole(disk) => Ok(()),
            Err(error) => Err(error),
        });
    let swept = swept.unwrap_or_else(|e| panic!("{e}"));
    assert!(swept.states_checked > 50, "{swept}");
}
