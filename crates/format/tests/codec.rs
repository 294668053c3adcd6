#![cfg(feature = "lz4")]

use keepstone_format::{Codec, Error, FileKind, Limits, Metadata, Reader, SectionId, Writer, WriterOptions};

use crate::forge::{Part, Piece, forge};
use crate::random::Random;

/// Twenty times `a` in the LZ4 block format: one literal, a match of 14 at distance 1, five literals.
const TWENTY_A: &[u8] = b"\x1aa\x01\x00\x50aaaaa";

fn read(decoded_len: u32, payload: &[u8]) -> Result<Vec<u8>, Error> {
    let bytes = forge(0, &[Part::Coded(1, 0, vec![Piece::coded(1, decoded_len, payload)])]).bytes;
    let reader = Reader::open(&bytes[..], Limits::default())?;
    let mut damage = 0;
    reader.verify(&mut |_| damage += 1)?;
    let result = reader.read(&reader.sections()[0]).map(std::borrow::Cow::into_owned);
    assert_eq!(damage, u32::from(result.is_err()), "verify and read agree");
    result
}

#[test]
fn a_chunk_must_decode_to_its_length() {
    assert_eq!(read(20, TWENTY_A).unwrap(), [b'a'; 20]);
    for decoded_len in [11, 19, 21, 1 << 24] {
        let error = read(decoded_len, TWENTY_A).unwrap_err();
        assert!(matches!(error, Error::Codec { codec: "lz4", .. }), "{decoded_len}: {error}");
    }
    for len in 0..TWENTY_A.len() {
        assert!(matches!(read(20, &TWENTY_A[..len]), Err(Error::Codec { .. })), "{len}");
    }
    for more in [&b"\x00"[..], b"\x00\x00", b"\x10a"] {
        let longer = [TWENTY_A, more].concat();
        let error = read(20, &longer);
        assert!(matches!(error, Err(Error::Codec { .. })), "{more:?}: {error:?}");
    }
}

#[test]
fn a_payload_of_noise_is_an_error_or_bytes_of_the_right_length() {
    let mut random = Random(77);
    for _ in 0..3000 {
        let len = random.below(40);
        let payload: Vec<u8> = (0..len).map(|_| random.next().to_le_bytes()[0]).collect();
        let decoded_len = u32::try_from(len + 1 + random.below(200)).unwrap();
        match read(decoded_len, &payload) {
            Ok(bytes) => assert_eq!(bytes.len(), decoded_len as usize),
            Err(error) => assert!(matches!(error, Error::Codec { .. }), "{error}"),
        }
    }
}

#[test]
fn chunks_that_lz4_makes_longer_are_stored() {
    let mut random = Random(5);
    let noise: Vec<u8> = (0..200_000).flat_map(|_| random.next().to_le_bytes()).collect();
    let mut writer = Writer::new(Vec::new(), WriterOptions::new(FileKind::SAVE)).unwrap();
    writer.coded_from(SectionId::BYTES, 0, &[&vec![0; 1 << 20], &noise]).unwrap();
    let (bytes, written) = writer.finish(Metadata::new()).unwrap();
    let reader = Reader::open(&bytes[..], Limits::default()).unwrap();
    let section = reader.find(SectionId::BYTES, 0).unwrap();
    let codecs: Vec<_> = reader.chunk_entries(section).iter().map(|chunk| chunk.codec).collect();
    assert_eq!(codecs, [Codec::Lz4.id(), Codec::None.id(), Codec::None.id()]);
    assert!(written.stored_bytes < noise.len() as u64 + 5000);
}

#[test]
fn the_bytes_of_a_chunk_do_not_depend_on_the_chunks_before() {
    let data = b"some text that repeats, some text that repeats".repeat(20);
    let write = |before: &[&[u8]]| {
        let mut writer = Writer::new(Vec::new(), WriterOptions::new(FileKind::SAVE)).unwrap();
        for (instance, bytes) in (1..).zip(before) {
            writer.coded_from(SectionId::BYTES, instance, &[bytes]).unwrap();
        }
        let start = writer.bytes();
        writer.coded_from(SectionId::BYTES, 0, &[&data]).unwrap();
        let end = writer.bytes();
        let (bytes, _) = writer.finish(Metadata::new()).unwrap();
        bytes[usize::try_from(start).unwrap()..usize::try_from(end).unwrap()].to_vec()
    };
    assert_eq!(write(&[]), write(&[&vec![3; 1 << 20], &data, b"x"]));
}
