//! Machines that save and synchronize at random, with failures: no save is lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use keepstone_slots::sync::{Fault, SimulatedCloud, SlotAction, SyncOptions, SyncTarget, TargetError};
use keepstone_testkit::{Random, effort};

use super::{Machine, PLAYER, cloud, in_cloud};

const MACHINES: usize = 3;
const SLOTS: u64 = 3;
const STEPS: usize = 40;
/// Rounds in which all of them synchronize, after which nobody may have anything to do.
const ROUNDS: usize = 8;

/// Which save each save was made on.
#[derive(Default)]
struct History {
    parents: Vec<Option<usize>>,
}

impl History {
    /// The saves that `of` is made on, and itself.
    fn line(&self, of: usize) -> Vec<usize> {
        std::iter::successors(Some(of), |number| self.parents[*number]).collect()
    }

    /// Those that no other was made on.
    fn leaves(&self) -> BTreeSet<usize> {
        let parents: BTreeSet<usize> = self.parents.iter().copied().flatten().collect();
        (0..self.parents.len()).filter(|number| !parents.contains(number)).collect()
    }
}

/// What happens while a synchronization is on its way.
type Meanwhile<'a> = Box<dyn FnOnce() + Send + 'a>;

/// A cloud that is slow enough for something to happen before a file is put, or while one is fetched.
struct Slow<'a> {
    cloud: &'a SimulatedCloud,
    before_put: Mutex<Option<Meanwhile<'a>>>,
    after_get: Mutex<Option<Meanwhile<'a>>>,
}

impl Slow<'_> {
    fn happen(what: &Mutex<Option<Meanwhile<'_>>>) {
        let taken = what.lock().unwrap().take();
        if let Some(happens) = taken {
            happens();
        }
    }
}

impl SyncTarget for Slow<'_> {
    fn name(&self) -> &str {
        self.cloud.name()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), TargetError> {
        Self::happen(&self.before_put);
        self.cloud.put(name, bytes)
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, TargetError> {
        let got = self.cloud.get(name);
        if name.strip_suffix("/heads").is_none() {
            Self::happen(&self.after_get);
        }
        got
    }

    fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, TargetError> {
        self.cloud.list(prefix)
    }

    fn delete(&self, name: &str) -> Result<(), TargetError> {
        self.cloud.delete(name)
    }
}

/// Makes a save, and writes down which one it was made on.
fn save(machine: &Machine, history: &Mutex<History>, slot: u8, time: i64) {
    let mut history = history.lock().unwrap();
    let parent = machine.view().get(&slot).map(|text| number(text));
    machine.save_at(slot, &history.parents.len().to_string(), time);
    history.parents.push(parent);
}

fn number(text: &str) -> usize {
    text.parse().unwrap()
}

/// Whether each save, or one made on it, is the newest of a slot somewhere, or in the cloud.
fn check_reachable(
    history: &History,
    machines: &[Machine],
    there: &BTreeMap<String, String>,
) -> Result<(), String> {
    let here = machines.iter().flat_map(|machine| machine.view().into_values());
    let reachable = here.chain(there.values().cloned()).map(|text| number(&text));
    let covered: BTreeSet<usize> = reachable.flat_map(|number| history.line(number)).collect();
    match (0..history.parents.len()).find(|number| !covered.contains(number)) {
        Some(lost) => Err(format!("save {lost} is lost")),
        None => Ok(()),
    }
}

/// Synchronizes a machine, perhaps with a failure, or while something else happens.
fn synchronize(
    random: &mut Random,
    machines: &[Machine],
    at: usize,
    cloud: &SimulatedCloud,
    options: &SyncOptions,
    history: &Mutex<History>,
) {
    if random.one_in(3) {
        let fault = [Fault::Before, Fault::After, Fault::Torn][random.index(3)];
        cloud.fail(random.below(8), fault);
    }
    let (one, other) = (&machines[at], &machines[(at + 1) % MACHINES]);
    let slot = u8::try_from(random.below(SLOTS)).unwrap();
    let races = random.one_in(3);
    let race: Meanwhile<'_> = Box::new(move || drop(other.manager.sync(PLAYER, cloud, options)));
    let saves = random.one_in(3);
    let play: Meanwhile<'_> = Box::new(move || save(one, history, slot, 500));
    let target = Slow {
        cloud,
        before_put: Mutex::new(races.then_some(race)),
        after_get: Mutex::new(saves.then_some(play)),
    };
    // A listing that fails is an error; whatever else fails is in the report.
    drop(one.manager.sync(PLAYER, &target, options));
}

/// One history; the error says which save was lost.
pub(crate) fn run(seed: u64) -> Result<(), String> {
    let mut random = Random::new(seed);
    let cloud = cloud();
    let mut machines: Vec<Machine> = (0..MACHINES).map(|_| Machine::new()).collect();
    let history = Mutex::new(History::default());
    let options = SyncOptions::new().prune_remote(random.one_in(2));
    for step in 0..STEPS {
        let at = random.index(MACHINES);
        match random.below(10) {
            0..=4 => {
                let slot = u8::try_from(random.below(SLOTS)).unwrap();
                let time = i64::try_from(random.below(1000)).unwrap();
                save(&machines[at], &history, slot, time);
            }
            5..=8 => {
                synchronize(&mut random, &machines, at, &cloud, &options, &history);
            }
            _ if random.one_in(2) => {
                let machine = machines.remove(at);
                machines.insert(at, machine.reopened());
            }
            _ => {
                // The list of heads is a hint.
                let mut files = cloud.files();
                files.retain(|name, _| !name.ends_with("/heads"));
                cloud.set_files(files);
            }
        }
        check_reachable(&history.lock().unwrap(), &machines, &in_cloud(&cloud))
            .map_err(|lost| format!("step {step}: {lost}"))?;
    }
    cloud.set_offline(false);
    let mut busy = 1;
    for _ in 0..ROUNDS {
        busy = 0;
        for machine in &machines {
            let report = machine.manager.sync(PLAYER, &cloud, &options).map_err(|err| err.to_string())?;
            if report.slots.iter().any(|slot| slot.error().is_some()) {
                return Err(format!("a synchronization fails without a fault: {report:?}"));
            }
            busy += report.slots.iter().filter(|slot| !matches!(slot.action, SlotAction::Nothing)).count();
        }
        check_reachable(&history.lock().unwrap(), &machines, &in_cloud(&cloud))?;
    }
    if busy > 0 {
        let views: Vec<_> = machines.iter().map(Machine::view).collect();
        return Err(format!("they never agree: {views:?}, {:?}", in_cloud(&cloud)));
    }
    let view = machines[0].view();
    // The same saves, if not always in the same slots: two machines may have moved one at the same time.
    let texts = |view: BTreeMap<u8, String>| view.into_values().collect::<BTreeSet<String>>();
    if let Some(other) =
        machines.iter().map(Machine::view).find(|other| texts(other.clone()) != texts(view.clone()))
    {
        return Err(format!("two machines have {view:?} and {other:?}"));
    }
    let newest: BTreeSet<usize> = view.values().map(|text| number(text)).collect();
    let history = history.lock().unwrap();
    match history.leaves().into_iter().find(|leaf| !newest.contains(leaf)) {
        Some(buried) => Err(format!("save {buried} is not the newest of any slot: {view:?}")),
        None => Ok(()),
    }
}

#[test]
fn no_save_is_lost_and_all_machines_agree_in_the_end() {
    for seed in 0..40 * effort::scale() {
        run(seed).unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
    }
}
