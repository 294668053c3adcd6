use keepstone_format::{
    Codec, Error, FileKind, Kind, Limits, Metadata, Reader, SectionId, Writer, WriterOptions,
};

use crate::forge::{Part, Piece, forge, sample};

const GOLDEN: [&[u8]; 4] = [
    include_bytes!("golden/container-v1-mixed.keep"),
    include_bytes!("golden/container-v1-lz4.keep"),
    include_bytes!("golden/container-v1-zstd.keep"),
    include_bytes!("golden/container-v1-shuffle.keep"),
];

fn copy(bytes: &[u8], epoch: u64) -> Vec<u8> {
    let reader = Reader::open(bytes, Limits::default()).unwrap();
    let options = WriterOptions::new(FileKind::SAVE).codec(Codec::None).store([1; 16], epoch);
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    for section in reader.sections() {
        writer.copy_section(&reader, section).unwrap();
    }
    writer.finish(Metadata::new()).unwrap().0
}

/// Every section of both holds the same stored bytes, whether this build can decode them or not.
fn assert_same(one: &[u8], two: &[u8]) {
    let (one, two) = [one, two].map(|bytes| Reader::open(bytes, Limits::default()).unwrap()).into();
    for reader in [&one, &two] {
        let report = reader.verify(&mut |error| panic!("{error}")).unwrap();
        assert_eq!(report.damaged, 0);
    }
    assert_eq!(one.sections().len(), two.sections().len());
    for section in one.sections() {
        let copied = two.find(section.id(), section.instance()).unwrap();
        let describe = |section: &keepstone_format::Section| {
            (section.layout(), section.decoded_len(), section.chunk_count())
        };
        assert_eq!(describe(section), describe(copied));
        for (one, two) in one.chunk_entries(section).iter().zip(two.chunk_entries(copied)) {
            let mut two = *two;
            two.payload_crc = one.payload_crc;
            assert_eq!(two, *one);
        }
        match one.read(section) {
            Ok(bytes) => assert!(bytes == two.read(copied).unwrap()),
            Err(error) => assert!(matches!(
                error,
                Error::CodecNotBuilt { .. } | Error::UnknownCodec { .. } | Error::UnknownFilter { .. }
            )),
        }
    }
}

#[test]
fn copies_hold_the_same_stored_bytes_under_another_epoch() {
    for bytes in GOLDEN {
        let copied = copy(bytes, 77);
        assert_same(bytes, &copied);
        // Back under the old epoch the checksums are what they were, too.
        let back = copy(&copied, 0);
        let (old, new) = (Reader::open(bytes, Limits::default()), Reader::open(&back[..], Limits::default()));
        let (old, new) = (old.unwrap(), new.unwrap());
        for section in old.sections() {
            let again = new.find(section.id(), section.instance()).unwrap();
            assert_eq!(old.chunk_entries(section), new.chunk_entries(again));
        }
    }
}

#[test]
fn what_this_build_does_not_know_is_copied() {
    let filtered = Piece { filter: 9, parameter: 300, ..Piece::stored(b"filtered") };
    let bytes = forge(
        0,
        &[
            Part::Coded(0x8000_0fff, 7, vec![Piece::coded(0x90, 100, b"private"), Piece::stored(b"end")]),
            Part::Coded(1, 1, vec![filtered]),
        ],
    )
    .bytes;
    assert_same(&bytes, &copy(&bytes, 3));
}

#[test]
fn a_damaged_section_poisons_the_writer() {
    for needle in [&b"abcdefgh"[..], b"raw bytes"] {
        let mut bytes = sample().bytes;
        let at = bytes.windows(needle.len()).position(|window| window == needle).unwrap();
        bytes[at] ^= 1;
        let reader = Reader::open(&bytes[..], Limits::default()).unwrap();
        let options = WriterOptions::new(FileKind::SAVE).codec(Codec::None);
        let mut writer = Writer::new(Vec::new(), options).unwrap();
        let copied = reader.sections().iter().try_for_each(|section| writer.copy_section(&reader, section));
        assert!(matches!(copied, Err(Error::Checksum { .. })));
        assert!(matches!(writer.finish(Metadata::new()), Err(Error::Poisoned)));
    }
}

#[test]
fn a_section_is_copied_once_and_from_its_own_reader() {
    let (one, two) = (sample().bytes, forge(0, &[Part::Coded(1, 0, vec![Piece::stored(b"other")])]).bytes);
    let one = Reader::open(&one[..], Limits::default()).unwrap();
    let two = Reader::open(&two[..], Limits::default()).unwrap();
    let mut writer = Writer::new(Vec::new(), WriterOptions::new(FileKind::SAVE).codec(Codec::None)).unwrap();
    let error = writer.copy_section(&two, &one.sections()[0]).unwrap_err();
    assert_eq!(error.kind(), Kind::Misuse);
    writer.copy_section(&one, &one.sections()[0]).unwrap();
    let error = writer.copy_section(&two, &two.sections()[0]).unwrap_err();
    assert!(matches!(error, Error::DuplicateSection { id: SectionId::BYTES, instance: 0 }));
    assert_eq!(writer.finish(Metadata::new()).unwrap().1.sections, 1);
}
