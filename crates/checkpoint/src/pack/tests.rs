use std::sync::Mutex;

use keepstone_format::Kind;

use super::*;
use crate::{
    backend::{Backend, BackendError, MemBackend, Object},
    id::CheckpointId,
};

/// Written from FORMAT.md by `tests/golden/packs.py`.
const GOLDEN: &[u8] = include_bytes!("../../tests/golden/pack-v1-two.keep");
const STORE: [u8; 16] = *b"\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f";
const STATES: [(Sequence, &[u8]); 2] =
    [(Sequence(3), b"the first state"), (Sequence(9), b"and the second one")];

fn id(sequence: Sequence) -> CheckpointId {
    let mut bytes = [0xC0; 16];
    bytes[8..].copy_from_slice(&sequence.0.to_be_bytes());
    CheckpointId::from_bytes(bytes)
}

fn wanted(sequence: Sequence, place: PackPlace) -> Wanted {
    Wanted { id: id(sequence), sequence, place }
}

fn written(number: u64, states: &[(Sequence, &[u8])]) -> (Vec<u8>, Vec<Wanted>) {
    let mut writer = PackWriter::new(number, STORE);
    let places =
        states.iter().map(|(sequence, bytes)| wanted(*sequence, writer.add(*sequence, bytes))).collect();
    (writer.finish().unwrap(), places)
}

/// Counts what is asked for.
#[derive(Debug, Default)]
struct Counted {
    inner: MemBackend,
    ranges: Mutex<Vec<Range<u64>>>,
}

impl Backend for Counted {
    fn put_if_absent(&self, name: &str, bytes: &[u8]) -> Result<bool, BackendError> {
        self.inner.put_if_absent(name, bytes)
    }

    fn get(&self, _: &str) -> Result<Option<Vec<u8>>, BackendError> {
        panic!("a pack is read whole")
    }

    fn get_range(&self, name: &str, range: Range<u64>) -> Result<Option<Vec<u8>>, BackendError> {
        self.ranges.lock().unwrap().push(range.clone());
        self.inner.get_range(name, range)
    }

    fn list(&self, prefix: &str) -> Result<Vec<Object>, BackendError> {
        self.inner.list(prefix)
    }

    fn delete(&self, name: &str) -> Result<(), BackendError> {
        self.inner.delete(name)
    }
}

#[test]
fn the_golden_pack_is_written_and_read() {
    let (bytes, places) = written(7, &STATES);
    assert!(bytes == GOLDEN);
    assert_eq!(verify(7, &STORE, GOLDEN).unwrap(), 128..128 + 33);
    assert_eq!((places[0].place.offset, places[1].place.offset), (128, 143));
    let backend = MemBackend::new();
    backend.put_if_absent("packs/0000000000000007.keep", GOLDEN).unwrap();
    for (place, (sequence, state)) in places.iter().zip(STATES) {
        assert_eq!(read(&backend, id(sequence), sequence, &place.place).unwrap(), state);
    }
}

#[test]
fn every_state_comes_back_whatever_its_length() {
    let bytes: Vec<u8> = (0..3_u32 << 20).map(|at| at.to_le_bytes()[0] ^ at.to_le_bytes()[1]).collect();
    let lens = [0, 1, 127, 128, 129, 1 << 20, (1 << 20) + 1, 3 << 20];
    for count in 0..=lens.len() {
        let states: Vec<(Sequence, &[u8])> =
            (1..).map(Sequence).zip(lens[..count].iter().map(|len| &bytes[..*len])).collect();
        let (pack, places) = written(1, &states);
        let range = verify(1, &STORE, &pack).unwrap();
        assert!(places.iter().all(|at| at.place.offset >= range.start && at.place.range().end <= range.end));
        let backend = MemBackend::new();
        backend.put_if_absent(&Folder::PACKS.name(1), &pack).unwrap();
        let found = read_many(&backend, &places).unwrap();
        assert!(found.iter().zip(&states).all(|(found, (_, state))| found == *state), "{count}");
        assert_eq!(found.iter().count(), count);
    }
}

#[test]
fn a_pack_cut_short_at_any_length_is_refused_and_so_are_the_states_it_lacks() {
    let (_, places) = written(7, &STATES);
    for len in 0..GOLDEN.len() {
        let cut = &GOLDEN[..len];
        let err = verify(7, &STORE, cut).unwrap_err();
        assert_eq!(err.kind(), Kind::Damaged, "{len}: {err}");
        let backend = MemBackend::new();
        backend.put_if_absent(&Folder::PACKS.name(7), cut).unwrap();
        for (place, (sequence, state)) in places.iter().zip(STATES) {
            match read(&backend, id(sequence), sequence, &place.place) {
                Ok(found) => assert!(found == state && len as u64 >= place.place.range().end),
                Err(Error::State { id: of, .. }) => {
                    assert!(of == place.id && (len as u64) < place.place.range().end);
                }
                Err(err) => panic!("{len}: {err}"),
            }
        }
    }
}

#[test]
fn a_pack_with_any_bit_flipped_is_refused_and_no_state_comes_back_other_than_it_was() {
    let (_, places) = written(7, &STATES);
    let mut hit = 0;
    for bit in 0..8 * GOLDEN.len() {
        let mut bytes = GOLDEN.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(7, &STORE, &bytes).is_err(), "{bit}");
        let backend = MemBackend::new();
        backend.put_if_absent(&Folder::PACKS.name(7), &bytes).unwrap();
        for (place, (sequence, state)) in places.iter().zip(STATES) {
            let is_hit = place.place.range().contains(&(bit as u64 / 8));
            hit += u64::from(is_hit);
            match read(&backend, id(sequence), sequence, &place.place) {
                Ok(found) => assert!(!is_hit && found == state, "{bit}"),
                Err(err) => {
                    assert!(is_hit && matches!(err, Error::State { id, .. } if id == place.id), "{bit}");
                }
            }
        }
    }
    assert_eq!(hit, 8 * 33);
}

#[test]
fn what_is_wrong_names_the_checkpoint_and_the_pack() {
    let backend = MemBackend::new();
    let (pack, places) = written(7, &STATES);
    let (first, second) = (places[0], places[1]);
    let said = |wanted: &Wanted| {
        let one = read(&backend, wanted.id, wanted.sequence, &wanted.place).unwrap_err();
        let many = read_many(&backend, &[*wanted]).unwrap_err();
        assert_eq!(one.to_string(), many.to_string());
        assert_eq!(one.kind(), Kind::Damaged);
        assert!(matches!(one, Error::State { id, .. } | Error::MissingPack { id, .. } if id == wanted.id));
        let text = one.to_string();
        assert!(
            text.starts_with(&format!("checkpoint {}: packs/0000000000000007.keep: ", wanted.id)),
            "{text}"
        );
        text
    };
    assert!(said(&first).contains(": it is not there;"));
    backend.put_if_absent(&Folder::PACKS.name(7), &pack).unwrap();
    // Bytes of another checkpoint, of another length, and places that no pack has.
    assert!(said(&Wanted { place: first.place, ..second }).contains("checksum of 15 bytes at byte 128 is"));
    let place = first.place;
    assert!(said(&Wanted { place: PackPlace { len: 16, ..place }, ..first }).contains("checksum"));
    let far = PackPlace { len: 1 << 60, ..place };
    assert!(
        said(&Wanted { place: far, ..first })
            .contains("1152921504606846976 bytes are needed from byte 128 on")
    );
    for place in [PackPlace { offset: 127, ..place }, PackPlace { offset: u64::MAX, ..place }] {
        assert!(said(&Wanted { place, ..first }).contains("there is no place of 15 bytes at byte"));
    }
}

#[test]
fn what_is_another_pack_than_was_asked_for_is_refused() {
    let rule = |number, store: &[u8; 16], bytes: &[u8]| match verify(number, store, bytes).unwrap_err() {
        Error::Format { object, source } => match *source {
            FormatError::Invalid { rule, .. } => {
                assert_eq!(object, Folder::PACKS.name(number));
                rule
            }
            other => panic!("{other}"),
        },
        other => panic!("{other}"),
    };
    assert_eq!(rule(8, &STORE, GOLDEN), "it has another number than its name says");
    assert_eq!(rule(7, &[1; 16], GOLDEN), "it is of another store");
    let with = |kind, sections: &[SectionId], raw: bool| {
        let mut options = Folder::PACKS.options(7, STORE);
        options.kind = kind;
        let mut writer = Writer::new(Vec::new(), options).unwrap();
        for id in sections {
            if raw {
                writer.raw_from(*id, 0, &[b"x"]).unwrap();
            } else {
                writer.coded_from(*id, 0, &[b"x"]).unwrap();
            }
        }
        writer.finish(Metadata::new()).unwrap().0
    };
    let (pack, manifest) = (Folder::PACKS.kind, Folder::MANIFESTS.kind);
    assert_eq!(verify(7, &STORE, &with(pack, &[SectionId::PACK], true)).unwrap(), 128..129);
    assert_eq!(rule(7, &STORE, &with(manifest, &[SectionId::PACK], true)), "it is of another kind");
    assert_eq!(rule(7, &STORE, &with(pack, &[], true)), "it has other sections");
    assert_eq!(rule(7, &STORE, &with(pack, &[SectionId::BYTES], true)), "it has other sections");
    assert_eq!(
        rule(7, &STORE, &with(pack, &[SectionId::PACK, SectionId::BYTES], true)),
        "it has other sections"
    );
    assert_eq!(
        rule(7, &STORE, &with(pack, &[SectionId::PACK], false)),
        "its payload doesn't begin at byte 128"
    );
    for number in [0, u64::MAX] {
        assert!(PackWriter::new(number, STORE).finish().is_err());
    }
}

#[test]
fn a_chain_is_read_with_as_few_requests_as_its_gaps_allow() {
    let backend = Counted::default();
    let gap = vec![0; 16 << 10];
    let long = vec![1; (16 << 10) + 1];
    let states: [(Sequence, &[u8]); 8] = [
        (Sequence(1), b"one"),
        (Sequence(2), &gap),
        (Sequence(3), b"three"),
        (Sequence(4), &long),
        (Sequence(5), b"five"),
        (Sequence(6), b"six"),
        (Sequence(7), &long),
        (Sequence(8), b""),
    ];
    let (pack, places) = written(7, &states);
    backend.put_if_absent(&Folder::PACKS.name(7), &pack).unwrap();
    let (other, others) = written(8, &STATES);
    backend.put_if_absent(&Folder::PACKS.name(8), &other).unwrap();

    let check = |wanted: &[Wanted], expected: &[&[u8]], requests: usize| {
        backend.ranges.lock().unwrap().clear();
        assert!(read_many(&backend, wanted).unwrap().iter().eq(expected.iter().copied()));
        assert_eq!(backend.ranges.lock().unwrap().len(), requests);
    };
    check(&[], &[], 0);
    // In any order; over a gap of 16 KiB but not over a longer one; never across packs.
    check(&[places[2], places[0]], &[b"three", b"one"], 1);
    check(&[places[4], places[2]], &[b"five", b"three"], 2);
    check(&[others[1], places[5], others[0], places[4]], &[STATES[1].1, b"six", STATES[0].1, b"five"], 2);
    // The same place twice, and one without bytes.
    check(&[places[0], places[7], places[0]], &[b"one", b"", b"one"], 2);
}

#[test]
fn long_neighbours_are_not_held_twice_in_memory() {
    let backend = Counted::default();
    let long: Vec<u8> = (0..9_u32 << 20).map(|at| at.to_le_bytes()[2]).collect();
    let states: [(Sequence, &[u8]); 3] =
        [(Sequence(1), &long), (Sequence(2), &long), (Sequence(3), b"three")];
    let (pack, places) = written(7, &states);
    backend.put_if_absent(&Folder::PACKS.name(7), &pack).unwrap();
    let found = read_many(&backend, &places).unwrap();
    assert!(found.iter().eq([&long, &long, &b"three"[..]]));
    assert_eq!(backend.ranges.lock().unwrap().len(), 2);
}
