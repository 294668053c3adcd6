//! Directories of saves.

use keepstone_compat::Error;
use keepstone_compat::awsv::{FileName, INDEX_NAME, Index, Root, RootSave, RootWarning, SaveId, file_name};
use keepstone_format::Limits;

use crate::awsv::wire::{self, Id, V2};

fn root<N: AsRef<str>, B: AsRef<[u8]>>(files: impl IntoIterator<Item = (N, B)>) -> Root {
    Root::read(files, &Limits::default())
}

fn id(n: u8) -> SaveId {
    SaveId([n; 16])
}

/// A save that was made at a second of 2025-10-09.
fn save(n: u8, player_id: &str, slot: u8, second: u8) -> Vec<u8> {
    let created_at = (2025, 282, 8, 53, second, 0, 0, 0, 0);
    let save_id = Id(id(n).0.to_vec());
    wire::plain(2, &V2 { save_id, created_at, player_id: player_id.to_owned(), slot, ..wire::small() })
}

const BASE: i64 = 1_759_999_980_000_000_000;

/// Its name, with the time of another second.
fn name(n: u8, slot: u8, second: u8) -> String {
    file_name(slot, BASE + i64::from(second) * 1_000_000_000, id(n))
}

fn names(saves: &[RootSave]) -> Vec<&str> {
    saves.iter().map(|save| save.file.as_str()).collect()
}

#[test]
fn the_latest_save_is_the_one_made_last_whatever_its_name() {
    // The names say the opposite, as they do when the clock was set back.
    let (early, late) = (name(1, 3, 50), name(2, 3, 10));
    let files = [(early.clone(), save(1, "p", 3, 10)), (late.clone(), save(2, "p", 3, 50))];
    for files in [files.clone(), {
        let [a, b] = files;
        [b, a]
    }] {
        let root = root(files);
        assert_eq!(names(root.slot("p", 3)), [early.as_str(), late.as_str()]);
        let latest = root.latest("p", 3).unwrap();
        assert_eq!((latest.file.as_str(), latest.save_id), (late.as_str(), id(2)));
        assert_eq!(latest.created_at, BASE + 50_000_000_000);
        assert_eq!(root.warnings(), []);
    }
}

#[test]
fn saves_of_one_moment_are_in_the_order_of_their_names() {
    let (first, second) = (name(1, 3, 10), name(2, 3, 10));
    let root = root([(&second, save(2, "p", 3, 10)), (&first, save(1, "p", 3, 10))]);
    assert_eq!(names(root.slot("p", 3)), [first, second]);
}

#[test]
fn players_that_share_a_directory_have_slots_of_their_own() {
    let saves =
        [(1, "a.b", 0, 30), (2, "a_b", 0, 20), (3, "a.b", 0, 10), (4, "a.b", 1, 40), (5, "a.b", 255, 5)];
    let root =
        root(saves.map(|(n, player, slot, second)| (name(n, slot, second), save(n, player, slot, second))));
    let ids = |player, slot| root.slot(player, slot).iter().map(|save| save.save_id.0[0]).collect::<Vec<_>>();
    assert_eq!(ids("a.b", 0), [3, 1]);
    assert_eq!(ids("a_b", 0), [2]);
    assert_eq!(ids("a.b", 1), [4]);
    assert_eq!(ids("a.b", 255), [5]);
    assert_eq!((ids("a.b", 2), ids("a", 0), ids("b", 0)), (vec![], vec![], vec![]));
    assert_eq!(root.latest("c", 0), None);
    assert_eq!(root.saves().len(), 5);
    assert_eq!(root.warnings(), []);
}

#[test]
fn what_cannot_be_read_is_named_and_hides_nothing() {
    let good = name(1, 3, 10);
    let torn = name(2, 3, 20);
    let mut bytes = save(2, "p", 3, 20);
    bytes.pop();
    let files = [
        (torn.as_str(), bytes),
        ("slot03_x.tmp", b"half".to_vec()),
        ("notes.AWSV", Vec::new()),
        (".awsv", Vec::new()),
        (good.as_str(), save(1, "p", 3, 10)),
    ];
    let root = root(files);
    assert_eq!(names(root.saves()), [good.as_str()]);
    let [unreadable] = root.unreadable() else { panic!("{:?}", root.unreadable()) };
    assert_eq!(unreadable.file, torn);
    assert!(matches!(unreadable.error, Error::Truncated { .. }), "{}", unreadable.error);
    assert_eq!(FileName::parse(&unreadable.file).map(|name| name.slot), Some(3));
    assert_eq!(root.others(), [".awsv", "notes.AWSV", "slot03_x.tmp"]);
    assert!(root.index().is_none());
}

#[test]
fn where_the_index_says_something_else_is_named() {
    let file = name(1, 3, 10);
    let bytes = save(1, "p", 3, 10);
    let clean = root([(&file, &bytes)]).to_index();
    let warnings = |index: &Index| {
        let json = index.to_json().unwrap();
        root([(file.as_str(), &bytes), (INDEX_NAME, &json)]).warnings()
    };
    assert_eq!(warnings(&clean), []);
    let change = |change: fn(&mut keepstone_compat::awsv::IndexEntry)| {
        let mut index = clean.clone();
        change(&mut index.entries[0]);
        warnings(&index)
    };
    let disagrees = |fields: &[&'static str]| {
        vec![RootWarning::IndexDisagrees { file: file.clone(), fields: fields.to_vec() }]
    };
    assert_eq!(change(|entry| entry.save_id = id(9)), disagrees(&["save_id"]));
    assert_eq!(change(|entry| entry.created_at += 1), disagrees(&["created_at"]));
    assert_eq!(change(|entry| entry.player_id.push('x')), disagrees(&["player_id"]));
    let both = change(|entry| (entry.slot, entry.schema) = (4, 1));
    assert_eq!(both, disagrees(&["slot", "schema"]));
    assert_eq!(both[0].to_string(), format!("index.json: {file} has another slot, schema than the save"));
    // The same moment on another clock.
    assert_eq!(change(|entry| entry.created_at_offset_seconds = 3600), []);

    let mut twice = clean.clone();
    twice.entries.extend([clean.entries[0].clone(), clean.entries[0].clone()]);
    assert_eq!(warnings(&twice), [RootWarning::IndexRepeats { file: file.clone() }]);
    let none = Index::default();
    assert_eq!(warnings(&none), [RootWarning::NotInIndex { file: file.clone() }]);
    let odd = root([(file.as_str(), bytes.as_slice()), (INDEX_NAME, b"[7]")]).warnings();
    assert_eq!(odd, [RootWarning::IndexEntries { count: 1 }, RootWarning::NotInIndex { file: file.clone() }]);
}

#[test]
fn an_index_that_cannot_be_read_is_a_warning_and_the_saves_are_there() {
    let file = name(1, 3, 10);
    let root = root([(file.as_str(), save(1, "p", 3, 10)), (INDEX_NAME, b"[{".to_vec())]);
    assert_eq!(root.warnings(), [RootWarning::IndexUnreadable]);
    assert!(matches!(root.index(), Some(Err(Error::IndexJson { .. }))));
    assert_eq!(root.saves().len(), 1);
}

#[test]
fn names_that_say_something_else_and_ids_that_are_there_twice_are_named() {
    let wrong_slot = name(1, 4, 10);
    let wrong_id = name(9, 3, 20);
    let files = [
        (wrong_slot.as_str(), save(1, "p", 3, 10)),
        (wrong_id.as_str(), save(2, "p", 3, 20)),
        ("mine.awsv", save(2, "p", 3, 30)),
    ];
    let named = |file: &str, field| RootWarning::NameDisagrees { file: file.to_owned(), field };
    assert_eq!(
        root(files).warnings(),
        [
            RootWarning::Name { file: "mine.awsv".to_owned() },
            named(&wrong_id, "save_id"),
            RootWarning::SameSaveId { save_id: id(2), first: "mine.awsv".to_owned(), second: wrong_id },
            named(&wrong_slot, "slot"),
        ]
    );
}

#[test]
fn files_are_asked_for_one_after_another_and_dropped() {
    use std::cell::Cell;

    struct Held<'a>(Vec<u8>, &'a Cell<u32>);
    impl AsRef<[u8]> for Held<'_> {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    impl Drop for Held<'_> {
        fn drop(&mut self) {
            self.1.set(self.1.get() - 1);
        }
    }
    let held = Cell::new(0);
    let files = (1..=5).map(|n| {
        assert_eq!(held.get(), 0);
        held.set(1);
        (name(n, 0, n), Held(save(n, "p", 0, n), &held))
    });
    assert_eq!(root(files).saves().len(), 5);
}

#[cfg(feature = "lz4")]
mod of_aw_save {
    use super::*;
    use crate::awsv::files::{ALL, named};
    use crate::awsv::index::INDEX;

    const SLOT_5: &str = "slot05_2026-03-13T08-45-25Z_6ea6b68a-b2e8-41b3-bc0a-09d93acfe4cd.awsv";

    #[test]
    fn files_of_aw_save_are_put_in_order_and_its_index_is_only_a_hint() {
        let files = ALL.iter().copied().filter(|(name, _)| name.starts_with("slot"));
        let root = root(files.chain([(INDEX_NAME, INDEX)]));
        assert_eq!(names(root.slot("test_player", 5)), [SLOT_5]);
        assert_eq!(root.latest("alice", 1).unwrap().tick, 2000);
        assert_eq!(root.index().unwrap().unwrap().entries.len(), 3);
        let missing = |file: &str| RootWarning::FileMissing { file: file.to_owned() };
        let unlisted = |file: &str| RootWarning::NotInIndex { file: file.to_owned() };
        assert_eq!(
            root.warnings(),
            [
                missing("slot01_2026-03-13T08-45-25Z_ef69ca77-253e-40fa-88d6-3beb4849b875.awsv"),
                missing("slot02_2026-03-13T08-45-25Z_2dcb8b6f-d148-427d-a284-c313aea0d7e2.awsv"),
                unlisted("slot00_2026-11-20T21-47-33Z_a0000000-0000-4000-8000-000000000000.awsv"),
                unlisted("slot01_2026-11-20T21-47-33Z_a0000000-0000-4000-8000-000000000002.awsv"),
                unlisted(SLOT_5),
            ]
        );
    }

    #[test]
    fn the_index_that_is_made_agrees_with_the_saves_and_is_in_the_order_of_aw_save() {
        let files: Vec<(&str, &[u8])> =
            ALL.iter().copied().filter(|(name, _)| name.starts_with("slot")).collect();
        let json = root(files.iter().copied()).to_index().to_json().unwrap();
        let all = files.iter().copied().chain([(INDEX_NAME, json.as_slice())]);
        let with_index = root(all);
        assert_eq!(with_index.warnings(), []);
        let entries = &with_index.index().unwrap().unwrap().entries;
        let order: Vec<_> = entries.iter().map(|entry| (entry.slot, entry.created_at)).collect();
        assert!(order.is_sorted() && order.len() == 4, "{order:?}");
        // The entry of a file that aw-save's own index has as well.
        let theirs = Index::read(INDEX, &Limits::default()).unwrap();
        assert!(entries.contains(&theirs.entries[0]));
    }

    #[test]
    fn a_save_of_version_1_has_the_derived_id_and_any_id_in_name_and_index() {
        let bytes = named("v1_with_companion.awsv");
        let derived = SaveId::derived(bytes);
        let name = file_name(2, 0, id(9));
        let root = root([(&name, bytes)]);
        let [found] = root.saves() else { panic!() };
        assert_eq!((found.save_id, found.version, found.schema), (derived, 1, 2));
        assert_eq!(root.warnings(), []);
        let mut index = root.to_index();
        assert_eq!(index.entries[0].save_id, derived);
        index.entries[0].save_id = id(9);
        let json = index.to_json().unwrap();
        assert_eq!(super::root([(name.as_str(), bytes), (INDEX_NAME, &json)]).warnings(), []);
    }
}
