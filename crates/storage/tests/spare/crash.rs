use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use keepstone_storage::{Files, Op};
use keepstone_testkit::{
    Failure, Fault, Random, SimFiles, Sweep, Swept, Until, effort, histories,
    tap::{Call, Tap, Tapped, Verdict},
};

use super::{
    fill,
    player::{KEPT, Player, content, found},
};

/// What a history does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// Saves, and retires what is not kept.
    Save,
    /// A save whose sync fails.
    SyncFails,
    /// A draft is begun, written and given up.
    Drop,
    Recycle,
    /// Recycles, and the sync of a page fails.
    RecycleFails,
    MakeReady,
    /// The writer is killed, and another one opens what is there.
    Reopen,
}

const ALL: [Act; 7] =
    [Act::Save, Act::SyncFails, Act::Drop, Act::Recycle, Act::RecycleFails, Act::MakeReady, Act::Reopen];

/// Lets the next sync of a file fail, and the simulated disk know of it.
#[derive(Debug)]
struct FailingSync {
    disk: SimFiles,
    /// Whether it is to fail.
    armed: AtomicU64,
}

impl Tap for FailingSync {
    fn before(&self, call: &Call<'_>) -> Verdict {
        let is_sync = matches!(call.op, Op::SyncData | Op::SyncAll);
        if !is_sync || self.armed.swap(0, Ordering::SeqCst) == 0 {
            return Verdict::Run;
        }
        // Opening is call 0, the sync is call 1.
        let failing = self.disk.faults(1, Fault::Io, Until::Once);
        failing.open(call.path).unwrap().sync_data().unwrap_err();
        Verdict::Fail(std::io::ErrorKind::Other.into())
    }
}

/// What was acknowledged last, and up to which save all are gone for good.
fn told(newest: u64, gone: u64) -> u64 {
    newest * 1_000_000 + gone
}

fn newest_and_gone(disk: &SimFiles) -> (u64, u64) {
    (disk.acknowledged() / 1_000_000, disk.acknowledged() % 1_000_000)
}

fn acknowledge(disk: &SimFiles, newest: u64, gone: u64) {
    let (before, gone_before) = newest_and_gone(disk);
    let now = told(newest.max(before), gone.max(gone_before));
    if now > disk.acknowledged() {
        disk.acknowledge_as(now);
    }
}

/// Opens; what is found then may be built on.
fn open(files: &Arc<dyn Files>, disk: &SimFiles) -> Player {
    let player = Player::open(files).unwrap();
    acknowledge(disk, player.saves.last().copied().unwrap_or(0), 0);
    player
}

fn run(disk: &SimFiles, acts: &[Act]) {
    let tapped =
        Tapped::new(Arc::new(disk.clone()), FailingSync { disk: disk.clone(), armed: AtomicU64::new(0) });
    let arm = |armed| tapped.tap().armed.store(armed, Ordering::SeqCst);
    let files: Arc<dyn Files> = Arc::new(tapped.clone());
    let mut player = open(&files, disk);
    for act in acts {
        match act {
            Act::Save => {
                player.save(|tag| acknowledge(disk, tag, 0)).unwrap();
                player.rotate().unwrap();
            }
            Act::SyncFails => {
                arm(1);
                player.save(|_| panic!("its sync fails")).unwrap_err();
            }
            Act::Drop => {
                let mut draft = player.spares.begin(player.next, 100).unwrap();
                player.next += 1;
                // More than is gathered, so that it goes out.
                let _ = fill(&mut draft, &[content(player.next), vec![0; 1 << 18]].concat()).unwrap();
            }
            Act::Recycle => {
                let gone = player.recycle(2).unwrap();
                acknowledge(disk, 0, gone);
            }
            Act::RecycleFails => {
                arm(1);
                // There may be nothing to sync.
                let _ = player.recycle(2);
                arm(0);
            }
            Act::MakeReady => player.spares.make_ready(1, 700).unwrap(),
            Act::Reopen => {
                drop(player);
                player = open(&files, disk);
                player.rotate().unwrap();
            }
        }
    }
}

/// What is found, if it is what was promised.
fn promised(disk: &SimFiles, (acknowledged, gone): (u64, u64)) -> Result<u64, String> {
    let found = found(disk)?;
    let newest = found.last().copied().unwrap_or(0);
    if newest < acknowledged {
        return Err(format!("save {acknowledged} was acknowledged, save {newest} is the newest"));
    }
    if let Some(back) = found.iter().find(|&&tag| tag <= gone) {
        return Err(format!("save {back} came back"));
    }
    Ok(newest)
}

/// The last acknowledged save is the newest, or one later, and the next can be made.
fn check(disk: &SimFiles, acknowledged: u64) -> Result<(), String> {
    let newest = promised(disk, (acknowledged / 1_000_000, acknowledged % 1_000_000))?;
    let files: Arc<dyn Files> = Arc::new(disk.clone());
    let mut player = Player::open(&files).map_err(|err| format!("open: {err}"))?;
    match found(disk)?.last().copied().unwrap_or(0) {
        after if after == newest && player.saves.last().copied().unwrap_or(0) == newest => {}
        after => return Err(format!("save {newest} was the newest, after opening {after} is")),
    }
    let left = crate::support::names(disk, super::dir());
    if left.iter().any(|name| name.strip_suffix(".save").is_none()) {
        return Err(format!("after opening there are {left:?}"));
    }
    go_on(&mut player, disk)
}

fn go_on(player: &mut Player, disk: &SimFiles) -> Result<(), String> {
    let tag = player.save(|tag| acknowledge(disk, tag, 0)).map_err(|err| format!("next save: {err}"))?;
    player.rotate().map_err(|err| format!("rotate: {err}"))?;
    let gone = player.recycle(1).map_err(|err| format!("recycle: {err}"))?;
    acknowledge(disk, 0, gone);
    let newest = promised(disk, newest_and_gone(disk))?;
    if newest == tag { Ok(()) } else { Err(format!("after save {tag}, save {newest} is the newest")) }
}

/// What goes on after a crash: opens what is there and saves twice more, the second time into what was recycled.
fn recover(disk: &SimFiles) -> Result<(), String> {
    let files: Arc<dyn Files> = Arc::new(disk.clone());
    let mut player = open(&files, disk);
    go_on(&mut player, disk)?;
    go_on(&mut player, disk)
}

/// Sweeps a history behind `before` saves, none of them retired.
pub(super) fn sweep(sweep: Sweep<'_>, before: usize, acts: &[Act]) -> Result<Swept, Failure> {
    sweep
        .setup(|disk| run(disk, &vec![Act::Save; before]))
        .run(|disk| run(disk, acts))
        .recover(recover)
        .check(check)
}

/// All histories of this length, one after another.
fn sequences(len: u32) -> impl Iterator<Item = Vec<Act>> {
    let base = ALL.len();
    (0..base.pow(len)).map(move |number| (0..len).map(|at| ALL[number / base.pow(at) % base]).collect())
}

fn sweep_all(histories: impl Iterator<Item = Vec<Act>>, begin: &dyn Fn() -> Sweep<'static>) -> Swept {
    let mut all = Swept::default();
    for acts in histories {
        let swept = sweep(begin(), KEPT, &acts);
        all = all.and(swept.unwrap_or_else(|failure| panic!("{acts:?}: {failure}")));
    }
    all
}

/// Without a crash in what comes after the crash.
pub(super) fn shallow() -> Sweep<'static> {
    Sweep::new().depth(1).states_max_per_point(32 * effort::scale())
}

pub(super) fn deep() -> Sweep<'static> {
    let scale = effort::scale();
    Sweep::new()
        .states_max_per_point(32 * scale)
        .recoveries_max_per_point(3 * scale)
        .states_again_max_per_point(16 * scale)
}

#[test]
fn a_crash_in_histories_of_four_leaves_the_acknowledged_save_or_the_one_in_flight() {
    // One in so many, which have no factor in common with the number of acts; all where there is time.
    let step = if effort::scale() > 1 { 1 } else { 2 };
    // A save first, so that one is retired.
    let all = sequences(3).step_by(step).map(|acts| [vec![Act::Save], acts].concat());
    let swept = sweep_all(all, &shallow);
    println!("{swept}");
    assert!(swept.states_checked > 5000, "{swept}");
}

#[test]
fn a_crash_while_the_first_saves_are_made_leaves_the_acknowledged_save() {
    for acts in sequences(2) {
        let swept = sweep(shallow(), 0, &acts);
        swept.unwrap_or_else(|failure| panic!("{acts:?}: {failure}"));
    }
}

#[test]
fn a_second_crash_while_going_on_after_the_first_loses_nothing() {
    let step = if effort::scale() > 1 { 1 } else { 23 };
    let all = sequences(3).step_by(step).map(|acts| [vec![Act::Save], acts].concat());
    let swept = sweep_all(all, &deep);
    println!("{swept}");
    assert!(swept.recoveries > 200 && swept.kills > 200, "{swept}");
}

#[test]
fn a_third_crash_loses_nothing_either() {
    let begin =
        || deep().depth(3).states_max_per_point(8).recoveries_max_per_point(2).states_again_max_per_point(4);
    let histories = [[Act::Save, Act::Recycle, Act::Save], [Act::Save, Act::SyncFails, Act::Save]];
    let swept = sweep_all(histories.into_iter().map(Vec::from), &begin);
    println!("{swept}");
    assert!(swept.states_checked > 500, "{swept}");
}

#[test]
fn random_longer_histories_lose_nothing_acknowledged() {
    let swept = histories(15, |seed| {
        let mut random = Random::new(seed);
        let acts: Vec<Act> = (0..6 + random.index(6)).map(|_| ALL[random.index(ALL.len())]).collect();
        let begin = deep().seed(seed).states_max_per_point(16).recoveries_max_per_point(1);
        sweep(begin, KEPT, &acts).inspect_err(|_| println!("seed {seed}: {acts:?}"))
    });
    println!("{}", swept.unwrap_or_else(|failure| panic!("{failure}")));
}
