use std::io::Cursor;

use keepstone_format::{Error, Head, Header, Kind, Limits, ReadAt, Reader, Seeking};

use crate::forge::sample;

/// Reads everything. Answers the bytes of each section or its error, and what `verify` reported.
type Contents = Vec<Result<Vec<u8>, Error>>;

fn read_all(source: impl ReadAt) -> Result<(Contents, Vec<Error>), Error> {
    let reader = Reader::open(source, Limits::default())?;
    let mut damage = Vec::new();
    let report = reader.verify(&mut |error| damage.push(error))?;
    assert_eq!(report.damaged, damage.len() as u64);
    let contents = reader.sections().iter().map(|section| Ok(reader.read(section)?.into_owned())).collect();
    Ok((contents, damage))
}

#[test]
fn the_sample_is_whole() {
    let (contents, damage) = read_all(&sample().bytes[..]).unwrap();
    let contents: Vec<_> = contents.into_iter().map(Result::unwrap).collect();
    assert_eq!(contents, [&b"12345678abcdefghxy"[..], b"", b"raw bytes in one piece", b"", b"the end"]);
    assert!(damage.is_empty(), "{damage:?}");
}

#[test]
fn every_truncation_is_noticed() {
    let bytes = sample().bytes;
    for len in 0..bytes.len() {
        let error = read_all(&bytes[..len]).unwrap_err();
        assert!(matches!(error, Error::Truncated { .. } | Error::NoEndMark { .. }), "{len}: {error}");
        assert_eq!(error.kind(), Kind::Damaged);
        let seeking = Seeking::new(Cursor::new(&bytes[..len])).unwrap();
        assert_eq!(read_all(seeking).unwrap_err().to_string(), error.to_string());
    }
    for more in [1, 8, 64] {
        let longer = [&bytes[..], &vec![0; more]].concat();
        assert!(matches!(read_all(&longer[..]), Err(Error::NoEndMark { .. })));
    }
    let doubled = [&bytes[..], &bytes].concat();
    assert!(matches!(read_all(&doubled[..]), Err(Error::Invalid { what: "trailer", .. })));
}

#[test]
fn every_flipped_bit_is_noticed() {
    let bytes = sample().bytes;
    let (whole, _) = read_all(&bytes[..]).unwrap();
    for at in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[at / 8] ^= 1 << (at % 8);
        let seeking = read_all(Seeking::new(Cursor::new(&flipped)).unwrap());
        let Ok((contents, damage)) = read_all(&flipped[..]) else {
            assert!(seeking.is_err(), "bit {at}");
            continue;
        };
        assert_eq!(damage.len(), 1, "bit {at}: {damage:?}");
        assert_eq!(seeking.unwrap().1.len(), 1, "bit {at}");
        assert!(damage.iter().all(|error| error.kind() == Kind::Damaged));
        // Exactly the section that the bit lies in can't be read; the others are what they were.
        let unread: Vec<_> = contents.iter().enumerate().filter(|(_, read)| read.is_err()).collect();
        assert_eq!(unread.len(), 1, "bit {at}: {unread:?}");
        for (read, whole) in contents.iter().zip(&whole) {
            assert!(read.is_err() || read.as_ref().unwrap() == whole.as_ref().unwrap(), "bit {at}");
        }
    }
}

#[test]
fn every_flipped_bit_of_a_head_is_noticed_by_the_head_alone() {
    let bytes = sample().bytes;
    let head = Head::read(&bytes[..Head::LEN_MAX.min(bytes.len())]).unwrap();
    let end = usize::try_from(head.header.body_offset()).unwrap();
    assert_eq!(Head::read(&bytes[..end]).unwrap(), head);
    for at in 0..end * 8 {
        let mut flipped = bytes[..end].to_vec();
        flipped[at / 8] ^= 1 << (at % 8);
        let error = Head::read(&flipped).unwrap_err();
        assert_eq!(error.kind(), Kind::Damaged, "bit {at}: {error}");
    }
    for len in 0..end {
        let error = Head::read(&bytes[..len]).unwrap_err();
        assert!(matches!(error, Error::Truncated { .. }), "{len}: {error}");
    }
}

#[test]
fn damage_in_several_places_is_all_reported() {
    let forged = sample();
    let mut bytes = forged.bytes.clone();
    let find =
        |needle: &[u8]| forged.bytes.windows(needle.len()).position(|window| window == needle).unwrap();
    for needle in [&b"12345678"[..], b"xy\0\0", b"raw bytes", b"the end"] {
        bytes[find(needle)] ^= 0x10;
    }
    bytes[find(b"KRAW") + 10] ^= 1;
    let (contents, damage) = read_all(&bytes[..]).unwrap();
    let offsets: Vec<_> = damage
        .iter()
        .map(|error| match error {
            Error::Checksum { offset, .. } => usize::try_from(*offset).unwrap(),
            other => panic!("{other}"),
        })
        .collect();
    let expected = [&b"12345678"[..], b"xy\0\0", b"KRAW", b"raw bytes", b"the end"].map(find);
    assert_eq!(offsets, expected);
    assert_eq!(contents.iter().filter(|read| read.is_ok()).count(), 2);
}

#[test]
fn a_header_is_told_from_64_bytes_and_checked_in_order() {
    let bytes = sample().bytes;
    let header = Header::read(&bytes[..64]).unwrap();
    assert_eq!((header.epoch, header.store_id), (5, [7; 16]));
    let patched = |at: usize, value: u8| {
        let mut patched = sample().patch(at, &[value]);
        patched.truncate(64);
        Header::read(&patched).unwrap_err()
    };
    let newer = patched(8, 2);
    assert!(matches!(newer, Error::Version { found: 2, oldest: 1, newest: 1, .. }));
    assert_eq!(newer.kind(), Kind::Newer);
    assert_eq!(newer.to_string(), "container is version 2, this build reads 1 to 1; update the program");
    let older = patched(8, 0);
    assert!(matches!(older, Error::Version { found: 0, .. }) && older.kind() == Kind::Damaged);
    let feature = patched(23, 0x80);
    assert!(matches!(feature, Error::UnknownFeatures { bits: 0x8000_0000_0000_0000 }));
    assert_eq!(feature.kind(), Kind::Newer);
    assert!(matches!(patched(14, 1), Error::Invalid { .. }), "reserved bytes");
    assert!(matches!(patched(16, 0), Error::Invalid { .. }), "an epoch without the feature");
    let foreign = Header::read(b"ASVS\x02").unwrap_err();
    assert_eq!(
        foreign.to_string(),
        "not a keepstone container: the file begins with 41 53 56 53 02 (\"ASVS\\x02\")"
    );
    assert!(matches!(Header::read(b""), Err(Error::Truncated { needs: 64, available: 0, .. })));
    let mut torn = bytes[..64].to_vec();
    torn[30] ^= 1;
    assert!(matches!(Header::read(&torn), Err(Error::Checksum { offset: 0, .. })));
}
