use keepstone_slots::sync::{Direction, Relation, SlotAction, SyncOptions};

use super::{Machine, assert_clean, cloud, in_cloud, outcome};
use crate::support::bytes;

#[test]
fn the_relations_of_two_machines_and_what_is_done() {
    let cloud = cloud();
    let (one, two) = (Machine::new(), Machine::new());
    one.save(0, "a");
    let report = one.sync(&cloud);
    assert!(matches!(outcome(&report, Some(0)), (Relation::OnlyHere, SlotAction::Uploaded)), "{report:?}");
    let report = two.sync(&cloud);
    assert!(matches!(outcome(&report, Some(0)), (Relation::OnlyThere, SlotAction::Downloaded)), "{report:?}");
    assert_eq!(two.latest(0), "a");
    for machine in [&one, &two] {
        let report = machine.sync(&cloud);
        assert!(matches!(outcome(&report, Some(0)), (Relation::Same, SlotAction::Nothing)), "{report:?}");
        // The names, and the list of heads: nothing else.
        assert_eq!(
            (report.traffic.list.count, report.traffic.get.count, report.traffic.requests()),
            (1, 1, 2)
        );
    }
    two.save(0, "b");
    two.save(0, "c");
    let report = two.sync(&cloud);
    assert!(matches!(outcome(&report, Some(0)), (Relation::Ahead, SlotAction::Uploaded)), "{report:?}");
    // The save and the list of heads.
    assert_eq!(report.traffic.put.count, 2);
    let report = one.sync(&cloud);
    assert!(matches!(outcome(&report, Some(0)), (Relation::Behind, SlotAction::Downloaded)), "{report:?}");
    assert_eq!(one.latest(0), "c");
    one.save(0, "d");
    two.save(0, "e");
    assert_clean(&one.sync(&cloud));
    let report = two.sync(&cloud);
    let fork = report.slots.iter().find(|slot| slot.slot == Some(0)).unwrap();
    assert_eq!(fork.relation, Relation::Forked);
    assert!(matches!(fork.action, SlotAction::KeptBoth { other_slot: Some(1) }), "{report:?}");
    assert_eq!((two.latest(0), two.latest(1)), ("d".to_owned(), "e".to_owned()));
    assert_clean(&one.sync(&cloud));
    assert_eq!((one.latest(0), one.latest(1)), ("d".to_owned(), "e".to_owned()));
}

#[test]
fn a_save_keeps_its_identity_and_what_its_head_says_on_another_machine() {
    let cloud = cloud();
    let (one, two) = (Machine::new(), Machine::new());
    two.save(3, "something else");
    let saved = one.save_at(0, "a", 77);
    one.manager.rename(saved.id(), "Bridge").unwrap();
    one.sync(&cloud);
    two.sync(&cloud);
    let found = two.manager.latest("ann", 0).unwrap().unwrap();
    assert_eq!((found.id(), found.created_at(), found.name()), (saved.id(), Some(77), Some("Bridge")));
    assert_eq!((found.ancestors(), found.kind()), (saved.save.ancestors(), saved.save.kind()));
    // Later than all that was here.
    assert!(found.sequence() > two.manager.latest("ann", 3).unwrap().unwrap().sequence());
}

#[test]
fn a_base_bridges_more_saves_than_a_save_remembers() {
    let cloud = cloud();
    let (one, two) = (Machine::new(), Machine::new());
    one.save(0, "first");
    one.sync(&cloud);
    two.sync(&cloud);
    for number in 0..40 {
        one.save(0, &number.to_string());
    }
    let report = one.sync(&cloud);
    assert!(matches!(outcome(&report, Some(0)), (Relation::Ahead, SlotAction::Uploaded)), "{report:?}");
    let report = two.sync_with(&cloud, &SyncOptions::new().prune_remote(true));
    assert!(matches!(outcome(&report, Some(0)), (Relation::Behind, SlotAction::Downloaded)), "{report:?}");
    assert_eq!(two.latest(0), "39");
    // A machine that was away for longer than any save remembers, and the files between are gone.
    for number in 40..130 {
        two.save(0, &number.to_string());
        if number % 40 == 0 {
            assert_clean(&two.sync_with(&cloud, &SyncOptions::new().prune_remote(true)));
        }
    }
    assert_clean(&two.sync_with(&cloud, &SyncOptions::new().prune_remote(true)));
    assert_eq!(in_cloud(&cloud).len(), 1, "{:?}", in_cloud(&cloud));
    let report = one.sync(&cloud);
    assert!(matches!(outcome(&report, Some(0)), (Relation::Behind, SlotAction::Downloaded)), "{report:?}");
    assert_eq!(one.latest(0), "129");
}

#[test]
fn a_profile_goes_along_and_a_fork_of_it_keeps_the_other_as_a_locked_backup() {
    let cloud = cloud();
    let (one, two) = (Machine::new(), Machine::new());
    one.manager.save_profile("ann", &bytes("mine")).unwrap();
    two.manager.save_profile("ann", &bytes("theirs")).unwrap();
    one.sync(&cloud);
    let report = two.sync(&cloud);
    assert!(
        matches!(outcome(&report, None), (Relation::Forked, SlotAction::KeptBoth { other_slot: None })),
        "{report:?}"
    );
    let profiles: Vec<_> =
        two.manager.list("ann").unwrap().into_iter().filter(|entry| entry.slot().is_none()).collect();
    assert_eq!(profiles.len(), 2);
    assert!(!profiles[0].is_locked() && profiles[1].is_locked());
    let report = two.sync(&cloud);
    assert!(matches!(outcome(&report, None), (Relation::Same, SlotAction::Nothing)), "{report:?}");
    two.manager.save_profile("ann", &bytes("both")).unwrap();
    two.sync(&cloud);
    let report = one.sync(&cloud);
    assert!(matches!(outcome(&report, None), (Relation::Behind, SlotAction::Downloaded)), "{report:?}");
}

#[test]
fn directions_are_kept_to() {
    let cloud = cloud();
    let (one, two) = (Machine::new(), Machine::new());
    one.save(0, "a");
    one.save(1, "b");
    let down = SyncOptions::new().direction(Direction::DownloadOnly);
    let up = SyncOptions::new().direction(Direction::UploadOnly);
    let report = one.sync_with(&cloud, &down);
    assert!(matches!(outcome(&report, Some(0)), (Relation::OnlyHere, SlotAction::Nothing)), "{report:?}");
    assert!(cloud.files().is_empty());
    one.sync_with(&cloud, &up);
    assert_eq!(in_cloud(&cloud).len(), 2);
    two.save(0, "c");
    let before = cloud.files();
    let report = two.sync_with(&cloud, &up);
    assert!(matches!(outcome(&report, Some(0)), (Relation::Forked, SlotAction::Nothing)), "{report:?}");
    assert!(matches!(outcome(&report, Some(1)), (Relation::OnlyThere, SlotAction::Nothing)), "{report:?}");
    assert_eq!(two.view().len(), 1);
    let report = two.sync_with(&cloud, &down);
    assert_clean(&report);
    assert_eq!(cloud.files(), before);
    let texts: Vec<String> = two.view().into_values().collect();
    assert_eq!(texts, ["a", "b", "c"]);
}
