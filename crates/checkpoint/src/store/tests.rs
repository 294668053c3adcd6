//! Stores whose bytes are sound and say what no writer says.

use std::sync::Arc;

use keepstone_format::{Codec, Kind};

use super::{CheckpointStore, open::write_operations};
use crate::{
    Error,
    backend::{Backend, MemBackend},
    catalog::Catalog,
    checkpoint::{Facts, Fields, StateLayout},
    form::{Body, Form, PackPlace, Place},
    id::{ContentId, Prefix},
    manifest::{Manifest, PackInfo},
    object::{Folder, NUMBER_MAX},
    op::{NewCheckpoint, Op, Parent},
    options::StoreOptions,
    trigger::Trigger,
};

/// A store with two checkpoints that are in a pack, as far as the manifest of this number says.
fn store(number: u64, place: PackPlace, packs: Vec<PackInfo>) -> CheckpointStore {
    let mut catalog = Catalog::default();
    let body = Body { form: Form::Full(Codec::None), place: Place::Pack(place) };
    let new = NewCheckpoint {
        id: None,
        branch: 0,
        parent: Parent::Head,
        time: None,
        trigger: Trigger::Manual,
        message: "".into(),
        tags: Vec::new(),
        annotations: Fields::new(),
        locked: false,
        facts: Facts::default(),
        layout: StateLayout::Bytes,
        len: place.len,
        content: ContentId::of(b""),
        body,
    };
    for op in [
        Op::Session { name: "main".into(), time: None, metadata: Fields::new() },
        Op::Branch { session: 0, name: "main".into(), head: None },
        Op::Writer(Prefix([1; 8])),
        Op::Checkpoint(Box::new(new.clone())),
        Op::Checkpoint(Box::new(new)),
    ] {
        catalog.apply(op).unwrap();
    }
    let operations = write_operations(&catalog, None).unwrap();
    let manifest =
        Manifest { number, store_id: [7; 16], journal_from: 1, packs, retired: Vec::new(), operations };
    let backend = Arc::new(MemBackend::new());
    let name = Folder::MANIFESTS.name(number);
    assert!(backend.put_if_absent(&name, &manifest.encode().unwrap()).unwrap());
    CheckpointStore::on(backend, StoreOptions::new().background(false)).unwrap()
}

#[test]
fn lengths_that_add_up_to_more_than_there_can_be_are_no_reason_to_panic() {
    let place = PackPlace { pack: 1, offset: 128, len: (1 << 63) + 1, crc: 0 };
    let pack = |number| PackInfo { number, len: u64::MAX, live: 0 };
    let store = store(1, place, vec![pack(1), pack(2)]);
    assert_eq!(store.stats().unwrap().pack_bytes, u64::MAX);
    let session = store.session("main").unwrap();
    assert_eq!(session.latest::<u8>().unwrap_err().kind(), Kind::Damaged);
    store.session("other").unwrap().checkpoint(&1_u8).commit().unwrap();
    store.seal().unwrap();
    assert_eq!(store.stats().unwrap().state_bytes, u64::MAX);
}

#[test]
fn behind_the_last_manifest_there_can_be_comes_none() {
    let place = PackPlace { pack: 1, offset: 128, len: 1, crc: 0 };
    let store = store(NUMBER_MAX, place, vec![PackInfo { number: 1, len: 1, live: 1 }]);
    let session = store.session("other").unwrap();
    let made = session.checkpoint(&1_u8).commit().unwrap();
    assert!(matches!(store.seal(), Err(Error::Format { .. })));
    assert_eq!(store.get::<u8>(&made).unwrap(), 1);
}
