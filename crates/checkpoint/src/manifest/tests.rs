use keepstone_format::Kind;

use super::*;
use crate::backend::{BackendError, MemBackend, Object};

/// Written from FORMAT.md by `tests/golden/packs.py`.
const GOLDEN: &[u8] = include_bytes!("../../tests/golden/manifest-v1-full.keep");

fn full() -> Manifest {
    Manifest {
        number: 0x102,
        store_id: *b"\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f",
        journal_from: 40,
        packs: vec![
            PackInfo { number: 7, len: 400, live: 33 },
            PackInfo { number: 300, len: 1 << 20, live: 0 },
            PackInfo { number: 301, len: 5000, live: 5000 },
        ],
        retired: vec![Retired { number: 2, since: None }, Retired { number: 299, since: Some(-5) }],
        operations: b"the operations".to_vec(),
    }
}

fn smallest() -> Manifest {
    let (packs, retired, operations) = (Vec::new(), Vec::new(), Vec::new());
    Manifest { number: 1, store_id: [1; 16], journal_from: 1, packs, retired, operations }
}

fn put(backend: &MemBackend, manifest: &Manifest) {
    assert!(backend.put_if_absent(&manifest.name(), &manifest.encode().unwrap()).unwrap());
}

#[test]
fn the_golden_manifest_is_written_and_read() {
    assert_eq!(Manifest::decode(0x102, GOLDEN).unwrap(), full());
    assert!(full().encode().unwrap() == GOLDEN);
}

#[test]
fn every_manifest_is_read_as_it_was_written() {
    let long = Manifest {
        number: NUMBER_MAX,
        journal_from: NUMBER_MAX,
        packs: (1..1000).map(|at| PackInfo { number: at * at, len: u64::MAX, live: at }).collect(),
        retired: vec![Retired { number: NUMBER_MAX, since: Some(i64::MIN) }],
        operations: vec![7; (1 << 20) + 1],
        ..smallest()
    };
    for manifest in [smallest(), full(), long] {
        let bytes = manifest.encode().unwrap();
        assert_eq!(Manifest::decode(manifest.number, &bytes).unwrap(), manifest);
    }
}

#[test]
fn a_manifest_cut_short_at_any_length_is_refused() {
    for len in 0..GOLDEN.len() {
        let err = Manifest::decode(0x102, &GOLDEN[..len]).unwrap_err();
        assert!(
            matches!(&err, Error::Format { object, .. } if object == "manifests/0000000000000102.keep"),
            "{len}"
        );
        assert_eq!(err.kind(), Kind::Damaged, "{len}");
    }
}

#[test]
fn a_manifest_with_any_bit_flipped_is_refused() {
    for bit in 0..8 * GOLDEN.len() {
        let mut bytes = GOLDEN.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(Manifest::decode(0x102, &bytes).is_err(), "{bit}");
    }
}

#[test]
fn what_can_not_be_is_neither_written_nor_read() {
    let pack = |number, len, live| PackInfo { number, len, live };
    let retired = |number| Retired { number, since: None };
    let all = [
        Manifest { number: 0, ..smallest() },
        Manifest { number: NUMBER_MAX + 1, ..smallest() },
        Manifest { journal_from: 0, ..smallest() },
        Manifest { store_id: [0; 16], ..smallest() },
        Manifest { packs: vec![pack(0, 1, 1)], ..smallest() },
        Manifest { packs: vec![pack(2, 1, 1), pack(2, 1, 1)], ..smallest() },
        Manifest { packs: vec![pack(2, 1, 1), pack(1, 1, 1)], ..smallest() },
        Manifest { packs: vec![pack(u64::MAX, 1, 1)], ..smallest() },
        Manifest { packs: vec![pack(1, 1, 2)], ..smallest() },
        Manifest { retired: vec![retired(2), retired(2)], ..smallest() },
        Manifest { packs: vec![pack(1, 1, 1), pack(2, 1, 1)], retired: vec![retired(2)], ..smallest() },
    ];
    for manifest in all {
        let err = manifest.encode().unwrap_err();
        assert!(
            matches!(&err, Error::Format { source, .. } if matches!(**source, FormatError::Invalid { .. })),
            "{err}"
        );
    }
}

/// Lists as hostile bytes may have them, in a container that is whole.
#[test]
fn lists_that_break_a_rule_are_refused() {
    let with = |lists: &[u8]| {
        let mut writer = Writer::new(Vec::new(), Folder::MANIFESTS.options(1, [1; 16])).unwrap();
        writer.coded_from(SectionId::MANIFEST, 0, &[lists]).unwrap();
        writer.coded_from(SectionId::OPERATIONS, 0, &[]).unwrap();
        Manifest::decode(1, &writer.finish(Metadata::new()).unwrap().0)
    };
    assert_eq!(with(&[1, 0, 0]).unwrap(), smallest());
    assert!(with(&[1, 1, 5, 9, 9, 1, 6, 0]).is_ok());
    for lists in [
        &[][..],
        &[1],
        &[1, 0],
        &[0, 0, 0],
        &[1, 0, 0, 0],
        &[1, 1, 0, 9, 9, 0],
        &[1, 1, 5, 9, 10, 0],
        &[1, 2, 5, 9, 9, 0, 9, 9, 0],
        &[1, 1, 5, 9, 9, 1, 5, 0],
        &[1, 0, 1, 6, 2],
        &[1, 0, 1, 6, 1, 0, 0, 0, 0, 0, 0, 0],
        &[1, 0xff, 0xff, 0xff, 0xff, 0x0f, 5, 9, 9, 0],
        &[1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 0],
        &[1, 2, 1, 9, 9, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 9, 9, 0],
    ] {
        assert!(matches!(with(lists), Err(Error::Format { .. })), "{lists:?}");
    }
}

#[test]
fn the_newest_is_the_one_with_the_highest_number() {
    let backend = MemBackend::new();
    assert_eq!(newest(&backend).unwrap(), None);
    for number in [9, 0x10, 2] {
        put(&backend, &Manifest { number, ..smallest() });
    }
    // What has no number of a manifest is none.
    backend.put_if_absent("manifests/zz.keep", b"").unwrap();
    backend.put_if_absent("manifests/ffffffffffffffff.keep", b"").unwrap();
    assert_eq!(newest(&backend).unwrap().unwrap().number, 0x10);
    assert_eq!(numbers(&backend).unwrap(), [2, 9, 0x10]);
}

#[test]
fn a_damaged_newest_is_named_and_no_earlier_one_takes_its_place() {
    let backend = MemBackend::new();
    put(&backend, &smallest());
    let mut bytes = Manifest { number: 2, ..smallest() }.encode().unwrap();
    let last = bytes.len() - 1;
    bytes[last / 2] ^= 1;
    backend.put_if_absent(&Folder::MANIFESTS.name(2), &bytes).unwrap();
    let err = newest(&backend).unwrap_err();
    assert!(
        matches!(&err, Error::Format { object, .. } if object == "manifests/0000000000000002.keep"),
        "{err}"
    );
    assert_eq!(err.kind(), Kind::Damaged);
    assert!(err.to_string().contains("repair"), "{err}");
}

/// A list that is late: a writer has made a newer manifest and deleted what the list tells of.
#[derive(Debug)]
struct Late {
    inner: MemBackend,
    late: std::sync::atomic::AtomicU32,
}

impl Backend for Late {
    fn put_if_absent(&self, name: &str, bytes: &[u8]) -> Result<bool, BackendError> {
        self.inner.put_if_absent(name, bytes)
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, BackendError> {
        self.inner.get(name)
    }

    fn list(&self, prefix: &str) -> Result<Vec<Object>, BackendError> {
        use std::sync::atomic::Ordering::SeqCst;
        if self.late.load(SeqCst) == 0 {
            return self.inner.list(prefix);
        }
        self.late.fetch_sub(1, SeqCst);
        Ok(vec![Object { name: Folder::MANIFESTS.name(1), len: 1 }])
    }

    fn delete(&self, name: &str) -> Result<(), BackendError> {
        self.inner.delete(name)
    }
}

#[test]
fn a_manifest_that_goes_while_it_is_looked_for_is_looked_for_again() {
    let late = |times: u32| {
        let backend = Late { inner: MemBackend::new(), late: times.into() };
        put(&backend.inner, &Manifest { number: 2, ..smallest() });
        newest(&backend)
    };
    assert_eq!(late(3).unwrap().unwrap().number, 2);
    let err = late(u32::MAX).unwrap_err();
    assert!(
        matches!(&err, Error::Damaged { object, .. } if object == "manifests/0000000000000001.keep"),
        "{err}"
    );
}
