use keepstone_slots::{
    Kind,
    sync::{CloudOptions, DirTarget, Fault, Relation, SimulatedCloud, SlotAction, SyncOptions},
};

use super::{Machine, PLAYER, assert_clean, cloud, in_cloud, outcome, settle};
use crate::support::files;

#[test]
fn an_empty_other_side_deletes_nothing_here() {
    let (one, cloud) = (Machine::new(), cloud());
    one.save(0, "a");
    one.save(1, "b");
    one.sync(&cloud);
    cloud.set_files(std::collections::BTreeMap::new());
    let report = one.sync_with(&cloud, &SyncOptions::new().prune_remote(true));
    assert!(matches!(outcome(&report, Some(0)), (Relation::OnlyHere, SlotAction::Uploaded)), "{report:?}");
    assert_eq!(one.view().len(), 2);
    assert_eq!(in_cloud(&cloud).len(), 2);
}

#[test]
fn an_empty_root_deletes_nothing_there() {
    let (one, cloud) = (Machine::new(), cloud());
    one.save(0, "a");
    one.sync(&cloud);
    let before = cloud.files();
    let empty = Machine::new();
    let report = empty.sync_with(&cloud, &SyncOptions::new().prune_remote(true));
    assert!(matches!(outcome(&report, Some(0)), (Relation::OnlyThere, SlotAction::Downloaded)), "{report:?}");
    assert_eq!(cloud.files(), before);
    assert_eq!(empty.view(), one.view());
    // A player who has nothing anywhere.
    let report = empty.manager.sync("nobody", &cloud, &SyncOptions::new()).unwrap();
    assert!(report.slots.is_empty() && report.is_clean(), "{report:?}");
    assert_eq!(cloud.files(), before);
}

#[test]
fn another_cloud_under_the_same_name_doesn_t_supersede_what_is_here() {
    let (one, two) = (Machine::new(), Machine::new());
    one.save(0, "a");
    let first = cloud();
    one.sync(&first);
    one.sync(&first);
    two.save(0, "b");
    let second = cloud();
    two.sync(&second);
    let report = one.sync(&second);
    assert_eq!(report.forks().count(), 1, "{report:?}");
    assert_eq!(one.view().into_values().collect::<Vec<_>>(), ["b", "a"]);
}

#[test]
fn what_a_player_deletes_here_doesn_t_come_back_and_stays_there() {
    let cloud = cloud();
    let machines = [Machine::new(), Machine::new()];
    let first = machines[0].save(0, "a");
    machines[0].save(1, "b");
    settle(&machines, &cloud, &SyncOptions::new());
    machines[0].manager.delete(first.id()).unwrap();
    let before = cloud.files();
    for purges in [false, true, true] {
        let report = machines[0].sync_with(&cloud, &SyncOptions::new().prune_remote(true));
        assert!(
            matches!(outcome(&report, Some(0)), (Relation::OnlyThere, SlotAction::Nothing)),
            "{report:?}"
        );
        assert_eq!(machines[0].view().len(), 1);
        assert_eq!(cloud.files(), before);
        if purges {
            machines[0].manager.purge(i64::MAX).unwrap();
        }
    }
    // The other machine plays on in that slot.
    machines[1].save(0, "c");
    settle(&machines, &cloud, &SyncOptions::new());
    assert_eq!(machines[0].latest(0), "c");
}

#[test]
fn what_was_damaged_here_is_mended_from_there() {
    let (one, cloud) = (Machine::new(), cloud());
    one.save(0, "a");
    let last = one.save(0, "b");
    one.sync(&cloud);
    let path = crate::support::path_of(&last.save);
    let middle = 4096 + usize::try_from(last.save.bytes()).unwrap() / 2;
    crate::support::damage(&one.files, &path, middle);
    // The load finds it and falls back.
    assert_eq!(one.latest(0), "a");
    let report = one.sync(&cloud);
    assert!(matches!(outcome(&report, Some(0)), (Relation::Behind, SlotAction::Downloaded)), "{report:?}");
    assert_eq!(one.latest(0), "b");
    let one = one.reopened();
    assert_eq!(one.latest(0), "b");
    assert_eq!(one.manager.latest(PLAYER, 0).unwrap().unwrap().id(), last.id());
}

#[test]
fn nothing_is_deleted_there_unless_it_is_asked_for() {
    let (one, cloud) = (Machine::new(), cloud());
    for number in 0..5 {
        one.save(0, &number.to_string());
        one.sync(&cloud);
    }
    assert_eq!(in_cloud(&cloud).len(), 5);
    let report = one.sync_with(&cloud, &SyncOptions::new().prune_remote(true));
    assert_clean(&report);
    assert_eq!((report.pruned.len(), report.traffic.delete.count), (4, 4));
    assert_eq!(in_cloud(&cloud).into_values().collect::<Vec<_>>(), ["4"]);
}

#[test]
fn a_quota_that_is_full_is_an_error_of_the_slot_and_nothing_else_changes() {
    let one = Machine::new();
    one.save(0, "a");
    one.save(1, "b");
    // One save, and not even the list of heads.
    let cloud = SimulatedCloud::new(CloudOptions::default().quota(1 << 20, 1));
    let report = one.sync(&cloud);
    assert!(matches!(outcome(&report, Some(0)), (Relation::OnlyHere, SlotAction::Uploaded)), "{report:?}");
    let (relation, action) = outcome(&report, Some(1));
    let kind = match action {
        SlotAction::Failed(err) => err.kind(),
        other => panic!("{other:?}"),
    };
    assert_eq!((relation, kind), (Relation::OnlyHere, Kind::NoSpace));
    assert_eq!(report.errors.len(), 1, "{report:?}");
    assert_eq!(one.view().len(), 2);
    let small = SimulatedCloud::new(CloudOptions::default().quota(100, 100));
    let report = one.sync(&small);
    assert_eq!(report.slots.iter().filter(|slot| slot.error().is_some()).count(), 2, "{report:?}");
    assert!(small.files().is_empty());
}

#[test]
fn a_failure_at_any_request_changes_nothing_that_the_next_synchronization_doesn_t_mend() {
    for fault in [Fault::Before, Fault::After, Fault::Torn] {
        for at in 0..14 {
            let cloud = cloud();
            let machines = [Machine::new(), Machine::new()];
            machines[0].save(0, "common");
            machines[0].save(1, "old");
            settle(&machines, &cloud, &SyncOptions::new());
            machines[0].save(0, "one");
            machines[0].save(1, "new");
            machines[0].sync(&cloud);
            machines[1].save(0, "two");
            machines[1].save(2, "other");
            let before = machines[1].view();
            cloud.fail(at, fault);
            let options = SyncOptions::new().prune_remote(true);
            if machines[1].manager.sync(PLAYER, &cloud, &options).is_err() {
                assert_eq!(machines[1].view(), before);
            }
            cloud.set_offline(false);
            // It puts what it left damaged again; until then others report that.
            assert_clean(&machines[1].sync_with(&cloud, &options));
            settle(&machines, &cloud, &options);
            let texts: Vec<String> = machines[1].view().into_values().collect();
            assert_eq!(texts, ["one", "new", "other", "two"], "{fault:?} at {at}");
            assert_eq!(machines[0].view(), machines[1].view());
        }
    }
}

#[test]
fn a_cloud_that_can_t_be_reached_is_an_error_and_nothing_changes() {
    let (one, cloud) = (Machine::new(), cloud());
    one.save(0, "a");
    cloud.set_offline(true);
    let err = one.manager.sync(PLAYER, &cloud, &SyncOptions::new()).unwrap_err();
    assert_eq!(err.kind(), Kind::Io);
    assert_eq!(err.to_string(), "simulated cloud: listing files failed: the connection was lost");
    assert_eq!(one.latest(0), "a");
}

#[test]
fn a_directory_is_another_side_too() {
    let shared = files();
    let (one, two) = (Machine::new(), Machine::new());
    one.save(0, "a");
    let target = DirTarget::new(shared, "steam/userdata");
    assert_clean(&one.manager.sync(PLAYER, &target, &SyncOptions::new()).unwrap());
    assert_clean(&two.manager.sync(PLAYER, &target, &SyncOptions::new()).unwrap());
    assert_eq!(two.latest(0), "a");
    two.save(0, "b");
    let prune = SyncOptions::new().prune_remote(true);
    let report = two.manager.sync(PLAYER, &target, &prune).unwrap();
    assert_eq!(report.pruned.len(), 1, "{report:?}");
    assert_clean(&one.manager.sync(PLAYER, &target, &prune).unwrap());
    assert_eq!(one.latest(0), "b");
}
