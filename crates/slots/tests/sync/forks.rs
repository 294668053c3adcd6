use keepstone_slots::{
    Layout,
    sync::{ForkPolicy, Relation, SlotAction, SyncOptions},
};

use super::{Machine, PLAYER, assert_clean, cloud, in_cloud, options, outcome, settle};

/// Two machines with a save in common in slot 0, and one each that the other doesn't know.
fn forked() -> [Machine; 2] {
    let cloud = cloud();
    let machines = [Machine::new(), Machine::new()];
    machines[0].save(0, "common");
    settle(&machines, &cloud, &SyncOptions::new());
    machines[0].save(0, "one");
    machines[1].save(0, "two");
    machines
}

#[test]
fn saves_put_at_the_same_time_are_both_kept_on_both_machines() {
    // Both machines listed before either had put: the cloud has two heads in one slot.
    let machines = forked();
    let clouds = [cloud(), cloud()];
    for (machine, cloud) in machines.iter().zip(&clouds) {
        assert_clean(&machine.sync(cloud));
    }
    let mut files = clouds[0].files();
    files.extend(clouds[1].files());
    let both = cloud();
    both.set_files(files);
    settle(&machines, &both, &SyncOptions::new());
    let third = Machine::new();
    assert_clean(&third.sync(&both));
    let view = third.view();
    assert_eq!(
        view.values().cloned().collect::<std::collections::BTreeSet<_>>(),
        ["one".to_owned(), "two".to_owned()].into()
    );
    assert_eq!(view.len(), 2, "{view:?}");
    for machine in &machines {
        assert_eq!(machine.view(), view);
    }
}

#[test]
fn a_preferred_save_is_the_latest_everywhere_and_the_other_a_backup_here() {
    for (policy, winner, loser) in
        [(ForkPolicy::PreferLocal, "two", "one"), (ForkPolicy::PreferRemote, "one", "two")]
    {
        let machines = forked();
        let cloud = cloud();
        assert_clean(&machines[0].sync(&cloud));
        let options = SyncOptions::new().fork(policy);
        let report = machines[1].sync_with(&cloud, &options);
        assert_clean(&report);
        assert_eq!(report.forks().count(), 1);
        assert_eq!(machines[1].latest(0), winner);
        let backups = machines[1].manager.list(PLAYER).unwrap();
        assert!(backups.iter().all(|entry| entry.slot() == Some(0) && !entry.is_locked()), "{backups:?}");
        assert!(backups.iter().any(|entry| entry.custom("text").unwrap() == loser.as_bytes()), "{backups:?}");
        settle(&machines, &cloud, &options);
        for machine in &machines {
            assert_eq!(machine.view().into_values().collect::<Vec<_>>(), [winner]);
        }
    }
}

#[test]
fn a_save_that_was_made_while_others_came_is_never_buried() {
    // Two slots forked at once, and the copies go to different slots.
    let cloud = cloud();
    let machines = [Machine::new(), Machine::new(), Machine::new()];
    for (machine, text) in machines.iter().zip(["one", "two", "three"]) {
        for slot in [0, 1] {
            machine.save(slot, &format!("{text} in {slot}"));
        }
    }
    settle(&machines, &cloud, &SyncOptions::new());
    let view = machines[0].view();
    assert_eq!(view.len(), 6, "{view:?}");
    assert!(machines.iter().all(|machine| machine.view() == view));
}

#[test]
fn without_a_free_slot_both_sides_stay_as_they_are() {
    let files = std::sync::Arc::new(keepstone_storage::MemFiles::new())
        as std::sync::Arc<dyn keepstone_storage::Files>;
    let all = Layout { manual: (0..=254).collect(), auto: Vec::new(), quick: 255 };
    let manager =
        keepstone_slots::SaveManager::open(crate::support::ROOT, options(&files).layout(all)).unwrap();
    let two = Machine { files, manager };
    for slot in 0..=255 {
        two.save(slot, "mine");
    }
    let (one, cloud) = (Machine::new(), cloud());
    one.save(0, "theirs");
    one.sync(&cloud);
    let report = two.sync(&cloud);
    let (relation, action) = outcome(&report, Some(0));
    assert_eq!(relation, Relation::Forked);
    assert!(matches!(action, SlotAction::Failed(keepstone_slots::Error::NoFreeSlot { .. })), "{action:?}");
    assert_eq!(two.latest(0), "mine");
    assert_eq!(in_cloud(&cloud).values().filter(|text| *text == "theirs").count(), 1);
    assert_eq!(in_cloud(&cloud).len(), 256);
}
