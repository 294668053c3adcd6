//! Files whose checksums are right and whose contents are not.

use keepstone_format::{Error, Kind, Limits, Reader};

use crate::forge::{Forged, Part, Piece, TRAILER, forge, reseal, reseal_frame, sample, seeded};
use crate::random::Random;

fn open_error(bytes: &[u8]) -> Error {
    Reader::open(bytes, Limits::default()).unwrap_err()
}

fn rule(error: &Error) -> &'static str {
    match error {
        Error::Invalid { rule, .. } => rule,
        other => panic!("{other}"),
    }
}

fn coded(lens: &[usize]) -> Forged {
    forge(0, &[Part::Coded(1, 0, lens.iter().map(|&len| Piece::stored(&vec![1; len])).collect())])
}

#[test]
fn counts_of_the_trailer_are_checked_before_anything_is_reserved() {
    let forged = sample();
    let trailer = forged.bytes.len() - TRAILER;
    let patch = |at: usize, value: u32| open_error(&forged.patch(trailer + at, &value.to_le_bytes()));
    let sections = patch(8, u32::MAX);
    assert!(matches!(sections, Error::Limit { needs: 0xffff_ffff, allowed: 65_535, .. }), "{sections}");
    assert!(rule(&patch(8, 65_535)).contains("add up"));
    assert!(rule(&patch(12, u32::MAX)).contains("add up"));
    assert!(matches!(patch(16, 65_537), Error::Limit { needs: 65_537, allowed: 65_536, .. }));
    assert!(rule(&patch(16, 11 + 8)).contains("add up"));
    assert!(rule(&patch(20, 1)).contains("not zero"));
    assert!(rule(&patch(24, 1)).contains("length"));
    assert!(rule(&patch(32, 6)).contains("epoch"));
    assert!(rule(&patch(48, 1)).contains("not zero"));
    for offset in [0, 8, u64::MAX - 7, forged.footer as u64 + 4] {
        let error = open_error(&forged.patch(trailer, &offset.to_le_bytes()));
        assert!(rule(&error).contains("footer"), "{offset}: {error}");
    }
}

#[test]
fn tables_that_do_not_tile_the_file_are_refused() {
    let forged = sample();
    let patch = |section: usize, at: usize, bytes: &[u8]| {
        open_error(&forged.patch(forged.section_at(section) + at, bytes))
    };
    let first = forged.bytes[forged.section_at(0) + 8..][..8].to_vec();
    assert_eq!(rule(&patch(1, 8, &first)), "sections overlap or leave a gap");
    let later = [first[0] + 8, first[1]];
    assert_eq!(rule(&patch(0, 8, &later)), "sections overlap or leave a gap");
    assert!(rule(&patch(0, 16, &[0xff; 8])).contains("span"));
    assert!(rule(&patch(0, 16, &[8])).contains("span"));
    assert!(rule(&patch(2, 16, &[8])).contains("span"));
    assert!(rule(&patch(0, 24, &[0xff; 8])).contains("decoded length"));
    assert!(rule(&patch(2, 24, &[0xff; 8])).contains("pieces"));
    assert!(rule(&patch(2, 24, &[0; 8])).contains("pieces"));
    assert!(rule(&patch(1, 32, &[2])).contains("first chunk"));
    assert!(rule(&patch(0, 36, &[0xff; 4])).contains("more chunks"));
    assert!(rule(&patch(0, 36, &[0])).contains("no chunk"));
    assert!(rule(&patch(0, 40, &[2])).contains("layout"));
    assert!(rule(&patch(0, 41, &[1])).contains("not zero"));
    assert_eq!(rule(&patch(4, 4, &[3])), "a section is there twice");
}

#[test]
fn a_table_that_ends_before_the_footer_is_refused() {
    let whole = forge(
        0,
        &[Part::Coded(1, 0, vec![Piece::stored(b"a")]), Part::Coded(1, 1, vec![Piece::stored(b"b")])],
    );
    let mut bytes = whole.bytes.clone();
    // The second section is taken out of both tables: its bytes stay, and nobody names them.
    bytes.drain(whole.chunk_at(1)..whole.chunk_at(2));
    bytes.drain(whole.section_at(1)..whole.section_at(2));
    let (len, trailer) = (bytes.len() as u64, bytes.len() - TRAILER);
    bytes[trailer + 8..trailer + 16].copy_from_slice(&[1, 0, 0, 0, 1, 0, 0, 0]);
    bytes[trailer + 24..trailer + 32].copy_from_slice(&len.to_le_bytes());
    reseal(&mut bytes);
    assert_eq!(rule(&open_error(&bytes)), "the footer doesn't begin where the last section ends");
}

#[test]
fn chunks_of_other_lengths_than_the_format_allows_are_refused() {
    assert!(Reader::open(&coded(&[8, 8, 8]).bytes[..], Limits::default()).is_ok());
    assert!(Reader::open(&coded(&[0]).bytes[..], Limits::default()).is_ok());
    for lens in [&[8, 7, 8][..], &[8, 9], &[7, 8, 8]] {
        assert!(rule(&open_error(&coded(lens).bytes)).contains("differ in length"), "{lens:?}");
    }
    assert!(rule(&open_error(&coded(&[8, 0]).bytes)).contains("empty"));
    assert!(rule(&open_error(&coded(&[0, 0]).bytes)).contains("empty"));
    let entry = |piece: Piece| open_error(&forge(0, &[Part::Coded(1, 0, vec![piece])]).bytes);
    assert!(rule(&entry(Piece::coded(0, 9, b"12345678"))).contains("two lengths"));
    assert!(rule(&entry(Piece::coded(1, 8, b"12345678"))).contains("not smaller"));
    assert!(rule(&entry(Piece::coded(1, (1 << 24) + 1, b"1"))).contains("2^24"));
    let forged = sample();
    assert!(rule(&open_error(&forged.patch(forged.chunk_at(0) + 14, &[1]))).contains("filter parameter"));
    assert!(rule(&open_error(&forged.patch(forged.chunk_at(4) + 13, &[2]))).contains("codec or filter"));
}

#[test]
fn a_section_that_decodes_beyond_the_limit_is_refused_before_memory_is_reserved() {
    let pieces = vec![Piece::coded(1, 1 << 24, b"bomb"); 17];
    let bytes = forge(0, &[Part::Coded(1, 0, pieces)]).bytes;
    let reader = Reader::open(&bytes[..], Limits::default()).unwrap();
    let section = &reader.sections()[0];
    let mut out = Vec::new();
    let error = reader.read_into(section, &mut out).unwrap_err();
    assert!(matches!(error, Error::Limit { needs: 0x1100_0000, allowed: 0x1000_0000, .. }), "{error}");
    assert_eq!((error.kind(), out.capacity()), (Kind::Limit, 0));
    assert!(error.to_string().contains("raise Limits::decoded_max if the source is trusted"), "{error}");
}

#[test]
fn limits_of_the_caller_hold() {
    let bytes = sample().bytes;
    let mut limits = Limits::default();
    limits.sections_max = 4;
    let error = Reader::open(&bytes[..], limits).unwrap_err();
    assert!(matches!(error, Error::Limit { needs: 5, allowed: 4, .. }), "{error}");
    let mut limits = Limits::default();
    limits.decoded_max = 300;
    let error = Reader::open(&bytes[..], limits).unwrap_err();
    assert!(matches!(error, Error::Limit { needs: 344, allowed: 300, .. }), "{error}");
}

#[test]
fn a_header_that_disagrees_with_the_table_is_refused() {
    let forged = sample();
    let at =
        usize::try_from(Reader::open(&forged.bytes[..], Limits::default()).unwrap().sections()[0].offset())
            .unwrap();
    // Section id, instance, index, last flag, payload CRC: each with a header CRC that is right.
    for (field, value) in [(4, 2), (8, 1), (12, 1), (18, 1), (32, 1)] {
        let mut bytes = forged.bytes.clone();
        bytes[at + field] ^= value;
        reseal_frame(5, &mut bytes[at..at + 40]);
        let reader = Reader::open(&bytes[..], Limits::default()).unwrap();
        let error = reader.read(&reader.sections()[0]).unwrap_err();
        assert_eq!(rule(&error), "it disagrees with the chunk table", "field {field}");
    }
    for (field, expected) in [(18, "flags"), (19, "not zero"), (30, "not zero"), (28, "filter parameter")] {
        let mut bytes = forged.bytes.clone();
        bytes[at + field] ^= 2;
        reseal_frame(5, &mut bytes[at..at + 40]);
        let reader = Reader::open(&bytes[..], Limits::default()).unwrap();
        let error = reader.read(&reader.sections()[0]).unwrap_err();
        assert!(rule(&error).contains(expected), "field {field}: {error}");
    }
}

/// Swaps two chunks of one section, with the header indices, the header checksums, the chunk table and the
/// footer made right. `is_seeded` says whether the payload checksums are made right as well.
fn swapped(is_seeded: bool) -> Vec<u8> {
    let forged = sample();
    let mut bytes = forged.bytes.clone();
    let at = forged.bytes.windows(4).position(|window| window == b"KCHK").unwrap();
    let (first, second) = (at, at + 48);
    let chunks: Vec<u8> = bytes[first..first + 96].to_vec();
    bytes[first..second].copy_from_slice(&chunks[48..]);
    bytes[second..second + 48].copy_from_slice(&chunks[..48]);
    for (index, chunk) in [(0_u8, first), (1, second)] {
        bytes[chunk + 12] = index;
        if is_seeded {
            let crc = seeded(5, (1, 0), index.into(), &bytes[chunk + 40..chunk + 48]);
            bytes[chunk + 32..chunk + 36].copy_from_slice(&crc.to_le_bytes());
        }
        reseal_frame(5, &mut bytes[chunk..chunk + 40]);
        let entry = forged.chunk_at(usize::from(index)) + 8;
        bytes.copy_within(chunk + 32..chunk + 36, entry);
    }
    reseal(&mut bytes);
    bytes
}

#[test]
fn swapped_chunks_fail_by_the_seed_alone() {
    let bytes = swapped(false);
    let reader = Reader::open(&bytes[..], Limits::default()).unwrap();
    let mut damage = Vec::new();
    reader.verify(&mut |error| damage.push(error)).unwrap();
    assert_eq!(damage.len(), 2);
    assert!(damage.iter().all(|error| matches!(error, Error::Checksum { what: "chunk payload", .. })));

    // The counter-example: with checksums over the new places nothing is left to notice, so it was the
    // seed that told the chunks apart, not some mistake of the forger.
    let bytes = swapped(true);
    let reader = Reader::open(&bytes[..], Limits::default()).unwrap();
    reader.verify(&mut |error| panic!("{error}")).unwrap();
    assert_eq!(&*reader.read(&reader.sections()[0]).unwrap(), b"abcdefgh12345678xy");
}

#[test]
fn a_chunk_of_another_epoch_fails_by_the_seed() {
    let (new, old) = (sample(), forge(4, &[Part::Coded(1, 0, vec![Piece::stored(b"12345678")])]));
    let find = |bytes: &[u8]| bytes.windows(4).position(|window| window == b"KCHK").unwrap();
    let (at, old_at) = (find(&new.bytes), find(&old.bytes));
    let mut bytes = new.bytes.clone();
    bytes[at..at + 48].copy_from_slice(&old.bytes[old_at..old_at + 48]);
    let reader = Reader::open(&bytes[..], Limits::default()).unwrap();
    let error = reader.read(&reader.sections()[0]).unwrap_err();
    assert!(matches!(error, Error::Checksum { what: "chunk header", .. }), "{error}");
}

#[test]
fn unknown_codecs_and_filters_are_newer_and_leave_the_rest_readable() {
    let filtered = Piece { filter: 2, ..Piece::stored(b"filtered") };
    let bytes = forge(
        0,
        &[
            Part::Coded(1, 0, vec![Piece::coded(3, 100, b"newer?")]),
            Part::Coded(1, 1, vec![filtered]),
            Part::Coded(1, 2, vec![Piece::stored(b"plain")]),
        ],
    )
    .bytes;
    let reader = Reader::open(&bytes[..], Limits::default()).unwrap();
    let [coded, filtered, plain] = [0, 1, 2].map(|i| &reader.sections()[i]);
    let error = reader.read(coded).unwrap_err();
    assert!(matches!(error, Error::UnknownCodec { id: 3, .. }) && error.kind() == Kind::Newer, "{error}");
    let error = reader.read(filtered).unwrap_err();
    assert!(matches!(error, Error::UnknownFilter { id: 2, .. }) && error.kind() == Kind::Newer, "{error}");
    assert_eq!(&*reader.read(plain).unwrap(), b"plain");
    let report = reader.verify(&mut |error| panic!("{error}")).unwrap();
    assert_eq!((report.undecoded, report.damaged), (2, 0));
}

#[test]
fn a_section_of_another_container_is_refused() {
    let (one, two) = (sample().bytes, coded(&[8]).bytes);
    let one = Reader::open(&one[..], Limits::default()).unwrap();
    let two = Reader::open(&two[..], Limits::default()).unwrap();
    for section in one.sections() {
        assert!(matches!(two.read(section), Err(Error::Misuse { .. })));
    }
}

#[test]
fn random_changes_under_right_checksums_never_panic() {
    let forged = sample();
    let frames: Vec<_> = [b"KCHK", b"KRAW"]
        .iter()
        .flat_map(|magic| (0..forged.footer).filter(|&at| forged.bytes[at..].starts_with(*magic)))
        .collect();
    let mut limits = Limits::default();
    limits.decoded_max = 1 << 20;
    let (mut random, mut opened) = (Random(20), 0);
    for round in 0..20_000 {
        let mut bytes = forged.bytes.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len());
            let any = random.next().to_le_bytes()[0];
            bytes[at] = random.pick(&[0, 1, 2, 7, 8, 0x7f, 0x80, 0xff, any]);
        }
        for &frame in &frames {
            reseal_frame(5, &mut bytes[frame..frame + 40]);
        }
        if bytes[56..60] == forged.bytes[56..60] {
            reseal(&mut bytes);
        }
        let Ok(reader) = Reader::open(&bytes[..], limits) else { continue };
        opened += 1;
        let mut damage = 0;
        let report = reader.verify(&mut |_| damage += 1).unwrap();
        assert_eq!(report.damaged, damage);
        let unread = reader.sections().iter().filter(|section| reader.read(section).is_err()).count();
        assert!(unread == 0 || report.damaged + report.undecoded > 0, "round {round}");
    }
    assert!(opened > 1000, "only {opened} of the files got behind the tables");
}

#[test]
fn checksums_of_a_raw_section_that_disagree_with_the_table_are_refused() {
    let forged = sample();
    let reader = Reader::open(&forged.bytes[..], Limits::default()).unwrap();
    let section = reader.sections()[2];
    let end = usize::try_from(section.offset() + section.span()).unwrap();
    let mut bytes = forged.bytes.clone();
    // Behind the payload stand one checksum, the checksum of that, and nothing.
    bytes[end - 8] ^= 1;
    let crc = seeded(5, (0x1001, 0), u32::MAX, &bytes[end - 8..end - 4]);
    bytes[end - 4..end].copy_from_slice(&crc.to_le_bytes());
    let reader = Reader::open(&bytes[..], Limits::default()).unwrap();
    let error = reader.read(&reader.sections()[2]).unwrap_err();
    assert_eq!(rule(&error), "they disagree with the chunk table");
}

#[test]
fn padding_of_head_and_footer_is_zero_under_right_checksums_too() {
    let forged = sample();
    let error = open_error(&forged.patch(forged.bytes.len() - TRAILER - 1, &[1]));
    assert!(rule(&error).contains("not zero"), "{error}");
    let body =
        usize::try_from(Reader::open(&forged.bytes[..], Limits::default()).unwrap().header().body_offset());
    let error = open_error(&forged.patch(body.unwrap() - 1, &[1]));
    assert!(rule(&error).contains("not zero"), "{error}");
}
