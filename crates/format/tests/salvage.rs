use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::Range;

use keepstone_format::{
    Codec, Error, FileKind, Kind, Limits, Metadata, Reader, SalvageReport, SectionId, SectionLayout, Seeking,
    Writer, WriterOptions, salvage,
};

use crate::forge::{Part, Piece, forge, reseal_frame, sample, sample_of_epoch, seeded};
use crate::random::Random;

const MIB: usize = 1 << 20;

type Name = (SectionId, u32, u32);
type Parts = BTreeMap<Name, Vec<u8>>;

fn take(bytes: &[u8]) -> (Parts, SalvageReport) {
    let run = |source: &dyn keepstone_format::ReadAt| {
        let mut parts = Parts::new();
        let report = salvage(source, &Limits::default(), &mut |part| {
            let bytes = part.bytes.unwrap_or(b"not decoded").to_vec();
            let before = parts.insert((part.id, part.instance, part.index), bytes);
            assert!(before.is_none(), "a part comes once");
        });
        (parts, report.unwrap())
    };
    let lent = run(&bytes);
    assert_eq!(lent, run(&Seeking::new(Cursor::new(bytes)).unwrap()), "lent bytes and read ones agree");
    assert_eq!(lent.1.parts, lent.0.len() as u64);
    for section in &lent.1.sections {
        let whole = section.part_count.is_some_and(|count| {
            (0..count).all(|index| lent.0.contains_key(&(section.id, section.instance, index)))
        });
        assert_eq!(section.is_complete(), whole, "{section:?}");
    }
    lent
}

/// The bytes of a file that one of its parts needs when there are no tables: what must be there, in order.
struct Place {
    name: Name,
    bytes: Vec<u8>,
    header: Range<usize>,
    payload: Range<usize>,
    /// The checksum of a piece.
    crc: Range<usize>,
}

/// Where the parts of a whole file lie, as the specification says.
fn places(bytes: &[u8]) -> Vec<Place> {
    let reader = Reader::open(bytes, Limits::default()).unwrap();
    let mut places = Vec::new();
    for section in reader.sections() {
        let mut at = usize::try_from(section.offset()).unwrap();
        let header = at..at + 40;
        let mut crc = 0..0;
        let entries = reader.chunk_entries(section);
        if section.layout() == SectionLayout::Raw {
            at = (at + 40).next_multiple_of(64);
            let array = (at + usize::try_from(section.decoded_len()).unwrap()).next_multiple_of(8);
            crc = array..array + 4;
            if entries.is_empty() {
                let name = (section.id(), section.instance(), 0);
                places.push(Place {
                    name,
                    bytes: Vec::new(),
                    header: header.clone(),
                    payload: header.end..header.end,
                    crc: 0..0,
                });
            }
        }
        let contents = reader.chunks(section).unwrap().map(|chunk| chunk.unwrap().into_owned());
        for ((index, entry), bytes) in (0..).zip(entries).zip(contents) {
            let name = (section.id(), section.instance(), index);
            let len = entry.stored_len as usize;
            if section.layout() == SectionLayout::Raw {
                places.push(Place {
                    name,
                    bytes,
                    header: header.clone(),
                    payload: at..at + len,
                    crc: crc.clone(),
                });
                (at, crc) = (at + len, crc.start + 4..crc.end + 4);
            } else {
                let payload = at + 40..at + 40 + len;
                places.push(Place { name, bytes, header: at..at + 40, payload: payload.clone(), crc: 0..0 });
                at = payload.end.next_multiple_of(8);
            }
        }
    }
    places
}

fn only<T>(range: Range<T>) -> Vec<Range<T>> {
    std::iter::once(range).collect()
}

fn all(places: &[Place]) -> Parts {
    places.iter().map(|place| (place.name, place.bytes.clone())).collect()
}

/// Sections of every kind, with several chunks and pieces and without codec.
fn large() -> Vec<u8> {
    let mut random = Random(12);
    let mut writer = Writer::new(Vec::new(), WriterOptions::new(FileKind::SAVE).codec(Codec::None)).unwrap();
    for instance in 0..3 {
        writer.coded_from(SectionId(0x1000), instance, &[&random.bytes(2 * MIB + 100)]).unwrap();
        writer.raw_from(SectionId(0x1001), instance, &[&random.bytes(MIB + 50)]).unwrap();
    }
    writer.finish(Metadata::new()).unwrap().0
}

/// The footer is lost: nothing is left of its last bytes.
fn without_footer(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.truncate(bytes.len() - 64);
    bytes
}

#[test]
fn a_whole_container_is_taken_whole() {
    for bytes in [sample().bytes, large()] {
        let (parts, report) = take(&bytes);
        assert_eq!(parts, all(&places(&bytes)));
        assert!(report.is_whole() && report.has_tables && !report.is_epoch_assumed, "{report:?}");
        assert_eq!(report.damaged, []);
        let (parts, report) = take(&without_footer(&bytes));
        assert_eq!(parts, all(&places(&bytes)));
        assert!(!report.is_whole() && report.header.is_some() && report.tail.is_none());
        assert!(report.sections.iter().all(keepstone_format::SalvagedSection::is_complete));
    }
}

#[test]
fn everything_before_a_cut_is_taken() {
    for bytes in [sample().bytes, sample_of_epoch(0).bytes] {
        let places = places(&bytes);
        for len in 64..bytes.len() {
            let (parts, report) = take(&bytes[..len]);
            let whole = |place: &&Place| {
                [&place.header, &place.payload, &place.crc].iter().all(|range| range.end <= len)
            };
            let expected: Parts =
                places.iter().filter(whole).map(|place| (place.name, place.bytes.clone())).collect();
            assert_eq!(parts, expected, "{len}");
            assert!(!report.has_tables && report.damaged.last().is_none_or(|range| range.end <= len as u64));
        }
        for len in 0..64 {
            assert!(take(&bytes[..len]).0.is_empty());
        }
    }
    let bytes = large();
    let places = places(&bytes);
    let mut random = Random(3);
    for _ in 0..20 {
        let len = random.below(bytes.len());
        let whole =
            |place: &&Place| [&place.header, &place.payload, &place.crc].iter().all(|range| range.end <= len);
        let expected = places.iter().filter(whole).map(|place| (place.name, place.bytes.clone())).collect();
        assert!(take(&bytes[..len]).0 == expected, "{len}");
    }
}

#[test]
fn with_tables_a_flipped_bit_costs_no_more_than_its_own_payload() {
    let bytes = sample().bytes;
    let places = places(&bytes);
    let body = places[0].header.start;
    let footer = sample().footer;
    for at in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[at / 8] ^= 1 << (at % 8);
        let (parts, report) = take(&flipped);
        let has_tables = (body..footer).contains(&(at / 8));
        assert_eq!(report.has_tables, has_tables, "bit {at}");
        assert!(!report.is_whole(), "bit {at}");
        let lost: Vec<_> =
            places.iter().filter(|place| place.payload.contains(&(at / 8))).map(|place| place.name).collect();
        let mut expected = all(&places);
        expected.retain(|name, _| !lost.contains(name));
        assert_eq!(parts, expected, "bit {at}");
        if has_tables {
            let named = report.damaged.iter().any(|range| range.contains(&(at as u64 / 8)));
            assert!(named && report.damaged.len() == 1, "bit {at}: {:?}", report.damaged);
        }
    }
}

#[test]
fn without_tables_a_flipped_bit_costs_no_more_than_its_own_chunk() {
    let whole = sample_of_epoch(0).bytes;
    let places = places(&whole);
    let bytes = without_footer(&whole);
    for at in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[at / 8] ^= 1 << (at % 8);
        let (parts, report) = take(&flipped);
        let is_hit = |place: &&Place| {
            [&place.header, &place.payload, &place.crc].iter().any(|range| range.contains(&(at / 8)))
        };
        let lost: Vec<_> = places.iter().filter(is_hit).map(|place| place.name).collect();
        let mut expected = all(&places);
        expected.retain(|name, _| !lost.contains(name));
        assert_eq!(parts, expected, "bit {at}");
        let named = report.damaged.iter().any(|range| range.contains(&(at as u64 / 8)));
        assert!(named || at / 8 < 64 + 24, "bit {at}: {:?}", report.damaged);
        assert_eq!(report.is_epoch_assumed, at / 8 < 64, "bit {at}");
    }
}

#[test]
fn one_damaged_bit_in_every_other_chunk_leaves_the_others() {
    let whole = large();
    let places = places(&whole);
    for bytes in [whole.clone(), without_footer(&whole)] {
        for hits_header in [false, true] {
            let (mut damaged, mut expected) = (bytes.clone(), all(&places));
            for place in places.iter().step_by(2).filter(|place| place.name.0 == SectionId(0x1000)) {
                let at = if hits_header { place.header.start + 5 } else { place.payload.start + 50 };
                damaged[at] ^= 2;
                if !hits_header || bytes.len() < whole.len() {
                    expected.remove(&place.name);
                }
            }
            let (parts, report) = take(&damaged);
            assert!(parts == expected, "{:?}", report.sections);
            let missing: u32 = report.sections.iter().flat_map(|s| &s.missing).map(|r| r.end - r.start).sum();
            let has_unknown_end = report.sections.iter().any(|section| section.part_count.is_none());
            assert!(has_unknown_end || missing as usize == places.len() - parts.len(), "{report:?}");
        }
    }
}

#[test]
fn sections_say_which_of_their_chunks_are_missing() {
    let bytes = without_footer(&sample().bytes);
    let find = |needle: &[u8]| bytes.windows(needle.len()).position(|window| window == needle).unwrap();
    let mut damaged = bytes.clone();
    damaged[find(b"abcdefgh")] ^= 1;
    let (_, report) = take(&damaged);
    let first = &report.sections[0];
    assert_eq!((first.id, first.part_count), (SectionId::BYTES, Some(3)));
    assert_eq!((&first.missing, first.decoded_len), (&only(1..2), 10));
    let at = find(b"abcdefgh") as u64;
    assert_eq!(report.damaged[0], at - 40..at + 8);

    // The last chunk is gone: how many there were isn't known any more.
    let mut damaged = bytes.clone();
    damaged[find(b"xy\0\0") - 36] ^= 1;
    let (_, report) = take(&damaged);
    let first = &report.sections[0];
    assert_eq!((first.part_count, first.missing.len(), first.is_complete()), (None, 0, false));
}

#[test]
fn a_lost_header_is_said_and_the_trailer_tells_the_epoch() {
    for (epoch, has_trailer, is_found) in
        [(5, true, true), (5, false, false), (0, true, true), (0, false, true)]
    {
        let whole = sample_of_epoch(epoch).bytes;
        let expected = all(&places(&whole));
        let mut bytes = if has_trailer { whole } else { without_footer(&whole) };
        bytes[..64].fill(0xaa);
        let (parts, report) = take(&bytes);
        assert_eq!(parts == expected, is_found, "epoch {epoch}");
        assert!(report.header.is_none() && report.head.is_none());
        assert_eq!(
            (report.epoch, report.is_epoch_assumed),
            (if has_trailer { epoch } else { 0 }, !has_trailer)
        );
        assert_eq!(report.damaged.first().map(|range| range.start), Some(0));
    }
}

#[test]
fn bytes_that_were_cut_out_of_the_middle_cost_what_they_touch() {
    let whole = large();
    let places = places(&whole);
    let victim = &places[0];
    for len in [64, 4096, 99_968] {
        let mut bytes = whole.clone();
        bytes.drain(victim.payload.start + 800..victim.payload.start + 800 + len);
        let (parts, report) = take(&bytes);
        // The header before the gap holds and says where the next one should be, which is inside it.
        let mut expected = all(&places);
        expected.remove(&victim.name);
        expected.remove(&places[1].name);
        assert!(parts == expected, "{len}: {:?}", report.sections);
    }
}

#[test]
fn a_container_in_a_damaged_payload_is_not_looked_into() {
    let inner = forge(0, &[Part::Coded(1, 0, vec![Piece::stored(b"inner")])]).bytes;
    let outer =
        forge(0, &[Part::Coded(0x1000, 0, vec![Piece::stored(&inner)]), Part::Raw(0x1001, 0, inner.clone())]);
    let mut bytes = without_footer(&outer.bytes);
    let hits: Vec<_> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(b"inner")).collect();
    assert_eq!(hits.len(), 2);
    for at in hits {
        // Not a byte of the inner chunk is touched.
        bytes[at - 100] ^= 1;
    }
    let (parts, report) = take(&bytes);
    assert!(parts.is_empty(), "{parts:?}");
    assert_eq!(report.sections.len(), 2);
    assert!(report.sections.iter().all(|section| section.missing == only(0..1)));
}

#[test]
fn the_first_of_two_equal_chunks_counts() {
    let one = forge(0, &[Part::Coded(1, 0, vec![Piece::stored(b"first")])]);
    let two = forge(0, &[Part::Coded(1, 0, vec![Piece::stored(b"stale")])]);
    let start = places(&one.bytes)[0].header.start;
    let bytes = [&one.bytes[..one.footer], &two.bytes[start..two.footer]].concat();
    let (parts, report) = take(&bytes);
    assert_eq!(parts.values().collect::<Vec<_>>(), [b"first"]);
    assert_eq!(report.damaged, only(one.footer as u64..bytes.len() as u64));
}

#[test]
fn chunks_that_cannot_be_decoded_are_handed_out_as_they_are() {
    let parts = [
        Part::Coded(1, 0, vec![Piece::coded(3, 100, b"newer?")]),
        Part::Coded(1, 1, vec![Piece { filter: 2, ..Piece::stored(b"filtered") }]),
    ];
    let bytes = forge(0, &parts).bytes;
    for bytes in [bytes.clone(), without_footer(&bytes)] {
        let mut stored = Vec::new();
        let report = salvage(&bytes, &Limits::default(), &mut |part| {
            assert!(part.bytes.is_none() && part.is_last);
            stored.push(part.stored.to_vec());
        });
        let report = report.unwrap();
        assert_eq!(stored, [&b"newer?"[..], b"filtered"]);
        assert_eq!((report.parts, report.undecoded), (2, 2));
        assert!(report.sections.iter().all(keepstone_format::SalvagedSection::is_complete));
    }
}

#[test]
fn a_container_of_a_newer_build_is_left_alone() {
    let forged = sample();
    for (at, value) in [(8, 2), (23, 0x80)] {
        let bytes = forged.patch(at, &[value]);
        let error = salvage(&bytes, &Limits::default(), &mut |_| panic!("nothing is taken")).unwrap_err();
        assert!(matches!(error, Error::Version { .. } | Error::UnknownFeatures { .. }), "{error}");
        assert_eq!(error.kind(), Kind::Newer);
    }
}

#[test]
fn limits_hold_for_salvage_too() {
    let mut limits = Limits::default();
    limits.sections_max = 4;
    let error = salvage(&without_footer(&sample().bytes), &limits, &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::Limit { needs: 5, allowed: 4, .. }), "{error}");
}

/// Half a megabyte of headers that hold, each of which announces a payload that doesn't: looked at one by one
/// they would be summed ten thousand times over.
#[test]
fn headers_without_payloads_do_not_cost_more_than_the_file() {
    let mut bytes = vec![0_u8; 80];
    while bytes.len() < MIB / 2 {
        let (mut chunk, mut raw) = ([0; 40], [0; 40]);
        chunk[..8].copy_from_slice(b"KCHK\x01\0\0\0");
        chunk[20..28].copy_from_slice(&[0, 0, 0x10, 0, 0, 0, 0x10, 0]);
        reseal_frame(0, &mut chunk);
        raw[..8].copy_from_slice(b"KRAW\x02\0\0\0");
        raw[16..20].copy_from_slice(&[0, 0, 0x10, 0]);
        reseal_frame(0, &mut raw);
        bytes.extend(chunk);
        bytes.extend(raw);
    }
    let (parts, report) = take(&bytes);
    assert!(parts.is_empty());
    assert!(report.sections.len() <= 2);
}

#[test]
fn random_damage_never_yields_a_wrong_byte() {
    let whole = sample_of_epoch(0).bytes;
    let expected = all(&places(&whole));
    let mut random = Random(40);
    for round in 0..1000 {
        let mut bytes = whole.clone();
        for _ in 0..=random.below(6) {
            let (at, len) = (random.below(bytes.len()), random.below(60));
            let end = (at + len).min(bytes.len());
            match random.below(4) {
                0 => drop(bytes.drain(at..end)),
                1 => bytes[at..end].fill(0),
                2 => {
                    let from = random.below(bytes.len() - (end - at));
                    bytes.copy_within(from..from + (end - at), at);
                }
                _ => bytes[at] ^= 1 << random.below(8),
            }
        }
        let (parts, _) = take(&bytes);
        for (name, bytes) in parts {
            assert_eq!(Some(&bytes), expected.get(&name), "round {round}");
        }
    }
}

#[test]
fn pieces_of_a_raw_section_are_taken_by_their_own_checksums() {
    let mut random = Random(14);
    let data = random.bytes(3 * MIB);
    let forged = forge(0, &[Part::Raw(0x1001, 0, data.clone())]);
    let places = places(&forged.bytes);
    let mut bytes = without_footer(&forged.bytes);
    // The checksum of the checksums is wrong, and one piece: the others have checksums of their own.
    bytes[places[2].crc.end] ^= 1;
    bytes[places[1].payload.start] ^= 1;
    let (parts, report) = take(&bytes);
    assert_eq!(parts.keys().map(|name| name.2).collect::<Vec<_>>(), [0, 2]);
    assert!(parts.values().all(|piece| piece.len() == MIB));
    assert_eq!(report.sections[0].missing, only(1..2));
    let crc = seeded(0, (0x1001, 0), 0, &data[..MIB]);
    assert_eq!(bytes[places[0].crc.clone()], crc.to_le_bytes());
}
