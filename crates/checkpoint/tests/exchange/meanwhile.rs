//! Exports on several threads, and of stores to which something happens.

use std::{
    cell::Cell,
    io::{self, Write},
    num::NonZeroUsize,
    sync::Arc,
};

use keepstone_checkpoint::{
    Bytes, CheckpointReader, CheckpointStore, Error, Exported, Files, MemFiles, Selection,
};
use keepstone_format::ReadAt;
use keepstone_testkit::Random;

use super::graph::{assert_same, fill};
use crate::support::{ROOT, bytes, edit, mixed, open, quiet};

/// A form of exports.
type Export = fn(&CheckpointStore, &Selection, &mut dyn Write) -> Result<Exported, Error>;

const EXPORTS: [Export; 2] = [
    |store, selection, out| store.export(selection, out),
    |store, selection, out| store.export_json(selection, out),
];

fn exported(store: &CheckpointStore, export: Export, selection: &Selection) -> (Vec<u8>, Exported) {
    let mut out = Vec::new();
    let exported = export(store, selection, &mut out).unwrap();
    (out, exported)
}

/// Does something to the store when the first bytes come.
struct Interrupted<'i> {
    out: Vec<u8>,
    first: Option<Box<dyn FnOnce() + 'i>>,
}

impl Write for Interrupted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(first) = self.first.take() {
            first();
        }
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_bytes_of_an_export_do_not_depend_on_how_many_threads_there_are() {
    for seed in 0..6 {
        let files: Arc<dyn Files> = Arc::new(MemFiles::new());
        let store = open(&files).unwrap();
        fill(&store, &mut Random::new(seed), 60);
        let sessions = store.sessions().unwrap();
        let first = &sessions[0];
        let branch = first.branches.last().unwrap().0.to_string();
        let selections = [
            Selection::All,
            Selection::Session(first.name.to_string()),
            Selection::Branch { session: first.name.to_string(), branch },
        ];
        store.close().unwrap();
        let with = |threads| {
            let options = quiet(&files).threads(NonZeroUsize::new(threads).unwrap());
            let store = CheckpointStore::open_with(ROOT, options).unwrap();
            EXPORTS.map(|export| selections.each_ref().map(|selection| exported(&store, export, selection)))
        };
        let alone = with(1);
        for threads in [2, 3, 8] {
            assert!(with(threads) == alone, "seed {seed}, {threads} threads");
        }
    }
}

#[test]
fn an_export_holds_up_nothing_and_is_the_store_as_it_was_when_it_began() {
    for export in EXPORTS {
        let mut random = Random::new(9);
        let files: Arc<dyn Files> = Arc::new(MemFiles::new());
        let store = CheckpointStore::open_with(ROOT, quiet(&files).grace(0).clock(|| 1)).unwrap();
        let session = store.session("agent").unwrap();
        let mut state = mixed(&mut random, 3000);
        for step in 0..40 {
            edit(&mut random, &mut state);
            session.checkpoint(&Bytes::from(&state[..])).commit().unwrap();
            if step % 10 == 0 {
                store.seal().unwrap();
            }
        }
        let (before, _) = exported(&store, export, &Selection::All);
        let happens = || {
            session.checkpoint(&bytes("another")).commit().unwrap();
            store.seal().unwrap();
            assert!(store.compact(1).unwrap().checkpoints > 30);
            let swept = store.sweep(1).unwrap();
            assert!(swept.packs == 0 && swept.waiting > 0, "{swept:?}");
        };
        let mut out = Interrupted { out: Vec::new(), first: Some(Box::new(happens)) };
        let found = export(&store, &Selection::All, &mut out).unwrap();
        assert!(out.first.is_none() && found.checkpoints == 40);
        assert!(out.out == before);
        // From here on nobody needs them.
        assert!(store.sweep(1).unwrap().packs > 0);
        assert_eq!(store.len().unwrap(), 1);
    }
}

#[test]
fn what_an_export_needs_is_swept_once_it_has_failed() {
    let files: Arc<dyn Files> = Arc::new(MemFiles::new());
    let store = CheckpointStore::open_with(ROOT, quiet(&files).grace(0).clock(|| 1)).unwrap();
    let session = store.session("agent").unwrap();
    session.checkpoint(&bytes("one")).commit().unwrap();
    store.seal().unwrap();
    session.checkpoint(&bytes("two")).commit().unwrap();
    store.export(&Selection::All, &mut [0_u8; 10][..]).unwrap_err();
    store.compact(1).unwrap();
    assert!(store.sweep(1).unwrap().packs > 0);
}

#[test]
fn a_reader_exports_what_it_knows_while_the_store_is_open_elsewhere() {
    let mut random = Random::new(6);
    let files: Arc<dyn Files> = Arc::new(MemFiles::new());
    let options = || quiet(&files).grace(0).clock(|| 1);
    let store = CheckpointStore::open_with(ROOT, options()).unwrap();
    let session = store.session("agent").unwrap();
    let mut state = mixed(&mut random, 3000);
    for _ in 0..20 {
        edit(&mut random, &mut state);
        session.checkpoint(&Bytes::from(&state[..])).commit().unwrap();
    }
    store.seal().unwrap();
    session.checkpoint(&bytes("in the journal")).commit().unwrap();
    let reader = CheckpointReader::open_with(ROOT, options()).unwrap();
    let by_reader = |export: usize| {
        let mut out = Vec::new();
        let exported = match export {
            0 => reader.export(&Selection::All, &mut out),
            _ => reader.export_json(&Selection::All, &mut out),
        };
        exported.map(|exported| (out, exported))
    };
    for (place, export) in EXPORTS.into_iter().enumerate() {
        assert!(by_reader(place).unwrap() == exported(&store, export, &Selection::All));
    }
    // What is committed meanwhile is not in it, until the reader looks again.
    session.checkpoint(&bytes("another")).commit().unwrap();
    assert_eq!(by_reader(0).unwrap().1.checkpoints, 21);
    // What is pruned is there for as long as its pack is.
    assert_eq!(store.compact(1).unwrap().checkpoints, 21);
    assert_eq!(by_reader(0).unwrap().1.checkpoints, 21);
    assert!(store.sweep(1).unwrap().packs > 0);
    for export in [0, 1] {
        let gone = by_reader(export);
        assert!(matches!(gone, Err(Error::MissingPack { .. })), "{gone:?}");
    }
    reader.refresh().unwrap();
    for (place, export) in EXPORTS.into_iter().enumerate() {
        let (out, found) = by_reader(place).unwrap();
        assert_eq!(found.checkpoints, 1);
        assert!(out == exported(&store, export, &Selection::All).0);
    }
}

/// Bytes that are read in pieces, of which it is known how long they are.
struct Counted {
    bytes: Vec<u8>,
    read: Cell<u64>,
    longest: Cell<usize>,
}

impl ReadAt for Counted {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.read.set(self.read.get() + buf.len() as u64);
        self.longest.set(self.longest.get().max(buf.len()));
        self.bytes.as_slice().read_exact_at(offset, buf)
    }
}

#[test]
fn json_is_gone_through_twice_in_short_pieces() {
    let store = CheckpointStore::in_memory();
    let session = store.session("agent").unwrap();
    let mut random = Random::new(4);
    for _ in 0..20 {
        session.checkpoint(&Bytes::from(mixed(&mut random, 40_000))).commit().unwrap();
    }
    let (bytes, _) = exported(&store, EXPORTS[1], &Selection::All);
    let source = Counted { bytes, read: Cell::new(0), longest: Cell::new(0) };
    let copy = CheckpointStore::in_memory();
    copy.import_json(&source).unwrap();
    assert_same(&copy, &store);
    assert_eq!(source.read.get(), 2 * source.len());
    assert!(source.longest.get() <= 64 << 10, "{}", source.longest.get());
}

#[test]
fn json_may_have_its_members_in_any_order() {
    let store = CheckpointStore::in_memory();
    fill(&store, &mut Random::new(5), 20);
    let (bytes, _) = exported(&store, EXPORTS[1], &Selection::All);
    let document: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let turned = format!(
        "{{\"checkpoints\":{},\"version\":1,\"sessions\":{},\"format\":{}}}",
        document["checkpoints"], document["sessions"], document["format"]
    );
    let [straight, other] = [CheckpointStore::in_memory(), CheckpointStore::in_memory()];
    straight.import_json(&*bytes).unwrap();
    other.import_json(turned.as_bytes()).unwrap();
    assert_eq!(super::graph::heads(&other), super::graph::heads(&straight));
    assert_eq!(other.len().unwrap(), straight.len().unwrap());
}
