use keepstone_slots::{
    Bytes, Compression, Error, Kind, SaveManager,
    sync::{Relation, SimulatedCloud, SlotAction, SyncOptions},
};

use super::{Machine, PLAYER, assert_clean, cloud, in_cloud, is_save, options, outcome};
use crate::support::{ROOT, files};

/// A cloud with one save, which a new machine then finds changed.
fn with_file(change: impl FnOnce(&mut String, &mut Vec<u8>)) -> (SimulatedCloud, Machine) {
    let (one, cloud) = (Machine::new(), cloud());
    one.save(0, "a");
    one.sync(&cloud);
    let mut files = cloud.files();
    let (mut name, mut file) =
        files.iter().find(|(name, _)| is_save(name)).map(|(n, f)| (n.clone(), f.clone())).unwrap();
    files.remove(&name);
    change(&mut name, &mut file);
    files.insert(name, file);
    cloud.set_files(files);
    (cloud, Machine::new())
}

#[track_caller]
fn is_refused(change: impl FnOnce(&mut String, &mut Vec<u8>)) {
    let (cloud, two) = with_file(change);
    let before = cloud.files();
    let report = two.sync(&cloud);
    assert_eq!(report.damaged.len(), 1, "{report:?}");
    assert!(two.view().is_empty());
    // Neither taken nor deleted.
    let name = &report.damaged[0].name;
    assert_eq!(cloud.files().get(name), before.get(name));
    two.save(0, "mine");
    let report = two.sync_with(&cloud, &SyncOptions::new().prune_remote(true));
    assert_eq!(report.damaged.len(), 1, "{report:?}");
    assert!(matches!(outcome(&report, Some(0)).1, SlotAction::Uploaded), "{report:?}");
    assert_eq!(cloud.files().get(name), before.get(name));
}

#[test]
fn a_damaged_file_is_reported_and_left_where_it_is() {
    is_refused(|_, file| file.truncate(file.len() / 2));
    is_refused(|_, file| file.clear());
    is_refused(|_, file| file.iter_mut().for_each(|byte| *byte = 0x42));
    is_refused(|_, file| file.push(0));
}

#[test]
fn a_file_under_a_name_that_is_not_its_own_is_not_taken() {
    // Another slot, another id.
    is_refused(|name, _| *name = name.replace("/s000-", "/s001-"));
    is_refused(|name, _| {
        let end = name.len() - ".keep".len();
        let last = if name.as_bytes()[end - 1] == b'0' { "1" } else { "0" };
        name.replace_range(end - 1..end, last);
    });
}

#[test]
fn every_flipped_bit_of_a_file_is_noticed() {
    let (one, cloud) = (Machine::new(), cloud());
    one.save(0, "a");
    one.sync(&cloud);
    let files = cloud.files();
    let (name, file) = files.iter().find(|(name, _)| is_save(name)).unwrap();
    for bit in (0..file.len() * 8).step_by(5) {
        let mut changed = file.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        // Without the list of heads, so that it is looked at.
        cloud.set_files([(name.clone(), changed)].into());
        let two = Machine::new();
        let report = two.sync(&cloud);
        let refused =
            report.damaged.len() == 1 || matches!(outcome(&report, Some(0)).1, SlotAction::Failed(_));
        assert!(refused && two.view().is_empty(), "bit {bit}: {report:?}");
    }
}

#[test]
fn the_file_that_this_machine_left_damaged_is_put_again() {
    let (one, cloud) = (Machine::new(), cloud());
    one.save(0, "a");
    cloud.fail(1, keepstone_slots::sync::Fault::Torn);
    assert!(!one.sync(&cloud).is_clean());
    assert_eq!(
        in_cloud(&cloud).len() + 1,
        cloud.files().len() + usize::from(in_cloud(&cloud).len() == cloud.files().len())
    );
    assert_clean(&one.sync(&cloud));
    let two = Machine::new();
    assert_clean(&two.sync(&cloud));
    assert_eq!(two.latest(0), "a");
}

#[test]
fn a_list_of_heads_is_no_more_than_a_hint() {
    let cloud = cloud();
    let (one, two) = (Machine::new(), Machine::new());
    one.save(0, "a");
    one.sync(&cloud);
    let old: Vec<u8> = list_of(&cloud);
    one.save(0, "b");
    one.sync(&cloud);
    for list in [old, Vec::new(), vec![0x42; 5000], list_of(&cloud)[..100].to_vec()] {
        let mut files = cloud.files();
        files.insert(list_name(&cloud), list);
        cloud.set_files(files);
        let three = Machine::new();
        assert_clean(&three.sync(&cloud));
        assert_eq!(three.latest(0), "b");
    }
    assert_clean(&two.sync(&cloud));
    assert_eq!(two.latest(0), "b");
}

fn list_name(cloud: &SimulatedCloud) -> String {
    cloud.files().into_keys().find(|name| name.ends_with("/heads")).unwrap()
}

fn list_of(cloud: &SimulatedCloud) -> Vec<u8> {
    cloud.files().remove(&list_name(cloud)).unwrap()
}

#[test]
fn a_file_that_is_too_long_is_not_fetched() {
    let (cloud, two) = with_file(|_, file| file.resize(file.len() + 5000, 0));
    let report = two.sync_with(&cloud, &SyncOptions::new().object_len_max(4000));
    let (_, action) = outcome(&report, Some(0));
    assert!(matches!(action, SlotAction::Failed(Error::TooLong { .. })), "{action:?}");
    assert!(report.traffic.get.bytes < 4000, "{report:?}");
}

#[test]
fn names_that_are_no_saves_are_passed_over() {
    let (one, cloud) = (Machine::new(), cloud());
    one.save(0, "a");
    one.sync(&cloud);
    let mut files = cloud.files();
    let dir = list_name(&cloud).replace("/heads", "");
    for name in ["x", "s000.keep", "../../escape.keep", "s000-0000000000000001-0000-0.keep"] {
        files.insert(format!("{dir}/{name}"), b"anything".to_vec());
    }
    cloud.set_files(files.clone());
    let two = Machine::new();
    assert_clean(&two.sync_with(&cloud, &SyncOptions::new().prune_remote(true)));
    assert_eq!(two.view().len(), 1);
    assert_eq!(cloud.files(), files);
}

#[test]
fn a_save_of_a_newer_program_is_left_there_and_this_one_can_still_load_its_own() {
    let cloud = cloud();
    let open = |version| {
        let files = files();
        SaveManager::open(ROOT, options(&files).schema("game", version)).unwrap()
    };
    let (old, new) = (open(1), open(2));
    old.save(PLAYER, 0, &Bytes::from(&b"old"[..])).unwrap();
    old.sync(PLAYER, &cloud, &SyncOptions::new()).unwrap();
    new.sync(PLAYER, &cloud, &SyncOptions::new()).unwrap();
    new.save(PLAYER, 0, &Bytes::from(&b"new"[..])).unwrap();
    new.sync(PLAYER, &cloud, &SyncOptions::new()).unwrap();
    let report = old.sync(PLAYER, &cloud, &SyncOptions::new()).unwrap();
    let (relation, action) = outcome(&report, Some(0));
    assert_eq!(relation, Relation::Behind);
    let SlotAction::Failed(err) = action else { panic!("{action:?}") };
    assert_eq!(err.kind(), Kind::Newer);
    assert_eq!(&*old.load_latest::<Bytes<'static>>(PLAYER, 0).unwrap().value.0, b"old");
}

#[test]
fn a_save_of_another_player_is_not_taken() {
    let (one, cloud) = (Machine::new(), cloud());
    one.save(0, "a");
    one.sync(&cloud);
    let other = keepstone_slots::Player::new("bob").unwrap().dir_name();
    let moved = cloud.files().into_iter().map(|(name, file)| {
        let (_, rest) = name.split_once('/').unwrap();
        (format!("{other}/{rest}"), file)
    });
    cloud.set_files(moved.collect());
    let two = Machine::new();
    let report = two.manager.sync("bob", &cloud, &SyncOptions::new()).unwrap();
    assert_eq!(report.damaged.len(), 1, "{report:?}");
    assert!(two.manager.list("bob").unwrap().is_empty());
}

#[test]
fn what_is_put_there_is_a_save_that_can_be_imported() {
    let (one, cloud) = (Machine::new(), cloud());
    let saved = one.save(0, "a");
    one.sync(&cloud);
    let exported = one.manager.export_to_bytes(saved.id(), Compression::SMALL).unwrap();
    let file = cloud.files().into_iter().find(|(name, _)| is_save(name)).unwrap().1;
    assert_eq!(file, exported);
}
