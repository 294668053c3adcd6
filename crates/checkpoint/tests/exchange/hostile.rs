//! Exports that are damaged, or made to do damage.

use keepstone_checkpoint::{CheckpointStore, Error, Kind, Selection};
use keepstone_format::{Codec, FileKind, Metadata, SectionId, Writer, WriterOptions};
use keepstone_testkit::Random;

use super::graph::{assert_same, fill};
use crate::support::bytes;

fn small() -> (CheckpointStore, Vec<u8>) {
    let store = CheckpointStore::in_memory();
    let main = store.session("agent").unwrap();
    for step in 0..4 {
        let state = bytes(&format!(
            "{} {step}",
            "a state that is long enough for a difference to pay, more or less".repeat(2)
        ));
        main.checkpoint(&state).tag("safe").message("made by a test").at(step).commit().unwrap();
    }
    main.fork("other", &main.head().unwrap().unwrap()).unwrap().checkpoint(&bytes("short")).commit().unwrap();
    let mut out = Vec::new();
    store.export(&Selection::All, &mut out).unwrap();
    (store, out)
}

#[test]
fn an_export_that_is_cut_off_anywhere_is_refused() {
    let (_, out) = small();
    for len in 0..out.len() {
        let copy = CheckpointStore::in_memory();
        let err = copy.import(&out[..len]).unwrap_err();
        assert!(matches!(err.kind(), Kind::Damaged), "{len}: {err}");
        assert!(copy.is_empty().unwrap(), "{len}");
    }
}

#[test]
fn every_flipped_bit_is_found() {
    let (store, out) = small();
    let mut same = 0;
    for bit in 0..out.len() * 8 {
        let mut broken = out.clone();
        broken[bit / 8] ^= 1 << (bit % 8);
        let copy = CheckpointStore::in_memory();
        // Bits that mean nothing, such as optional features, may be any.
        if copy.import(&*broken).is_ok() {
            same += 1;
            assert_same(&copy, &store);
        }
        // Whatever was in it, the store takes the whole one.
        copy.import(&*out).unwrap();
        assert_eq!(copy.len().unwrap(), store.len().unwrap(), "bit {bit}");
    }
    assert!(same <= 64, "{same}");
}

#[test]
fn other_containers_and_other_sections_are_refused() {
    let sections = |kind, ids: &[SectionId]| {
        let mut writer = Writer::new(Vec::new(), WriterOptions::new(kind).codec(Codec::None)).unwrap();
        for id in ids {
            writer.coded_from(*id, 0, &[b""]).unwrap();
        }
        writer.finish(Metadata::new()).unwrap().0
    };
    let (pack, operations) = (SectionId::PACK, SectionId::OPERATIONS);
    let copy = CheckpointStore::in_memory();
    assert!(copy.import(&*sections(FileKind::CHECKPOINT_EXPORT, &[pack, operations])).is_ok());
    for (kind, ids) in [
        (FileKind::SAVE, &[pack, operations][..]),
        (FileKind::CHECKPOINT_EXPORT, &[operations, pack]),
        (FileKind::CHECKPOINT_EXPORT, &[pack]),
        (FileKind::CHECKPOINT_EXPORT, &[operations]),
        (FileKind::CHECKPOINT_EXPORT, &[pack, operations, SectionId::BYTES]),
    ] {
        let err = copy.import(&*sections(kind, ids)).unwrap_err();
        assert!(matches!(err, Error::Damaged { .. }) && err.kind() == Kind::Damaged, "{err}");
    }
    assert!(copy.is_empty().unwrap());
}

/// Operations that the checksums vouch for, and that no store has written.
#[test]
fn made_up_operations_and_payloads_are_read_or_refused() {
    let mut seeds = Random::new(11);
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let store = CheckpointStore::in_memory();
        fill(&store, &mut random, 12);
        let mut out = Vec::new();
        store.export(&Selection::All, &mut out).unwrap();
        let reader = keepstone_format::Reader::open(&*out, keepstone_format::Limits::default()).unwrap();
        let section = |id| reader.read(reader.find(id, 0).unwrap()).unwrap().into_owned();
        for _ in 0..50 {
            let (mut pack, mut operations) = (section(SectionId::PACK), section(SectionId::OPERATIONS));
            let changed = if seeds.one_in(3) { &mut pack } else { &mut operations };
            for _ in 0..=seeds.index(3) {
                let at = seeds.index(changed.len().max(1)).min(changed.len().saturating_sub(1));
                match seeds.index(3) {
                    0 => drop(changed.drain(at..)),
                    1 => changed.insert(at, u8::try_from(seeds.index(256)).unwrap()),
                    _ => changed.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (at % 8)),
                }
            }
            let mut writer =
                Writer::new(Vec::new(), WriterOptions::new(FileKind::CHECKPOINT_EXPORT).codec(Codec::None))
                    .unwrap();
            writer.coded_from(SectionId::PACK, 0, &[&pack]).unwrap();
            writer.coded_from(SectionId::OPERATIONS, 0, &[&operations]).unwrap();
            let (bytes, _) = writer.finish(Metadata::new()).unwrap();
            let copy = CheckpointStore::in_memory();
            drop(copy.import(&*bytes));
            // What was taken in is sound.
            for found in copy.list(&keepstone_checkpoint::Query::new()).unwrap() {
                let state = copy.state(found.id).unwrap();
                assert_eq!(keepstone_checkpoint::ContentId::of(state.bytes()), found.content);
            }
        }
    }
}
