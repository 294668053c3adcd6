//! What is found elsewhere than the newest manifest says, and what is behind lost commits.

use std::sync::Arc;

use keepstone_checkpoint::{CheckpointStore, Files, MemFiles, Query};

use super::shadow::{OUT, contents, go, in_dir, put};
use crate::support::{ROOT, bytes, open, quiet};

#[test]
fn a_state_of_a_lost_pack_is_taken_from_the_journal_that_was_not_cut_yet() {
    let (files, shadows) = in_dir(false);
    let packs: Vec<_> =
        contents(&files).into_keys().filter(|path| path.starts_with(format!("{ROOT}/packs"))).collect();
    put(&files, &packs[1], None);
    let repaired = CheckpointStore::repair(ROOT, OUT, &quiet(&files), &mut go).unwrap();
    assert!(repaired.is_whole() && repaired.found_elsewhere > 0, "{repaired:#?}");
    assert_eq!(repaired.checkpoints, shadows.all.len() as u64);
}

#[test]
fn a_state_that_is_lost_is_taken_from_a_checkpoint_that_has_the_same() {
    let files: Arc<dyn Files> = Arc::new(MemFiles::default());
    let store = open(&files).unwrap();
    let text = (0..200).map(|number| (number * number).to_string()).collect::<String>();
    let first = store.session("one").unwrap().checkpoint(&bytes(&text)).commit().unwrap();
    store.seal().unwrap();
    store.session("two").unwrap().checkpoint(&bytes(&text)).commit().unwrap();
    store.close().unwrap();
    let packs: Vec<_> =
        contents(&files).into_keys().filter(|path| path.starts_with(format!("{ROOT}/packs"))).collect();
    assert_eq!(packs.len(), 2);
    put(&files, &packs[0], None);
    let repaired = CheckpointStore::repair(ROOT, OUT, &quiet(&files), &mut go).unwrap();
    assert!(repaired.is_whole() && repaired.found_elsewhere == 1, "{repaired:#?}");
    let out = CheckpointStore::open_with(OUT, quiet(&files)).unwrap();
    assert_eq!(out.state(&first).unwrap().bytes(), text.as_bytes());
}

#[test]
fn without_a_manifest_a_journal_that_begins_with_the_first_commit_says_everything() {
    let files: Arc<dyn Files> = Arc::new(MemFiles::default());
    let store = open(&files).unwrap();
    let session = store.session("main").unwrap();
    let made: Vec<_> = (0..5)
        .map(|number| session.checkpoint(&bytes(&format!("state {number}"))).tag("t").commit().unwrap())
        .collect();
    store.seal().unwrap();
    drop((session, store));
    for path in contents(&files).into_keys() {
        if !path.starts_with(format!("{ROOT}/log")) {
            put(&files, &path, None);
        }
    }
    let repaired = CheckpointStore::repair(ROOT, OUT, &quiet(&files), &mut go).unwrap();
    assert!(repaired.is_whole() && repaired.is_older, "{repaired:#?}");
    let out = CheckpointStore::open_with(OUT, quiet(&files)).unwrap();
    for (number, made) in made.iter().enumerate() {
        assert_eq!(out.state(made).unwrap().bytes(), format!("state {number}").as_bytes());
    }
    assert_eq!(out.list(&Query::new().session("main").tag("t")).unwrap().len(), 5);
}

#[test]
fn checkpoints_behind_lost_commits_come_into_a_session_of_their_own() {
    let files: Arc<dyn Files> = Arc::new(MemFiles::default());
    let store = open(&files).unwrap();
    let one = store.session("recovered").unwrap();
    one.checkpoint(&bytes("before the damage")).commit().unwrap();
    let lost = bytes(&"the lost one ".repeat(10));
    one.checkpoint(&lost).commit().unwrap();
    let two = store.session("two").unwrap();
    let mut newest = String::new();
    for number in 0..4 {
        newest = format!("{} {number}", "behind the damage ".repeat(20));
        two.checkpoint(&bytes(&newest)).message(format!("message {number}")).tag("t").commit().unwrap();
    }
    drop((one, two, store));
    let all = contents(&files);
    let (path, content) = all
        .iter()
        .find(|(path, _)| path.starts_with(format!("{ROOT}/log")) && !path.ends_with("LOCK"))
        .unwrap();
    let at = content.windows(12).position(|window| window == b"the lost one").unwrap();
    let mut changed = content.clone();
    changed[at] ^= 1;
    put(&files, path, Some(&changed));
    let repaired = CheckpointStore::repair(ROOT, OUT, &quiet(&files), &mut go).unwrap();
    assert!(!repaired.is_whole() && repaired.lost_commits.len() == 1, "{repaired:#?}");
    assert_eq!((repaired.recovered.len(), repaired.strays_lost), (4, 0), "{repaired:#?}");
    assert!(repaired.recovered[0].sequence.0 > 2);
    let out = CheckpointStore::open_with(OUT, quiet(&files)).unwrap();
    let found = out.list(&Query::new().session("recovered-2").tag("t")).unwrap();
    let messages: Vec<&str> = found.iter().map(|found| &*found.message).collect();
    assert_eq!(messages, ["message 0", "message 1", "message 2", "message 3"]);
    let session = out.session("recovered-2").unwrap();
    assert_eq!(session.latest::<keepstone_checkpoint::Bytes<'_>>().unwrap().unwrap().0, newest.as_bytes());
    assert_eq!(out.list(&Query::new().session("recovered")).unwrap().len(), 1);
}

#[test]
fn of_packs_alone_it_is_said_that_nothing_says_what_is_in_them() {
    let (files, _) = in_dir(true);
    for path in contents(&files).into_keys() {
        if !path.starts_with(format!("{ROOT}/packs")) {
            put(&files, &path, None);
        }
    }
    let refused = CheckpointStore::repair(ROOT, OUT, &quiet(&files), &mut go).unwrap_err();
    assert_eq!(refused.kind(), keepstone_checkpoint::Kind::Damaged);
    assert!(refused.to_string().contains("of 3 packs"), "{refused}");
}
