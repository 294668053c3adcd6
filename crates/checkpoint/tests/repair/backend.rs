//! Every object of a store on a backend, deleted, cut and changed.

use std::{collections::BTreeSet, sync::Arc};

use keepstone_checkpoint::{
    Backend, CheckpointId, CheckpointReader, CheckpointStore, Kind, MemBackend, StoreOptions,
};
use keepstone_testkit::Random;

use super::shadow::{Shadows, go};

fn options() -> StoreOptions {
    StoreOptions::new().background(false)
}

fn on_backend() -> (Arc<MemBackend>, Shadows) {
    let backend = Arc::new(MemBackend::default());
    let store = CheckpointStore::on(backend.clone(), options()).unwrap();
    let mut shadows = Shadows::default();
    let mut random = Random::new(9);
    // Each flush puts an object: the number behind the last is that of the commit.
    let last = |backend: &MemBackend| {
        let listed = backend.list("commits/").unwrap();
        let digits = listed.last().map(|object| object.name[8..24].to_owned()).unwrap();
        u64::from_str_radix(&digits, 16).unwrap()
    };
    for phase in 0..3 {
        shadows.work(&store, &mut random, phase, 7, &|| last(&backend));
        if phase < 2 {
            store.seal().unwrap();
        }
    }
    drop(store);
    (backend, shadows)
}

/// What has to survive when an object is not what it was.
fn expected(shadows: &Shadows, names: &[String], name: &str) -> BTreeSet<CheckpointId> {
    let place = |folder: &str| {
        let mut of_kind = names.iter().filter(|name| name.starts_with(folder));
        (of_kind.clone().count(), of_kind.position(|found| found == name))
    };
    if let (_, Some(touched)) = place("packs/") {
        return shadows.survivors(|link| link.phase != touched);
    }
    if let (count, Some(touched)) = place("manifests/") {
        // Of a journal of objects what was given up is gone: an older manifest has what was moved before it.
        return shadows.survivors(|link| touched + 1 < count || link.phase < 1);
    }
    let number = u64::from_str_radix(&name[8..24], 16).unwrap();
    shadows.survivors(|link| link.phase < 2 || link.commit < number)
}

fn check(backend: &Arc<MemBackend>, shadows: &Shadows, expected: &BTreeSet<CheckpointId>, what: &str) {
    let out = Arc::new(MemBackend::default());
    match CheckpointStore::repair_on(backend.clone(), &*out, &options(), &mut go) {
        Ok(repaired) => {
            let reader = CheckpointReader::on(out.clone(), options()).unwrap();
            shadows.check(&reader, &repaired, expected, what);
            let store = CheckpointStore::on(out, options()).unwrap();
            let next = store.session("next").unwrap().checkpoint(&7_u8).commit().unwrap();
            assert_eq!(Some(next.checkpoint.sequence), repaired.next_sequence);
        }
        Err(err) => assert!(expected.is_empty() && err.kind() == Kind::Damaged, "{what}: {err}"),
    }
}

#[test]
fn an_object_that_is_gone_cut_or_changed_takes_no_more_than_was_in_it() {
    let (backend, shadows) = on_backend();
    let names: Vec<String> = backend.list("").unwrap().into_iter().map(|object| object.name).collect();
    assert!(names.len() > 8, "{names:?}");
    check(&backend, &shadows, &shadows.survivors(|_| true), "sound");
    for name in &names {
        let bytes = backend.get(name).unwrap().unwrap();
        let expected = expected(&shadows, &names, name);
        // Without the newest commits it is the store that it was before them: nothing says that there were more.
        let is_last = names.iter().rfind(|other| other.starts_with("commits/")) == Some(name);
        let mut damaged = if is_last { Vec::new() } else { vec![None] };
        damaged.extend((0..bytes.len()).step_by(bytes.len() / 8 + 1).map(|len| Some(bytes[..len].to_vec())));
        for at in (0..bytes.len()).step_by(bytes.len() / 25 + 1) {
            let mut changed = bytes.clone();
            changed[at] ^= 0x11;
            damaged.push(Some(changed));
        }
        for (number, damaged) in damaged.into_iter().enumerate() {
            backend.delete(name).unwrap();
            if let Some(damaged) = &damaged {
                backend.put_if_absent(name, damaged).unwrap();
            }
            check(&backend, &shadows, &expected, &format!("{name}, {number}"));
        }
        backend.delete(name).unwrap();
        backend.put_if_absent(name, &bytes).unwrap();
    }
}
