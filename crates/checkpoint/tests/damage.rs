//! Bytes that are not what was written.

use std::{path::PathBuf, sync::Arc};

use keepstone_checkpoint::{CheckpointReader, Files, MemFiles, Query};

use crate::support::{ROOT, open, quiet};

/// A store that was closed: all of it is in a pack and a manifest.
fn closed() -> (Arc<dyn Files>, Vec<Vec<u8>>) {
    let files: Arc<dyn Files> = Arc::new(MemFiles::default());
    let store = open(&files).unwrap();
    let session = store.session("main").unwrap();
    let mut state = vec![7; 300];
    for number in 0..4 {
        state[100 * number % 300] = 9;
        session.checkpoint(&keepstone_checkpoint::Bytes::from(state.as_slice())).tag("t").commit().unwrap();
    }
    drop(session);
    store.close().unwrap();
    let reader = CheckpointReader::open_with(ROOT, quiet(&files)).unwrap();
    let all = reader.list(&Query::new()).unwrap();
    (files, all.iter().map(|found| reader.state(found).unwrap().bytes().to_vec()).collect())
}

/// What the store gives: each state, or that it can't.
fn given(files: &Arc<dyn Files>) -> Option<Vec<Option<Vec<u8>>>> {
    let reader = CheckpointReader::open_with(ROOT, quiet(files)).ok()?;
    let all = reader.list(&Query::new()).ok()?;
    Some(all.iter().map(|found| reader.state(found).ok().map(|state| state.bytes().to_vec())).collect())
}

fn files_below(files: &Arc<dyn Files>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["packs", "manifests"] {
        let dir = PathBuf::from(ROOT).join(folder);
        found.extend(files.list(&dir).unwrap().into_iter().map(|name| dir.join(name)));
    }
    found
}

#[test]
fn a_flipped_bit_or_a_missing_end_is_noticed_and_never_gives_another_state() {
    let (files, states) = closed();
    let mut noticed = 0;
    for path in files_below(&files) {
        let file = files.open_rw(&path).unwrap();
        let len = usize::try_from(file.metadata().unwrap().len).unwrap();
        let mut sound = vec![0; len];
        file.read_full_at(&mut sound, 0).unwrap();
        for bit in (0..8 * len).step_by(3) {
            let mut byte = [sound[bit / 8] ^ 1 << (bit % 8)];
            file.write_all_at(&byte, u64::try_from(bit / 8).unwrap()).unwrap();
            match given(&files) {
                None => noticed += 1,
                Some(given) => {
                    assert_eq!(given.len(), states.len(), "{}, bit {bit}", path.display());
                    for (given, state) in given.iter().zip(&states) {
                        assert!(
                            given.is_none() || given.as_ref() == Some(state),
                            "{}, bit {bit}",
                            path.display()
                        );
                    }
                    noticed += u32::from(given.contains(&None));
                }
            }
            byte = [sound[bit / 8]];
            file.write_all_at(&byte, u64::try_from(bit / 8).unwrap()).unwrap();
        }
        files.remove(&path).unwrap();
        for len in (0..len).step_by(7) {
            let cut = files.create_new(&path).unwrap();
            cut.write_all_at(&sound[..len], 0).unwrap();
            drop(cut);
            if let Some(given) = given(&files) {
                assert!(
                    given
                        .iter()
                        .zip(&states)
                        .all(|(given, state)| given.is_none() || given.as_ref() == Some(state))
                );
            }
            files.remove(&path).unwrap();
        }
        let whole = files.create_new(&path).unwrap();
        whole.write_all_at(&sound, 0).unwrap();
    }
    assert!(noticed > 100, "{noticed}");
    assert_eq!(given(&files).unwrap(), states.into_iter().map(Some).collect::<Vec<_>>());
}
