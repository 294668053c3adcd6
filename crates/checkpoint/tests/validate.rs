//! Whether what is stored is what was checkpointed, and what says so if it isn't.

use std::{collections::BTreeSet, ops::ControlFlow, sync::Arc};

use keepstone_checkpoint::{
    Backend, CheckpointReader, CheckpointStore, Error, Files, MemBackend, Query, Stage, StoreOptions,
    Validate, Validation,
};

use crate::{
    repair::shadow::{Shadows, contents, in_dir, put},
    support::{ROOT, bytes, open, quiet},
};

fn validated(files: &Arc<dyn Files>, which: &Validate) -> Result<Validation, Error> {
    CheckpointStore::validate_dir(ROOT, &quiet(files), which, &mut |_| ControlFlow::Continue(()))
}

/// Whether all states can be had, and are what they were.
fn is_harmless(files: &Arc<dyn Files>, shadows: &Shadows) -> bool {
    let Ok(reader) = CheckpointReader::open_with(ROOT, quiet(files)) else { return false };
    reader.list(&Query::new()).is_ok_and(|all| all.len() == shadows.all.len())
        && shadows
            .all
            .values()
            .all(|shadow| reader.state(shadow.known.id).is_ok_and(|state| state.bytes() == shadow.state))
}

#[test]
fn every_changed_byte_is_found_or_does_no_harm() {
    for closed in [false, true] {
        let (files, shadows) = in_dir(closed);
        let sound = validated(&files, &Validate::all()).unwrap();
        assert!(
            sound.is_good() && sound.good == shadows.all.len() as u64 && sound.torn.is_none(),
            "{sound:?}"
        );
        let mut found = 0;
        for (path, bytes) in contents(&files).iter().filter(|(path, _)| !path.ends_with("LOCK")) {
            let is_log = path.parent().unwrap().ends_with("log");
            let content = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) + 2;
            for at in (0..content.min(bytes.len())).step_by(content / 120 + 1) {
                let mut changed = bytes.clone();
                changed[at] ^= 0x40;
                put(&files, path, Some(&changed));
                let answer = validated(&files, &Validate::all()).unwrap();
                if answer.is_good() && answer.torn.is_none() {
                    assert!(is_log && is_harmless(&files, &shadows), "{}, byte {at}", path.display());
                } else {
                    found += 1;
                }
            }
            put(&files, path, Some(bytes));
        }
        assert!(found > 200, "{found}");
    }
}

#[test]
fn a_sample_is_the_same_for_the_same_seed_and_another_one_for_another() {
    let (files, shadows) = in_dir(true);
    let packs: Vec<_> =
        contents(&files).into_keys().filter(|path| path.starts_with(format!("{ROOT}/packs"))).collect();
    for pack in packs {
        put(&files, &pack, None);
    }
    // Whatever is looked at is found to be lost.
    let of = |which: Validate| -> BTreeSet<u64> {
        let answer = validated(&files, &which).unwrap();
        answer.findings.iter().map(|finding| finding.checkpoint.sequence.0).collect()
    };
    let one = of(Validate::sample(5, 1));
    assert_eq!((one.len(), &one), (5, &of(Validate::sample(5, 1))));
    assert_ne!(one, of(Validate::sample(5, 2)));
    assert!(one.is_subset(&of(Validate::sample(9, 1))));
    assert_eq!(of(Validate::sample(1000, 1)).len(), shadows.all.len());
    let last = shadows.all.values().last().unwrap();
    assert_eq!(of(Validate::one(last.known.id)), BTreeSet::from([last.known.sequence.0]));
    let nobody = Validate::one(keepstone_checkpoint::CheckpointId::from_bytes([9; 16]));
    assert!(matches!(validated(&files, &nobody), Err(Error::NoCheckpoint { .. })));
}

#[test]
fn it_tells_how_far_it_is_and_stops_when_it_is_told_to() {
    let (files, shadows) = in_dir(true);
    let store = open(&files).unwrap();
    let mut told = Vec::new();
    let answer = store.validate_with(&Validate::all(), &mut |validated| {
        told.push((validated.stage, validated.done, validated.total));
        let states = told.iter().filter(|(stage, ..)| *stage == Stage::States).count();
        if states == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let answer = answer.unwrap();
    assert!(answer.stopped && answer.checkpoints == 4 && answer.bytes_read > 0, "{answer:?}");
    let total = shadows.all.len() as u64;
    assert_eq!(told.last(), Some(&(Stage::States, 4, total)));
    assert_eq!(told[0], (Stage::Objects, 0, 3));
    let stopped = store.validate_with(&Validate::all(), &mut |_| ControlFlow::Break(())).unwrap();
    assert!(stopped.stopped && stopped.checkpoints == 0);
}

#[test]
fn damage_behind_a_state_in_memory_is_seen() {
    // In a pack, with the state of the head in memory.
    let files: Arc<dyn Files> = Arc::new(keepstone_checkpoint::MemFiles::default());
    let store = open(&files).unwrap();
    let session = store.session("main").unwrap();
    let text = "in the pack and in memory ".repeat(20);
    let made = session.checkpoint(&bytes(&text)).commit().unwrap();
    store.seal().unwrap();
    let all = contents(&files);
    let (path, content) = all.iter().find(|(path, _)| path.starts_with(format!("{ROOT}/packs"))).unwrap();
    let mut changed = content.clone();
    changed[135] ^= 1;
    put(&files, path, Some(&changed));
    assert_eq!(store.state(&made).unwrap().bytes(), text.as_bytes(), "the head is in memory");
    let answer = store.validate(&Validate::one(&made)).unwrap();
    assert_eq!((answer.good, answer.findings.len()), (0, 1), "{answer:?}");
    assert_eq!(answer.findings[0].checkpoint.id, made.id());
    assert_eq!(answer.findings[0].offset, Some(128));
    // In the journal, whose bytes are in memory until they move.
    let journal = session.checkpoint(&bytes(&"only in the journal ".repeat(30))).commit().unwrap();
    store.session("two").unwrap().checkpoint(&bytes("a later one")).commit().unwrap();
    let all = contents(&files);
    let (path, content) =
        all.iter().find(|(_, content)| content.windows(12).any(|window| window == b"only in the ")).unwrap();
    let at = content.windows(12).position(|window| window == b"only in the ").unwrap();
    let file = files.open_rw(path).unwrap();
    file.write_all_at(b"O", at as u64).unwrap();
    assert!(store.state(&journal).is_ok());
    let answer = store.validate(&Validate::all()).unwrap();
    assert_eq!(answer.lost_commits.len(), 1, "{answer:?}");
    assert!(answer.findings.iter().any(|finding| finding.checkpoint.id == journal.id()), "{answer:?}");
}

#[test]
fn a_store_in_memory_and_one_on_a_backend_are_validated() {
    let memory = CheckpointStore::in_memory();
    let backend = Arc::new(MemBackend::default());
    let options = StoreOptions::new().background(false);
    let other = CheckpointStore::on(backend.clone(), options.clone()).unwrap();
    for store in [&memory, &other] {
        let session = store.session("main").unwrap();
        for number in 0..20 {
            session.checkpoint(&bytes(&format!("{} {number}", "x".repeat(200)))).commit().unwrap();
            if number == 10 {
                store.seal().unwrap();
            }
        }
        let answer = store.validate(&Validate::all()).unwrap();
        assert!(answer.is_good() && answer.good == 20, "{answer:?}");
    }
    let reader = CheckpointReader::on(backend.clone(), options).unwrap();
    assert!(reader.validate(&Validate::all()).unwrap().is_good());
    let pack = backend.list("packs/").unwrap().remove(0).name;
    backend.delete(&pack).unwrap();
    let answer = reader.validate(&Validate::all()).unwrap();
    assert_eq!((answer.faults.len(), answer.findings.len() as u64 + answer.good), (1, 20), "{answer:?}");
    assert!(answer.findings.len() >= 11);
}
