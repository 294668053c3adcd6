//! What holds for any bytes that are read as a container.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::ops::Range;

use keepstone_format::{
    Codec, Error, Header, Limits, Metadata, ReadAt, Reader, SalvageReport, SectionId, SectionLayout, Seeking,
    StreamReader, Writer, WriterOptions, crc32, crc64, salvage,
};

const HEADER: usize = 64;
const TRAILER: usize = 64;
const FRAME: usize = 40;

/// One section: its name, its layout and its bytes.
type Section = (SectionId, u32, SectionLayout, Vec<u8>);

/// What a reader says of a container that it accepts.
struct Contents {
    header: Header,
    head: Metadata,
    tail: Metadata,
    sections: Vec<Section>,
}

/// Reads `bytes` in every way there is; what one way accepts the others do, and a copy of it is equal. What is
/// refused is salvaged: each part is what a reader finds in the same place, or what nobody else vouches for.
pub(crate) fn check(bytes: &[u8]) {
    let lent = read_all(bytes);
    let copied = Seeking::new(Cursor::new(bytes)).map_err(|err| err.to_string()).and_then(read_all);
    // The length of an input decides how its bytes trickle: that is as good as chance.
    let streamed = stream_all(Trickle { rest: bytes, most: 1 + bytes.len() * 7 % 300 });
    check_salvage(bytes);
    let contents = match (lent, copied) {
        (Ok(lent), Ok(copied)) => {
            assert!(lent.sections == copied.sections, "lent and copied bytes differ");
            lent
        }
        (Err(lent), Err(copied)) => {
            assert!(streamed.is_err(), "a stream accepts what is refused: {lent}");
            return assert_eq!(lent, copied);
        }
        (Ok(_), Err(err)) | (Err(err), Ok(_)) => panic!("one way of reading refuses: {err}"),
    };
    match streamed {
        Ok((tail, sections)) => {
            assert!(sections == contents.sections && tail == contents.tail, "the stream says something else");
        }
        Err(err) => panic!("a stream refuses what is accepted: {err}"),
    }
    let copy = rewrite(&contents);
    for copy in [copy, recode(bytes)] {
        let again = read_all(&copy[..]).unwrap();
        assert!(again.sections == contents.sections, "the copy has other sections");
        assert_eq!((&again.head, &again.tail), (&contents.head, &contents.tail));
    }
}

/// Hands out few bytes at a time.
struct Trickle<'a> {
    rest: &'a [u8],
    most: usize,
}

impl Read for Trickle<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let len = buf.len().min(self.most);
        self.rest.read(&mut buf[..len])
    }
}

/// Reads a container as it comes: its tail and its sections.
fn stream_all(source: impl Read) -> Result<(Metadata, Vec<Section>), String> {
    let said = |err: Error| err.to_string();
    let mut reader = StreamReader::new(source, limits()).map_err(said)?;
    let mut sections: Vec<Section> = Vec::new();
    let mut next = 0;
    loop {
        match reader.next_part() {
            Ok(Some(part)) => {
                assert_eq!(part.index, next, "parts of a section come in order");
                if next == 0 {
                    sections.push((part.id, part.instance, part.layout, Vec::new()));
                }
                let (id, instance, layout, bytes) = sections.last_mut().unwrap();
                assert_eq!((*id, *instance, *layout), (part.id, part.instance, part.layout));
                bytes.extend_from_slice(part.bytes);
                next = if part.is_last { 0 } else { part.index + 1 };
            }
            Ok(None) => break,
            Err(err) => {
                // Behind a chunk that this build can't decode a stream goes on; behind anything else it doesn't.
                let is_of_build = matches!(
                    err,
                    Error::CodecNotBuilt { .. } | Error::UnknownCodec { .. } | Error::UnknownFilter { .. }
                );
                if !is_of_build {
                    assert!(matches!(reader.next_part(), Err(Error::StreamFailed)), "{err}");
                }
                return Err(said(err));
            }
        }
    }
    assert_eq!(next, 0, "the last section was ended");
    assert!(reader.next_part().unwrap().is_none(), "the end stays the end");
    Ok((reader.tail().unwrap().clone(), sections))
}

/// The parts that salvage finds, by section and index, and what it says of them.
type Parts = BTreeMap<(SectionId, u32, u32), Option<Vec<u8>>>;

fn salvage_all(source: &(impl ReadAt + ?Sized)) -> Result<(Parts, SalvageReport), String> {
    let (len, mut parts, mut seen) = (source.len(), Parts::new(), 0);
    let report = salvage(source, &limits(), &mut |part| {
        assert!(part.offset + part.stored.len() as u64 <= len, "a part lies behind the end");
        if let Some(bytes) = part.bytes {
            assert_eq!(bytes.len(), usize::try_from(part.entry.decoded_len).unwrap());
        }
        let before = parts.insert((part.id, part.instance, part.index), part.bytes.map(<[u8]>::to_vec));
        assert!(before.is_none(), "a part was handed out twice");
        seen += 1;
    });
    let report = report.map_err(|err| err.to_string())?;
    assert_eq!((report.parts, parts.len() as u64), (seen, seen));
    assert!(report.undecoded <= report.parts);
    Ok((parts, report))
}

fn check_salvage(bytes: &[u8]) {
    let found = salvage_all(bytes);
    if bytes.len().is_multiple_of(8) {
        let copied = salvage_all(&Seeking::new(Cursor::new(bytes)).unwrap());
        assert_eq!(found, copied, "lent and copied bytes are salvaged alike");
    }
    let Ok((parts, report)) = found else { return };
    let is_ordered = |ranges: &[Range<u64>]| {
        ranges.iter().all(|range| range.start < range.end)
            && ranges.windows(2).all(|pair| pair[0].end <= pair[1].start)
    };
    assert!(is_ordered(&report.damaged), "{:?}", report.damaged);
    assert!(report.damaged.iter().all(|range| range.end <= bytes.len() as u64), "{:?}", report.damaged);
    let listed: u64 = report.sections.iter().map(|section| section.decoded_len).sum();
    let decoded: usize = parts.values().flatten().map(Vec::len).sum();
    assert!(listed >= decoded as u64, "the report leaves out what was handed out");
    let reader = Reader::open(bytes, limits());
    assert_eq!(report.has_tables, reader.is_ok());
    let Ok(reader) = reader else {
        assert!(!report.is_whole(), "a container that can't be opened is not whole");
        return;
    };
    for section in reader.sections() {
        let part = |index| parts.get(&(section.id(), section.instance(), index));
        let mut chunks: Vec<_> = reader.chunks(section).unwrap().collect();
        if chunks.len() > usize::try_from(section.chunk_count()).unwrap() {
            // What is wrong around the pieces of a raw section comes before them.
            assert!(chunks.remove(0).is_err());
        }
        for (index, chunk) in (0..).zip(chunks) {
            // What a reader takes salvage takes; the other way round it takes more.
            if let Ok(chunk) = chunk {
                assert_eq!(part(index).and_then(Option::as_deref), Some(&*chunk), "part {index}");
            }
        }
    }
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.decoded_max = 1 << 20;
    limits
}

fn read_all(source: impl ReadAt) -> Result<Contents, String> {
    let said = |err: Error| err.to_string();
    let reader = Reader::open(source, limits()).map_err(said)?;
    let mut damage = Vec::new();
    let report = reader.verify(&mut |err| damage.push(err)).map_err(said)?;
    assert_eq!(report.damaged, damage.len() as u64);
    let mut sections = Vec::new();
    let mut failed = None;
    for section in reader.sections() {
        match reader.read(section) {
            Ok(bytes) => {
                assert_eq!(bytes.len() as u64, section.decoded_len());
                sections.push((section.id(), section.instance(), section.layout(), bytes.into_owned()));
            }
            Err(err) => failed = failed.or(Some(err)),
        }
    }
    if let Some(err) = failed {
        return Err(said(err));
    }
    assert!(damage.is_empty(), "all sections were read, yet {damage:?}");
    let (header, head, tail) = (*reader.header(), reader.head().clone(), reader.tail().clone());
    Ok(Contents { header, head, tail, sections })
}

fn rewrite(contents: &Contents) -> Vec<u8> {
    let header = &contents.header;
    let options = WriterOptions::new(header.kind)
        .codec(Codec::None)
        .head(contents.head.clone())
        .store(header.store_id, header.epoch);
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    for (id, instance, layout, bytes) in &contents.sections {
        match layout {
            SectionLayout::Raw => writer.raw_from(*id, *instance, &[bytes]).unwrap(),
            SectionLayout::Coded => writer.coded_from(*id, *instance, &[bytes]).unwrap(),
        }
    }
    writer.finish(contents.tail.clone()).unwrap().0
}

/// The same section by section, with the codec that is written by default, if it is built.
fn recode(bytes: &[u8]) -> Vec<u8> {
    let reader = Reader::open(bytes, limits()).unwrap();
    let codec = Some(Codec::default()).filter(|codec| codec.is_built()).unwrap_or(Codec::None);
    let mut writer = Writer::new(Vec::new(), WriterOptions::of(&reader).codec(codec)).unwrap();
    for section in reader.sections() {
        writer.recode_section(&reader, section).unwrap();
    }
    writer.finish(reader.tail().clone()).unwrap().0
}

/// Makes the checksums right wherever they can be found, so that what else is wrong is seen. With `agree` the tables say what the
/// chunk headers say.
pub(crate) fn reseal(bytes: &mut [u8], agree: bool) {
    let _ = reseal_sections(bytes, agree);
    let _ = reseal_ends(bytes);
}

fn reseal_ends(bytes: &mut [u8]) -> Option<()> {
    let header_crc = crc32(bytes.get(..60)?);
    put(bytes, 60, header_crc)?;
    let head_end = HEADER.checked_add(get_u32(bytes, 56)?)?;
    let head_crc = crc32(&[bytes.get(..60)?, bytes.get(HEADER..head_end)?].concat());
    put(bytes, head_end, head_crc)?;
    let body = (head_end + 4).next_multiple_of(8);
    let trailer = bytes.len().checked_sub(TRAILER)?;
    let footer = get_u64(bytes, trailer)?.min(trailer);
    let crc = crc64(&[bytes.get(..body)?, bytes.get(footer..trailer + 40)?].concat());
    bytes.get_mut(trailer + 40..trailer + 48)?.copy_from_slice(&crc.to_le_bytes());
    let crc = crc32(bytes.get(trailer..trailer + 52)?);
    put(bytes, trailer + 52, crc)
}

fn reseal_sections(bytes: &mut [u8], agree: bool) -> Option<()> {
    let trailer = bytes.len().checked_sub(TRAILER)?;
    let table = get_u64(bytes, trailer)?.checked_add(8)?;
    let count = get_u32(bytes, trailer + 8)?;
    let chunk_table = table.checked_add(count.checked_mul(48)?)?;
    bytes.get(table..chunk_table)?;
    let mut chunk = 0;
    for index in 0..count.min(64) {
        let entry = table + index * 48;
        let at = get_u64(bytes, entry + 8)?;
        let is_raw = *bytes.get(entry + 40)? == 1;
        if is_raw {
            seal_frame(bytes, at)?;
            chunk += get_u32(bytes, entry + 36)?;
            continue;
        }
        let mut at = at;
        let mut decoded = 0;
        for _ in 0..get_u32(bytes, entry + 36)?.min(64) {
            let end = seal_chunk(bytes, at, chunk_table.checked_add(chunk * 16)?, agree)?;
            decoded += u64::try_from(get_u32(bytes, at + 24)?).ok()?;
            (at, chunk) = (end, chunk + 1);
        }
        if agree {
            bytes.get_mut(entry + 24..entry + 32)?.copy_from_slice(&decoded.to_le_bytes());
        }
    }
    Some(())
}

/// Seals the chunk at `at` and its entry in the chunk table; answers where the chunk ends.
fn seal_chunk(bytes: &mut [u8], at: usize, entry: usize, agree: bool) -> Option<usize> {
    bytes.get(entry..entry.checked_add(16)?)?;
    let stored = get_u32(bytes, at.checked_add(20)?)?;
    let end = at.checked_add(FRAME)?.checked_add(stored)?;
    let seed = [bytes.get(48..56)?, bytes.get(at + 4..at + 16)?].concat();
    let crc = crc32(&[&seed, bytes.get(at + FRAME..end)?].concat());
    put(bytes, at + 32, crc)?;
    seal_frame(bytes, at)?;
    put(bytes, entry + 8, crc)?;
    if agree {
        bytes.copy_within(at + 20..at + 28, entry);
        bytes.copy_within(at + 16..at + 18, entry + 12);
        bytes.copy_within(at + 28..at + 30, entry + 14);
    }
    Some(end.next_multiple_of(8))
}

fn seal_frame(bytes: &mut [u8], at: usize) -> Option<()> {
    let covered = [bytes.get(48..56)?, bytes.get(at..at.checked_add(36)?)?].concat();
    put(bytes, at + 36, crc32(&covered))
}

fn get_u32(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?)).ok()
}

fn get_u64(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?)).ok()
}

fn put(bytes: &mut [u8], at: usize, value: u32) -> Option<()> {
    bytes.get_mut(at..at.checked_add(4)?)?.copy_from_slice(&value.to_le_bytes());
    Some(())
}
