use keepstone_format::{
    Codec, Error, FileKind, Kind, Limits, Metadata, Reader, Section, SectionId, SectionLayout, Writer,
    WriterOptions,
};

use crate::forge::{Part, Piece, forge, sample};

const GOLDEN: &[&[u8]] = &[
    include_bytes!("golden/container-v1-mixed.keep"),
    #[cfg(feature = "lz4")]
    include_bytes!("golden/container-v1-lz4.keep"),
    #[cfg(feature = "zstd")]
    include_bytes!("golden/container-v1-zstd.keep"),
    include_bytes!("golden/container-v1-shuffle.keep"),
];

fn codecs() -> impl Iterator<Item = Codec> {
    [Codec::None, Codec::Lz4, Codec::Zstd].into_iter().filter(|codec| codec.is_built())
}

fn open(bytes: &[u8]) -> Reader<&[u8]> {
    Reader::open(bytes, Limits::default()).unwrap()
}

fn recode(bytes: &[u8], codec: Codec) -> Result<Vec<u8>, Error> {
    let reader = open(bytes);
    let mut writer = Writer::new(Vec::new(), WriterOptions::of(&reader).codec(codec))?;
    for section in reader.sections() {
        writer.recode_section(&reader, section)?;
    }
    Ok(writer.finish(reader.tail().clone())?.0)
}

fn is_coded_anew(section: &Section) -> bool {
    section.layout() == SectionLayout::Coded && !section.id().is_ancillary()
}

#[test]
fn every_section_of_the_golden_files_survives_a_change_to_any_codec() {
    for (golden, codec) in GOLDEN.iter().flat_map(|golden| codecs().map(move |codec| (*golden, codec))) {
        let recoded = recode(golden, codec).unwrap();
        let (old, new) = (open(golden), open(&recoded));
        assert_eq!(old.sections().len(), new.sections().len());
        assert_eq!((old.head(), old.tail()), (new.head(), new.tail()));
        for (was, is) in old.sections().iter().zip(new.sections()) {
            assert_eq!((was.id(), was.instance(), was.layout()), (is.id(), is.instance(), is.layout()));
            assert!(old.read(was).unwrap() == new.read(is).unwrap(), "{codec:?}");
            let is_right = |entry: &keepstone_format::ChunkEntry| {
                // A chunk that a codec doesn't make smaller is stored as it is.
                [0, codec.id()].contains(&entry.codec) && (codec != Codec::None || entry.filter == 0)
            };
            let entries = new.chunk_entries(is);
            assert!(!is_coded_anew(was) || entries.iter().all(is_right), "{codec:?}: {entries:?}");
        }
    }
}

#[test]
#[cfg(feature = "lz4")]
fn a_section_is_stored_as_if_this_writer_had_been_given_its_bytes() {
    use keepstone_format::{Filter, SectionOptions};

    let bytes: Vec<u8> = (0..1_u32 << 19).flat_map(|i| (i * 3).to_le_bytes()).collect();
    let noise = crate::random::Random(9).bytes(3000);
    let shuffled = SectionOptions::new(Codec::None).filter(Filter::Shuffle { width: 4 });
    let written = |kind, codec, sections: [(SectionId, &[u8], SectionOptions); 3]| {
        let mut writer = Writer::new(Vec::new(), WriterOptions::new(kind).codec(codec)).unwrap();
        for (instance, (id, bytes, options)) in (0..).zip(sections) {
            writer.coded_from_with(id, instance, &[bytes], options).unwrap();
        }
        writer.finish(Metadata::new()).unwrap().0
    };
    let plain = SectionOptions::new(Codec::None);
    let from = written(
        FileKind::SAVE,
        Codec::None,
        [
            (SectionId::BYTES, &bytes, plain),
            (SectionId::BYTES, &bytes, shuffled),
            (SectionId::BYTES, &noise, plain),
        ],
    );
    let lz4 = SectionOptions::new(Codec::Lz4);
    let expected = written(
        FileKind::SAVE,
        Codec::Lz4,
        [
            (SectionId::BYTES, &bytes, lz4),
            (SectionId::BYTES, &bytes, lz4.filter(Filter::Shuffle { width: 4 })),
            (SectionId::BYTES, &noise, lz4),
        ],
    );
    assert!(expected.len() < from.len());
    assert!(recode(&from, Codec::Lz4).unwrap() == expected);
    // Without a codec there is nothing that a filter helps.
    let none = [(&bytes, plain), (&bytes, plain), (&noise, plain)];
    let none = none.map(|(bytes, options)| (SectionId::BYTES, &bytes[..], options));
    assert!(recode(&expected, Codec::None).unwrap() == written(FileKind::SAVE, Codec::None, none));
}

#[test]
fn what_may_be_skipped_and_what_has_no_codec_is_copied_to_the_byte() {
    let pieces = vec![Piece::coded(0x90, 100, b"private"), Piece::stored(b"end")];
    let compressible = vec![Piece::stored(&[3; 5000])];
    let bytes = forge(
        0,
        &[
            Part::Coded(0x8000_0fff, 7, pieces),
            Part::Coded(0x8000_1000, 0, compressible.clone()),
            Part::Raw(0x1001, 0, vec![4; 5000]),
            Part::Coded(1, 0, compressible),
        ],
    )
    .bytes;
    for codec in codecs() {
        let recoded = recode(&bytes, codec).unwrap();
        let (old, new) = (open(&bytes), open(&recoded));
        for (was, is) in old.sections().iter().zip(new.sections()).take(3) {
            assert_eq!(old.chunk_entries(was), new.chunk_entries(is), "{codec:?}");
        }
        assert!(recoded.windows(7).any(|window| window == b"private"));
        let [.., last] = new.sections() else { panic!("it has four sections") };
        assert_eq!(new.chunk_entries(last)[0].codec, codec.id());
        assert!(*new.read(last).unwrap() == [3; 5000]);
    }
}

#[test]
fn chunks_of_a_foreign_length_become_chunks_of_this_writers() {
    let long: Vec<u8> = (0..5_u32 << 18).map(|i| ((i * 7) >> 3).to_le_bytes()[0]).collect();
    let len = 5 << 18;
    for cut in [len, 1000, (1 << 20) + 1, 1 << 19] {
        let pieces = long.chunks(cut).map(Piece::stored).collect();
        let bytes = forge(0, &[Part::Coded(1, 0, pieces), Part::Coded(1, 1, vec![Piece::stored(b"")])]).bytes;
        let recoded = recode(&bytes, Codec::None).unwrap();
        let reader = open(&recoded);
        let lens = |section| reader.chunk_entries(section).iter().map(|entry| entry.decoded_len);
        assert_eq!(lens(&reader.sections()[0]).collect::<Vec<_>>(), [1 << 20, 1 << 18], "{cut}");
        assert_eq!(lens(&reader.sections()[1]).collect::<Vec<_>>(), [0]);
        assert!(*reader.read(&reader.sections()[0]).unwrap() == long);
    }
}

#[test]
fn a_section_that_is_longer_than_the_limit_is_recoded_chunk_by_chunk() {
    let pieces = vec![Piece::stored(&[5; 1000]); 10];
    let bytes = forge(0, &[Part::Coded(1, 0, pieces)]).bytes;
    let mut limits = Limits::default();
    limits.decoded_max = 4000;
    let reader = Reader::open(&bytes[..], limits).unwrap();
    let section = &reader.sections()[0];
    assert_eq!(reader.read(section).unwrap_err().kind(), Kind::Limit);
    let mut writer = Writer::new(Vec::new(), WriterOptions::of(&reader).codec(Codec::None)).unwrap();
    writer.recode_section(&reader, section).unwrap();
    let (recoded, _) = writer.finish(Metadata::new()).unwrap();
    let reader = open(&recoded);
    assert!(*reader.read(&reader.sections()[0]).unwrap() == [5; 10_000]);
}

#[test]
#[cfg(feature = "lz4")]
fn chunks_that_claim_more_than_they_have_are_refused_before_anything_is_written_of_them() {
    let pieces = vec![Piece::coded(Codec::Lz4.id(), 1 << 24, b"bomb"); 64];
    let bytes = forge(0, &[Part::Coded(1, 0, pieces)]).bytes;
    let reader = open(&bytes);
    assert_eq!(reader.sections()[0].decoded_len(), 1 << 30);
    let mut writer = Writer::new(Vec::new(), WriterOptions::of(&reader).codec(Codec::None)).unwrap();
    let head_len = writer.bytes();
    let error = writer.recode_section(&reader, &reader.sections()[0]).unwrap_err();
    assert!(matches!(error, Error::Codec { codec: "lz4", .. }), "{error}");
    assert_eq!(writer.bytes(), head_len);
    assert!(writer.into_inner().capacity() < 4096);
}

#[test]
fn a_damaged_section_poisons_the_writer() {
    for needle in [&b"abcdefgh"[..], b"raw bytes"] {
        let mut bytes = sample().bytes;
        let at = bytes.windows(needle.len()).position(|window| window == needle).unwrap();
        bytes[at] ^= 1;
        let reader = open(&bytes);
        let mut writer = Writer::new(Vec::new(), WriterOptions::of(&reader).codec(Codec::None)).unwrap();
        let mut sections = reader.sections().iter();
        let recoded = sections.try_for_each(|section| writer.recode_section(&reader, section));
        assert!(matches!(recoded, Err(Error::Checksum { .. })), "{recoded:?}");
        assert!(matches!(writer.finish(Metadata::new()), Err(Error::Poisoned)));
    }
}

#[test]
fn what_this_build_can_not_decode_is_refused() {
    let refused = |piece: Piece| {
        let bytes = forge(0, &[Part::Coded(1, 0, vec![piece])]).bytes;
        recode(&bytes, Codec::None).unwrap_err()
    };
    let error = refused(Piece::coded(0x90, 100, b"private"));
    assert!(matches!(error, Error::UnknownCodec { .. }), "{error}");
    let error = refused(Piece { filter: 9, parameter: 300, ..Piece::stored(b"filtered") });
    assert!(matches!(error, Error::UnknownFilter { .. }), "{error}");
}

#[test]
fn a_section_is_recoded_once_and_from_its_own_reader() {
    let (one, two) = (sample().bytes, forge(0, &[Part::Coded(1, 0, vec![Piece::stored(b"other")])]).bytes);
    let (one, two) = (open(&one), open(&two));
    let mut writer = Writer::new(Vec::new(), WriterOptions::of(&one).codec(Codec::None)).unwrap();
    let error = writer.recode_section(&two, &one.sections()[0]).unwrap_err();
    assert_eq!(error.kind(), Kind::Misuse);
    writer.recode_section(&one, &one.sections()[0]).unwrap();
    let error = writer.recode_section(&two, &two.sections()[0]).unwrap_err();
    assert!(matches!(error, Error::DuplicateSection { id: SectionId::BYTES, instance: 0 }));
    assert_eq!(writer.finish(Metadata::new()).unwrap().1.sections, 1);
}

/// Takes so many bytes and no more.
struct Full(usize);

impl std::io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_error_says_that_it_was_the_writing_that_failed() {
    let bytes = forge(0, &[Part::Coded(1, 0, vec![Piece::stored(&[1; 3 << 20])])]).bytes;
    let reader = open(&bytes);
    for room in [200, 1 << 20, 5 << 19] {
        let mut writer = Writer::new(Full(room), WriterOptions::of(&reader).codec(Codec::None)).unwrap();
        let error = writer.recode_section(&reader, &reader.sections()[0]).unwrap_err();
        let Error::Io { op: "writing the container", source } = error else { panic!("{error}") };
        assert_eq!(source.kind(), std::io::ErrorKind::StorageFull);
        assert!(matches!(writer.finish(Metadata::new()), Err(Error::Poisoned)));
    }
}

#[test]
fn options_of_a_container_are_those_of_its_head() {
    let mut head = Metadata::new();
    head.set_name("first").set_custom("k", b"v");
    let written = |options: WriterOptions| {
        let writer = Writer::new(Vec::new(), options.codec(Codec::None)).unwrap();
        writer.finish(Metadata::new()).unwrap().0
    };
    let parted = WriterOptions::new(FileKind::WORLD).store([3; 16], 0).head(head).in_parts();
    let save = WriterOptions::new(FileKind::SAVE);
    for options in [parted.clone(), save] {
        let bytes = written(options.clone());
        assert_eq!(WriterOptions::of(&open(&bytes)), options);
        assert!(written(WriterOptions::of(&open(&bytes))) == bytes);
    }
    // A copy of a recycled file is one that is written once.
    let recycled = written(parted.clone().store([3; 16], 9));
    assert_eq!(WriterOptions::of(&open(&recycled)), parted);
}
