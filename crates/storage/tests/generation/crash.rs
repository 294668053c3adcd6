use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use keepstone_format::{Kind, Limits};
use keepstone_storage::{
    Files, Op,
    generation::{self, Check, Generations},
};
use keepstone_testkit::{
    Failure, Fault, Random, SimFiles, Sweep, Swept, Until, effort, histories,
    tap::{Call, Tap, Tapped, Verdict},
};

use super::{commit, dir, open, state, state_of};

/// What a history does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Commit,
    /// The sync of the container fails.
    BodyFails,
    /// The sync of the commit page fails.
    PageFails,
    /// A draft is begun, written and given up.
    Drop,
    /// The writer is killed, and another one opens what is there.
    Reopen,
    /// The same, and the first try to open fails at its sync.
    CutOpen,
}

const ALL: [Act; 6] = [Act::Commit, Act::BodyFails, Act::PageFails, Act::Drop, Act::Reopen, Act::CutOpen];

/// Lets one sync of a file fail, and the simulated disk know of it.
#[derive(Debug)]
struct FailingSync {
    disk: SimFiles,
    /// Which of those to come, from 1; 0 for none.
    left: AtomicU64,
}

impl Tap for FailingSync {
    fn before(&self, call: &Call<'_>) -> Verdict {
        let fails = call.op == Op::SyncData && {
            let left = self.left.load(Ordering::SeqCst);
            self.left.store(left.saturating_sub(1), Ordering::SeqCst);
            left == 1
        };
        if !fails {
            return Verdict::Run;
        }
        // Opening is call 0, the sync is call 1.
        let failing = self.disk.faults(1, Fault::Io, Until::Once);
        failing.open(call.path).unwrap().sync_data().unwrap_err();
        Verdict::Fail(std::io::ErrorKind::Other.into())
    }
}

/// The state of save `tag`, over more than one sector.
fn content(tag: u64) -> Vec<u8> {
    [tag.to_le_bytes().to_vec(), state(tag, 500)].concat()
}

/// Which save is loaded, 0 for none; a newest one that is damaged is not passed over.
fn loaded(files: &dyn Files) -> Result<u64, String> {
    let loaded = match generation::load(files, dir(), Limits::default(), Check::Verifies) {
        Ok(loaded) => loaded,
        Err(err) if err.kind() == Kind::NotFound => return Ok(0),
        Err(err) => return Err(format!("load: {err}")),
    };
    if let Some(err) = loaded.passed_over.first() {
        return Err(format!("passed over: {err}"));
    }
    let state = state_of(&loaded);
    let tag = u64::from_le_bytes(*state.first_chunk().unwrap());
    if state == content(tag) { Ok(tag) } else { Err(format!("save {tag} has another content")) }
}

/// What has been handed out may be built on.
fn acknowledge_found(disk: &SimFiles) {
    let found = loaded(disk).unwrap();
    if found > disk.acknowledged() {
        disk.acknowledge_as(found);
    }
}

/// Runs a history on files of which `keep` generations are kept.
fn run(disk: &SimFiles, acts: &[Act], keep: u32) {
    let tapped =
        Tapped::new(Arc::new(disk.clone()), FailingSync { disk: disk.clone(), left: AtomicU64::new(0) });
    let files: Arc<dyn Files> = Arc::new(tapped.clone());
    let mut generations = open(&files, keep).unwrap();
    acknowledge_found(disk);
    let first = disk.acknowledged() + 1;
    for (tag, act) in (first..).zip(acts) {
        let fail = |sync| tapped.tap().left.store(sync, Ordering::SeqCst);
        match act {
            Act::Commit => {
                commit(&mut generations, &content(tag)).unwrap();
                disk.acknowledge_as(tag);
            }
            Act::BodyFails | Act::PageFails => {
                fail(if *act == Act::BodyFails { 1 } else { 2 });
                // A log of one sync has no second to fail.
                let failed = commit(&mut generations, &content(tag));
                fail(0);
                if failed.is_ok() {
                    disk.acknowledge_as(tag);
                }
            }
            Act::Drop => {
                let mut draft = generations.begin().unwrap();
                // More than is gathered, so that it goes out.
                let bytes = [content(tag), vec![0; 1 << 18]].concat();
                std::io::Write::write_all(&mut draft, &bytes).unwrap();
            }
            Act::Reopen | Act::CutOpen => {
                drop(generations);
                if *act == Act::CutOpen {
                    fail(1);
                    let _ = open(&files, keep);
                    fail(0);
                }
                generations = open(&files, keep).unwrap();
                acknowledge_found(disk);
            }
        }
    }
}

/// The last acknowledged save is there, or a later one, and the next can be made.
fn check(disk: &SimFiles, acknowledged: u64, keep: u32) -> Result<(), String> {
    let files: Arc<dyn Files> = Arc::new(disk.clone());
    let found = loaded(disk)?;
    if found < acknowledged {
        return Err(format!("save {acknowledged} was acknowledged, save {found} is loaded"));
    }
    let mut generations = open(&files, keep).map_err(|err| format!("open: {err}"))?;
    if !generations.opened().damaged.is_empty() {
        return Err(format!("damaged after an ordinary crash: {:?}", generations.opened()));
    }
    go_on(&mut generations, disk, found + 1000)
}

fn go_on(generations: &mut Generations, disk: &SimFiles, tag: u64) -> Result<(), String> {
    commit(generations, &content(tag)).map_err(|err| format!("next commit: {err}"))?;
    match loaded(disk)? {
        found if found == tag => Ok(()),
        found => Err(format!("after save {tag}, save {found} is loaded")),
    }
}

/// What goes on after a crash: opens what is there and saves once more.
fn recover(disk: &SimFiles, keep: u32) -> Result<(), String> {
    let files: Arc<dyn Files> = Arc::new(disk.clone());
    let mut generations = open(&files, keep).map_err(|err| format!("open: {err}"))?;
    acknowledge_found(disk);
    let tag = disk.acknowledged() + 100;
    go_on(&mut generations, disk, tag)?;
    disk.acknowledge_as(tag);
    Ok(())
}

/// Sweeps a history behind `before` saves, of which as many are kept.
pub(super) fn sweep(sweep: Sweep<'_>, before: u32, acts: &[Act], keep: u32) -> Result<Swept, Failure> {
    sweep
        .setup(|disk| {
            for _ in 0..before {
                run(disk, &[Act::Commit], before);
            }
        })
        .run(|disk| run(disk, acts, keep))
        .recover(|disk| recover(disk, keep))
        .check(|disk, acknowledged| check(disk, acknowledged, keep))
}

/// All histories of this length, one after another.
fn sequences(len: u32) -> impl Iterator<Item = Vec<Act>> {
    let base = ALL.len();
    (0..base.pow(len)).map(move |number| (0..len).map(|at| ALL[number / base.pow(at) % base]).collect())
}

fn sweep_all(
    histories: impl Iterator<Item = Vec<Act>>,
    begin: &dyn Fn() -> Sweep<'static>,
    keep: u32,
) -> Swept {
    let mut all = Swept::default();
    for acts in histories {
        let swept = sweep(begin(), keep + 1, &acts, keep);
        all = all.and(swept.unwrap_or_else(|failure| panic!("{acts:?}: {failure}")));
    }
    all
}

/// Without a crash in what comes after the crash.
pub(super) fn shallow() -> Sweep<'static> {
    Sweep::new().depth(1).states_max_per_point(128 * effort::scale())
}

pub(super) fn deep() -> Sweep<'static> {
    let scale = effort::scale();
    Sweep::new()
        .states_max_per_point(48 * scale)
        .recoveries_max_per_point(4 * scale)
        .states_again_max_per_point(24 * scale)
}

#[test]
fn a_crash_in_any_history_of_four_leaves_the_acknowledged_save_or_a_later_one() {
    let swept = sweep_all(sequences(4), &shallow, 1);
    println!("{swept}");
    assert!(swept.states_checked > 50_000, "{swept}");
}

#[test]
fn a_crash_in_histories_of_five_leaves_the_acknowledged_save_or_a_later_one() {
    // One in so many, which have no factor in common with the number of acts; all where there is time.
    let step = if effort::scale() > 1 { 1 } else { 23 };
    let swept = sweep_all(sequences(5).step_by(step), &shallow, 1);
    println!("{swept}");
    assert!(swept.states_checked > 20_000, "{swept}");
}

#[test]
fn a_crash_while_the_first_generations_are_made_leaves_the_acknowledged_save() {
    for keep in [1, 2] {
        for acts in sequences(if effort::scale() > 1 { 4 } else { 2 }) {
            let swept = sweep(shallow(), 0, &acts, keep);
            swept.unwrap_or_else(|failure| panic!("{acts:?}: {failure}"));
        }
    }
}

#[test]
fn a_second_crash_while_going_on_after_the_first_loses_nothing() {
    for (keep, step) in [(1, 1), (2, if effort::scale() > 1 { 1 } else { 5 })] {
        let swept = sweep_all(sequences(3).step_by(step), &deep, keep);
        println!("{swept}");
        assert!(swept.recoveries > 200 && swept.kills > 500, "{swept}");
    }
}

#[test]
fn a_third_crash_loses_nothing_either() {
    let begin = || deep().depth(3).states_again_max_per_point(12);
    let swept = sweep_all(sequences(2), &begin, 1);
    println!("{swept}");
    assert!(swept.states_checked > 1000, "{swept}");
}

#[test]
fn random_longer_histories_lose_nothing_acknowledged() {
    let swept = histories(60, |seed| {
        let mut random = Random::new(seed);
        let acts: Vec<Act> = (0..6 + random.index(6)).map(|_| ALL[random.index(ALL.len())]).collect();
        let keep = 1 + u32::try_from(random.index(3)).unwrap();
        let begin = deep().seed(seed).states_max_per_point(24).recoveries_max_per_point(1);
        sweep(begin, u32::try_from(random.index(5)).unwrap(), &acts, keep)
            .inspect_err(|_| println!("seed {seed}: keep {keep}, {acts:?}"))
    });
    println!("{}", swept.unwrap_or_else(|failure| panic!("{failure}")));
}
