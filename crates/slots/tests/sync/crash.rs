//! Power cuts at each step of a synchronization.

use std::{cell::RefCell, collections::BTreeMap, sync::Arc, sync::Mutex};

use keepstone_slots::sync::{SimulatedCloud, SyncOptions, SyncTarget, TargetError};
use keepstone_storage::Files;
use keepstone_testkit::{SimFiles, Sweep};

use super::{Machine, PLAYER, cloud, in_cloud};

type Snapshot = BTreeMap<String, Vec<u8>>;

/// A cloud that remembers what was there at each step of the disk here.
struct Recorded<'a> {
    cloud: &'a SimulatedCloud,
    disk: SimFiles,
    states: &'a Mutex<Vec<Snapshot>>,
}

impl Recorded<'_> {
    fn record<T>(&self, answer: T) -> T {
        let mut states = self.states.lock().unwrap();
        states.push(self.cloud.files());
        self.disk.acknowledge_as(states.len() as u64);
        answer
    }
}

impl SyncTarget for Recorded<'_> {
    fn name(&self) -> &str {
        self.cloud.name()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), TargetError> {
        self.record(self.cloud.put(name, bytes))
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, TargetError> {
        self.cloud.get(name)
    }

    fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, TargetError> {
        self.cloud.list(prefix)
    }

    fn delete(&self, name: &str) -> Result<(), TargetError> {
        self.record(self.cloud.delete(name))
    }
}

#[test]
fn a_power_cut_during_a_synchronization_loses_nothing_and_the_next_one_goes_on() {
    let cloud_then = RefCell::new(Snapshot::new());
    let states = Mutex::new(Vec::new());
    let options = SyncOptions::new().prune_remote(true);
    let machine = |disk: &SimFiles| Machine::on(Arc::new(disk.clone()) as Arc<dyn Files>);
    let swept = Sweep::new()
        .depth(1)
        .kills(false)
        .states_max_per_point(64)
        .setup(|disk| {
            let (one, two, cloud) = (Machine::new(), machine(disk), cloud());
            one.save(0, "common");
            one.save(1, "old");
            one.sync(&cloud);
            two.sync(&cloud);
            one.save(0, "one");
            one.save(1, "new");
            one.sync(&cloud);
            two.save(0, "two");
            two.save(2, "other");
            *cloud_then.borrow_mut() = cloud.files();
        })
        .run(|disk| {
            let cloud = cloud();
            cloud.set_files(cloud_then.borrow().clone());
            let target = Recorded { cloud: &cloud, disk: disk.clone(), states: &states };
            let two = machine(disk);
            let report = two.manager.sync(PLAYER, &target, &options).unwrap();
            assert!(report.is_clean(), "{report:?}");
        })
        .check(|disk, acknowledged| {
            let cloud = cloud();
            let recorded = usize::try_from(acknowledged).unwrap().checked_sub(1);
            let files =
                recorded.map_or_else(|| cloud_then.borrow().clone(), |at| states.lock().unwrap()[at].clone());
            cloud.set_files(files);
            let two = machine(disk);
            let mut texts: Vec<String> = two.view().into_values().collect();
            texts.extend(in_cloud(&cloud).into_values());
            for text in ["one", "new", "two", "other"] {
                if !texts.iter().any(|found| found == text) {
                    return Err(format!("{text} is lost: {texts:?}"));
                }
            }
            let report = two.manager.sync(PLAYER, &cloud, &options).map_err(|err| err.to_string())?;
            if !report.is_clean() {
                return Err(format!("{report:?}"));
            }
            let found: Vec<String> = two.view().into_values().collect();
            if found != ["one", "new", "other", "two"] {
                return Err(format!("afterwards there are {found:?}"));
            }
            let three = Machine::new();
            three.sync(&cloud);
            if three.view() == two.view() {
                Ok(())
            } else {
                Err(format!("another machine has {:?}", three.view()))
            }
        });
    let swept = swept.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(swept.crash_points > 25 && swept.states_checked > 60, "{swept}");
    assert!(states.lock().unwrap().len() >= 4);
}
