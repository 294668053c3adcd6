//! What is done to a store while something goes wrong.

use std::{ops::ControlFlow, sync::OnceLock};

use keepstone_checkpoint::{
    BatchItem, Bytes, Checkpoint, CheckpointStore, Durability, Error, Fields, Policy, Query, Selection,
};

use crate::{
    check::Checked,
    random::Random,
    stand::{commit, quiet},
};

/// Something that is done to a store, as a whole or not at all unless it says otherwise.
#[derive(Clone, Copy)]
pub(crate) struct Act {
    pub(crate) what: &'static str,
    /// What is there before; none: not even a store.
    pub(crate) prepare: Option<fn(&CheckpointStore) -> Checked>,
    pub(crate) run: fn(&CheckpointStore) -> Result<(), Error>,
    /// Whether it begins before the store is open.
    pub(crate) opens: bool,
    /// Whether a part of it may be there afterwards; doing it again does the rest then.
    pub(crate) is_in_parts: bool,
}

const PLAIN: Act =
    Act { what: "", prepare: Some(prepare), run: |_| Ok(()), opens: false, is_in_parts: false };

pub(crate) const FIRST_OPENING: Act = Act { what: "the first opening", prepare: None, opens: true, ..PLAIN };
pub(crate) const OPENING: Act = Act { what: "an opening", opens: true, ..PLAIN };
pub(crate) const BEGIN: Act = Act {
    what: "a session that begins",
    run: |store| {
        let metadata = Fields::from([("who".to_owned(), "the suite".to_owned())]);
        store.begin_session("three", metadata).map(drop)
    },
    ..PLAIN
};
pub(crate) const COMMIT: Act = Act {
    what: "a checkpoint",
    run: |store| {
        let session = store.session("one")?;
        let payload = Bytes::from(Random::new(9).bytes(700));
        session.checkpoint(&payload).message("made").tag("new").annotate("run", "3").commit().map(drop)
    },
    ..PLAIN
};
pub(crate) const BATCH: Act = Act {
    what: "a batch",
    run: |store| {
        let (one, two) = (store.session("one")?, store.session("two")?);
        let (left, right) = (Bytes::from(Random::new(5).bytes(400)), Bytes::from(b"right".as_slice()));
        let items = vec![
            BatchItem::new(&one, &left),
            BatchItem::new(&two, &right).tag("batch"),
            BatchItem::new(&one, &right),
        ];
        store.checkpoint_batch(items, Durability::Durable).map(drop)
    },
    ..PLAIN
};
pub(crate) const TAG: Act =
    Act { what: "a tag", run: |store| store.tag(nth(store, 1)?.id, &["late", "later"]), ..PLAIN };
pub(crate) const ANNOTATE: Act =
    Act { what: "an annotation", run: |store| store.annotate(nth(store, 1)?.id, "run", Some("9")), ..PLAIN };
pub(crate) const MESSAGE: Act = Act {
    what: "another message",
    run: |store| store.set_message(nth(store, 2)?.id, "not what it was"),
    ..PLAIN
};
pub(crate) const LOCK: Act =
    Act { what: "a lock", run: |store| store.lock(nth(store, 0)?.id, true), ..PLAIN };
pub(crate) const FORK: Act = Act {
    what: "a fork",
    run: |store| store.session("one")?.fork("other side", nth(store, 1)?.id).map(drop),
    ..PLAIN
};
pub(crate) const RESTORE: Act = Act {
    what: "a restore",
    run: |store| store.session("one")?.restore::<Bytes<'_>>(nth(store, 0)?.id).map(drop),
    ..PLAIN
};
pub(crate) const UNDO: Act =
    Act { what: "an undo", run: |store| store.session("one")?.undo().map(drop), ..PLAIN };
pub(crate) const END_BRANCH: Act =
    Act { what: "a branch that ends", run: |store| store.session("one")?.end_branch("side"), ..PLAIN };
pub(crate) const RENAME: Act =
    Act { what: "another name", run: |store| store.rename_session("two", "zwei"), ..PLAIN };
pub(crate) const END_SESSION: Act =
    Act { what: "a session that ends", run: |store| store.end_session("two"), ..PLAIN };
pub(crate) const SEAL: Act = Act { what: "a move to packs", run: CheckpointStore::seal, ..PLAIN };
pub(crate) const PRUNE: Act = Act {
    what: "a prune",
    run: |store| {
        let plan = store.plan(&Policy::new().keep_last(1).keep_tag("safe"), None)?;
        store.apply(&plan, &mut |_| ControlFlow::Continue(())).map(drop)
    },
    ..PLAIN
};
pub(crate) const SWEEP: Act = Act {
    what: "a sweep",
    prepare: Some(prepare_garbage),
    run: |store| store.sweep(i64::MAX).map(drop),
    ..PLAIN
};
pub(crate) const IMPORT: Act =
    Act { what: "an import", run: |store| store.import(exported()?).map(drop), is_in_parts: true, ..PLAIN };
pub(crate) const CLOSE: Act = Act { what: "a close", run: |store| store.clone().close(), ..PLAIN };

/// A checkpoint by its place.
fn nth(store: &CheckpointStore, place: usize) -> Result<std::sync::Arc<Checkpoint>, Error> {
    let found = store.list(&Query::new())?.get(place).cloned();
    found.ok_or(Error::Misuse { what: "a checkpoint that was made before is not listed" })
}

/// Two sessions with a fork, tags, a lock and heads that have moved; some of it in a pack, some in the journal.
pub(crate) fn prepare(store: &CheckpointStore) -> Checked {
    let mut random = Random::new(3);
    let mut state = random.bytes(600);
    let (one, two) = (store.session("one")?, store.session("two")?);
    let mut made = Vec::new();
    for round in 0..4 {
        random.edit(&mut state);
        let payload = Bytes::from(state.clone());
        let run = ["1", "2"].get(round % 2).copied().unwrap_or_default();
        made.push(one.checkpoint(&payload).message(format!("round {round}")).annotate("run", run).commit()?);
    }
    commit(&two, b"two")?;
    store.seal()?;
    if let [first, second, ..] = made.as_slice() {
        store.tag(first, &["safe"])?;
        store.lock(second, true)?;
        let side = one.fork("side", second)?;
        commit(&side, &random.bytes(300))?;
        one.reset(second)?;
    }
    random.edit(&mut state);
    commit(&one, &state)?;
    commit(&two, b"two and more")?;
    Ok(())
}

/// The same, and packs that nothing refers to.
fn prepare_garbage(store: &CheckpointStore) -> Checked {
    prepare(store)?;
    store.seal()?;
    store.end_session("two")?;
    let one = store.session("one")?;
    commit(&one, b"what stays")?;
    if let Some(locked) = store.latest(&Query::new().locked(true))? {
        store.lock(&locked, false)?;
    }
    one.end_branch("side")?;
    store.compact(1)?;
    Ok(())
}

/// An export of three checkpoints, the same each time.
fn exported() -> Result<&'static [u8], Error> {
    static EXPORT: OnceLock<Vec<u8>> = OnceLock::new();
    if EXPORT.get().is_none() {
        let store = CheckpointStore::in_memory_with(quiet());
        let session = store.session("imported")?;
        for state in [b"first".as_slice(), b"second", b"third"] {
            commit(&session, state)?;
        }
        let mut bytes = Vec::new();
        store.export(&Selection::All, &mut bytes)?;
        // Another thread may have been faster; then its export is the one.
        let _ = EXPORT.set(bytes);
    }
    EXPORT.get().map(Vec::as_slice).ok_or(Error::Misuse { what: "an export that was made is there" })
}
