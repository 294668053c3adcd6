use std::io::Write;

use keepstone_format::{
    Codec, Error, FileKind, Filter, Limits, Metadata, Reader, SectionId, SectionOptions, Writer,
    WriterOptions,
};

use crate::forge::{Part, Piece, forge};
use crate::random::Random;

fn codecs() -> impl Iterator<Item = Codec> {
    [Codec::None, Codec::Lz4, Codec::Zstd].into_iter().filter(|codec| codec.is_built())
}

#[test]
fn shuffled_sections_survive_from_slices_and_streams() {
    let mut random = Random(31);
    for codec in codecs() {
        for width in [2, 3, 4, 8, 12, 16, 40, 255] {
            let len = random.pick(&[0, 1, 100, 100_000, (1 << 20) + 77]);
            let (data, cuts) = (random.bytes(len), random.cuts(len));
            let options = SectionOptions::new(codec).filter(Filter::Shuffle { width });
            let writer =
                || Writer::new(Vec::new(), WriterOptions::new(FileKind::SAVE).codec(Codec::None)).unwrap();
            let mut whole = writer();
            whole.coded_from_with(SectionId::BYTES, 0, &[&data], options).unwrap();
            let whole = whole.finish(Metadata::new()).unwrap().0;
            let mut streamed = writer();
            let (mut stream, mut rest) =
                (streamed.coded_with(SectionId::BYTES, 0, options).unwrap(), &data[..]);
            for cut in cuts {
                stream.write_all(&rest[..cut]).unwrap();
                rest = &rest[cut..];
            }
            stream.finish().unwrap();
            assert!(streamed.finish(Metadata::new()).unwrap().0 == whole, "{codec:?} {width} {len}");

            let reader = Reader::open(&whole[..], Limits::default()).unwrap();
            let section = reader.find(SectionId::BYTES, 0).unwrap();
            assert!(*reader.read(section).unwrap() == data, "{codec:?} {width} {len}");
            let chunks: Vec<_> = reader.chunks(section).unwrap().map(Result::unwrap).collect();
            assert!(chunks.concat() == data, "{codec:?} {width} {len}");
            assert!(crate::stream::read(&whole).unwrap()[0].1 == data, "{codec:?} {width} {len}");
        }
    }
}

#[test]
fn an_element_has_2_to_255_bytes() {
    for (parameter, is_valid) in
        [(0, false), (1, false), (2, true), (255, true), (256, false), (u16::MAX, false)]
    {
        let piece = Piece { filter: 1, parameter, ..Piece::stored(b"abcdef") };
        let bytes = forge(0, &[Part::Coded(1, 0, vec![piece])]).bytes;
        let opened = Reader::open(&bytes[..], Limits::default());
        assert_eq!(opened.is_ok(), is_valid, "{parameter}");
        assert_eq!(crate::stream::read(&bytes).is_ok(), is_valid, "{parameter}");
        if let Err(error) = opened {
            assert!(matches!(error, Error::Invalid { .. }) && error.to_string().contains("255"), "{error}");
        }
    }
}

#[test]
fn shuffled_numbers_take_less_room() {
    let numbers: Vec<u8> = (0..50_000_u32).flat_map(|i| (1_000_000 + i * 17 % 5000).to_le_bytes()).collect();
    for codec in codecs().filter(|codec| *codec != Codec::None) {
        let stored = |filter| {
            let mut writer =
                Writer::new(Vec::new(), WriterOptions::new(FileKind::SAVE).codec(Codec::None)).unwrap();
            let options = SectionOptions::new(codec).filter(filter);
            writer.coded_from_with(SectionId::BYTES, 0, &[&numbers], options).unwrap();
            writer.finish(Metadata::new()).unwrap().1.stored_bytes
        };
        assert!(stored(Filter::Shuffle { width: 4 }) < stored(Filter::None), "{codec:?}");
    }
}
