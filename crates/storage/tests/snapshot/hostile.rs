//! Files whose checksums are right and whose contents are not, and files that change while they are opened.

use std::{
    io::ErrorKind,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use keepstone_format::{Error as FormatError, Kind, Limits, SectionId};
use keepstone_storage::{Error, File, Files, Metadata, OsFiles, Snapshot, snapshot::Options};

use super::{
    MIB, U8, U64, damage, disk,
    forge::{self, Part, Piece},
    forged, head, head_part, on_disk, open_bytes, path, raw_part, words, written,
};

fn refused(parts: &[Part]) -> FormatError {
    let error = open_bytes(&forged(parts)).unwrap_err();
    match error {
        Error::Container { source, .. } => source,
        other => panic!("{other}"),
    }
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7F {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
    bytes
}

#[test]
fn two_arrays_of_one_name_are_refused() {
    let error = refused(&[
        head_part(0, &head(b"a", U8, 1)),
        raw_part(0, &[1_u8]),
        head_part(1, &head(b"a", U64, 1)),
        raw_part(1, &[1_u64]),
    ]);
    assert!(matches!(error, FormatError::Invalid { rule: "two arrays share a name", .. }), "{error}");
}

#[test]
fn an_array_that_is_not_a_whole_number_of_rows_is_refused() {
    for len in [1, 7, 9, 15, 17] {
        let parts = [head_part(0, &head(b"a", U64, 2)), raw_part(0, &vec![1_u8; len])];
        let error = refused(&parts);
        assert!(matches!(error, FormatError::Invalid { what: "array", .. }), "{len}: {error}");
    }
}

#[test]
fn heads_that_break_a_rule_are_refused() {
    let with = |head: &[u8]| refused(&[head_part(0, head), raw_part(0, &[0_u8; 0])]);
    for broken in [
        &b""[..],
        b"\0\x01\x01",
        b"\x02a",
        b"\x01\xff\x01\x01",
        &head(b"a", U8, 0),
        &head(b"a", &[0x00], 1),
        &head(b"a", &[0x0d], 1),
        &head(b"a", &[0x22], 1),
        &head(b"a", b"\x21\x00", 1),
        &head(b"a", b"\x20\x00\x01", 1),
        &head(b"a", b"\x20\x05\x21\x00", 1),
        &head(b"a", b"\x21\x02\x01x\x01\x01x\x01", 1),
        &[&head(b"a", U8, 1)[..], &[0]].concat(),
        &[&head(b"a", U8, 0x80)[..], &[0]].concat(),
    ] {
        let error = with(broken);
        assert!(
            matches!(error, FormatError::Invalid { .. } | FormatError::Truncated { .. }),
            "{broken:?}: {error}"
        );
    }
    let wide = |layout: &[u8], width: u64| [&b"\x01a"[..], layout, &varint(width)].concat();
    for (long, needs) in [
        (wide(U8, (1 << 24) + 1), (1 << 24) + 1),
        (wide(U64, u32::MAX.into()), u64::from(u32::MAX) * 8),
        (wide(&[&[0x20][..], &varint(1 << 24), U8].concat(), u32::MAX.into()), u64::from(u32::MAX) << 24),
    ] {
        let error = with(&long);
        assert!(matches!(error, FormatError::Limit { needs: found, .. } if found == needs), "{error}");
    }
    let nested = |depth: usize| [&[0x20, 1].repeat(depth)[..], U8].concat();
    let error = with(&head(b"a", &nested(129), 1));
    assert!(matches!(error, FormatError::Limit { needs: 129, allowed: 128, .. }), "{error}");
    assert!(matches!(with(&head(b"a", &nested(30_000), 1)), FormatError::Limit { .. }));
    let deepest = [head_part(0, &head(b"a", &nested(128), 1)), raw_part(0, &[7_u8])];
    let snapshot = open_bytes(&forged(&deepest)).unwrap();
    assert_eq!(snapshot.array("a").unwrap().rows(), 1);
    assert!(matches!(snapshot.view::<u8>("a").unwrap_err(), Error::ArrayType { .. }));
}

/// A layout of `fields` fields of two letters each.
fn fields(fields: u32) -> Vec<u8> {
    let mut layout = vec![0x21];
    layout.extend(varint(fields.into()));
    for at in 0..fields {
        layout.extend([4, b'a', b'a', b'a', b'a', 1]);
        let end = layout.len() - 5;
        for place in 0..4 {
            layout[end + place] =
                b'a' + u8::try_from((at / 26_u32.pow(u32::try_from(place).unwrap())) % 26).unwrap();
        }
    }
    layout
}

#[test]
fn heads_longer_than_64_kib_are_refused_before_they_are_read() {
    let long = head(b"a", &fields(10_900), 1);
    assert!(long.len() < 65_536);
    open_bytes(&forged(&[head_part(0, &long)])).unwrap();
    let long = head(b"a", &fields(11_000), 1);
    let error = refused(&[head_part(0, &long)]);
    let needs = long.len() as u64;
    assert!(matches!(error, FormatError::Limit { needs: found, .. } if found == needs), "{error}");
    let claimed = Piece::coded(1, 1 << 24, b"bomb");
    let error = refused(&[Part::Coded(SectionId::ARRAY_HEAD.0, 0, vec![claimed])]);
    assert!(matches!(error, FormatError::Limit { needs: 0x100_0000, .. }), "{error}");
}

#[test]
fn heads_that_are_long_together_are_refused() {
    let parts: Vec<_> =
        (0..40).map(|at| head_part(at, &head(format!("{at}").as_bytes(), &fields(10_000), 1))).collect();
    let error = refused(&parts);
    assert!(matches!(error, FormatError::Limit { .. }), "{error}");
    assert!(error.to_string().contains("array heads"), "{error}");
}

#[test]
fn a_container_of_another_kind_may_hold_arrays() {
    // The forge writes saves.
    let parts = [Part::Raw(0x1000, 7, vec![1]), head_part(0, &head(b"a", U8, 1)), raw_part(0, &[9_u8])];
    assert_eq!(open_bytes(&forged(&parts)).unwrap().view::<u8>("a").unwrap(), [9]);
}

#[test]
fn a_coded_array_that_decodes_to_other_than_it_says_is_an_error_each_time_it_is_viewed() {
    let coded = |pieces| Part::Coded(SectionId::ARRAY.0, 0, pieces);
    let head = head_part(0, &head(b"a", U8, 1));
    for (codec, payload) in [(1, &b"bomb"[..]), (2, b"bomb"), (1, b"\x10a"), (7, b"?"), (0x80, b"?")] {
        let bytes = forged(&[head.clone(), coded(vec![Piece::coded(codec, 100, payload)])]);
        let snapshot = open_bytes(&bytes).unwrap();
        for _ in 0..2 {
            let error = snapshot.view::<u8>("a").unwrap_err();
            let kind = if codec < 3 { Kind::Damaged } else { Kind::Newer };
            assert_eq!(damage(&error).kind(), kind, "{codec}: {error}");
            assert!(snapshot.array("a").unwrap().view_rows::<u8>(0..0).is_err());
        }
    }
    // 272 MiB are claimed, 256 allowed for a small file; nothing is reserved.
    let bytes = forged(&[head.clone(), coded(vec![Piece::coded(1, 1 << 24, b"bomb"); 17])]);
    let error = open_bytes(&bytes).unwrap().view::<u8>("a").unwrap_err();
    assert!(
        matches!(damage(&error), FormatError::Limit { needs: 0x1100_0000, allowed: 0x1000_0000, .. }),
        "{error}"
    );
    // Chunks as long as chunks may be are copied where they belong.
    let long: Vec<u8> = words(3, 3 * MIB / 8 + 1).iter().flat_map(|word| word.to_le_bytes()).collect();
    let pieces = long.chunks(3 * MIB / 2).map(Piece::stored).collect();
    let snapshot = open_bytes(&forged(&[head, coded(pieces)])).unwrap();
    assert!(snapshot.view::<u8>("a").unwrap() == long);
}

#[test]
fn a_raw_array_of_any_claimed_length_is_refused() {
    let forged = forge::forge(0, &[head_part(0, &head(b"a", U8, 1)), raw_part(0, &[1_u8; 100])]);
    for len in [0_u64, 99, 101, 1 << 20, 1 << 32, 1 << 52, 1 << 63, u64::MAX - 63, u64::MAX] {
        for span in [None, Some(len), Some(len.wrapping_add(64)), Some(u64::MAX - 7)] {
            for count in [1_u32, 0, u32::MAX] {
                let entry = forged.section_at(1);
                let mut bytes = forged.patch(entry + 24, &len.to_le_bytes());
                if let Some(span) = span {
                    bytes[entry + 16..entry + 24].copy_from_slice(&span.to_le_bytes());
                }
                bytes[entry + 36..entry + 40].copy_from_slice(&count.to_le_bytes());
                forge::reseal(&mut bytes);
                let error = open_bytes(&bytes).unwrap_err();
                assert!(matches!(damage(&error), FormatError::Invalid { .. }), "{len}: {error}");
            }
        }
    }
}

/// Writes at a place of a file that is else a hole.
fn sparse(parts: &[(u64, &[u8])]) -> (tempfile::TempDir, PathBuf) {
    let (folder, path) = on_disk(b"");
    let file = OsFiles.open_rw(&path).unwrap();
    for (offset, bytes) in parts {
        file.write_all_at(bytes, *offset).unwrap();
    }
    (folder, path)
}

#[test]
fn a_file_that_is_a_hole_of_8_gib_is_refused_at_once() {
    let end = 8 << 30;
    let good = forge::forge(0, &[head_part(0, &head(b"a", U8, 1)), raw_part(0, &[1_u8; 100])]);
    let (trailer, front) = (good.bytes.len() - 64, good.footer);
    for (name, parts) in [
        ("a hole", vec![(end, &b"\0"[..])]),
        ("a head and a hole", vec![(0, &good.bytes[..front]), (end, b"\0")]),
        ("a snapshot and a hole", vec![(0, &good.bytes[..]), (end, b"\0")]),
        ("a head, a hole and a trailer", vec![(0, &good.bytes[..front]), (end, &good.bytes[trailer..])]),
    ] {
        let (_folder, path) = sparse(&parts);
        let error = Snapshot::open(&path).unwrap_err();
        assert_eq!(damage(&error).kind(), Kind::Damaged, "{name}: {error}");
    }
}

#[test]
fn an_array_that_is_a_hole_is_refused_at_its_first_piece() {
    let (folder, path) = sparse(&hole(1 << 30));
    let error = Snapshot::open(&path).unwrap_err();
    assert!(matches!(damage(&error), FormatError::Checksum { what: "raw section", .. }), "{error}");
    drop(folder);
}

/// A container whose only array claims to be `len` bytes of a hole, with tables that fit.
fn hole(len: u64) -> Vec<(u64, &'static [u8])> {
    let pieces = usize::try_from(len / MIB as u64).unwrap();
    let small = forge::forge(0, &[head_part(0, &head(b"a", U8, 1)), raw_part(0, &[0_u8; 8])]);
    let entry = small.section_at(1);
    let at = |field: usize| {
        usize::try_from(u64::from_le_bytes(small.bytes[entry + field..][..8].try_into().unwrap())).unwrap()
    };
    let raw = at(8);
    let payload = (raw + 40).next_multiple_of(64);
    let mut front = small.bytes[..payload].to_vec();
    front[raw + 16..raw + 24].copy_from_slice(&len.to_le_bytes());
    forge::reseal_frame(0, &mut front[raw..raw + 40]);
    let name = (SectionId::ARRAY.0, 0);
    let crcs = [1; 4].repeat(pieces);
    let mut back = crcs.clone();
    back.extend(forge::seeded(0, name, u32::MAX, &crcs).to_le_bytes());
    back.resize(back.len().next_multiple_of(8), 0);
    let span = (payload - raw) as u64 + len + back.len() as u64;
    let footer = raw as u64 + span;
    let mut tables = small.bytes[small.footer..small.chunk_at(1)].to_vec();
    let second = small.section_at(1) - small.footer;
    tables[second + 16..second + 24].copy_from_slice(&span.to_le_bytes());
    tables[second + 24..second + 32].copy_from_slice(&len.to_le_bytes());
    tables[second + 36..second + 40].copy_from_slice(&u32::try_from(pieces).unwrap().to_le_bytes());
    for _ in 0..pieces {
        tables.extend(u32::try_from(MIB).unwrap().to_le_bytes().repeat(2));
        tables.extend([1, 1, 1, 1, 0, 0, 0, 0]);
    }
    let trailer = small.bytes.len() - 64;
    tables.extend(&small.bytes[small.chunk_at(2)..trailer]);
    let mut end = small.bytes[trailer..].to_vec();
    end[..8].copy_from_slice(&footer.to_le_bytes());
    end[12..16].copy_from_slice(&u32::try_from(pieces + 1).unwrap().to_le_bytes());
    let total = footer + (tables.len() + 64) as u64;
    end[24..32].copy_from_slice(&total.to_le_bytes());
    let body = first_section(&small);
    let crc = keepstone_format::crc64(&[&small.bytes[..body], &tables, &end[..40]].concat());
    end[40..48].copy_from_slice(&crc.to_le_bytes());
    let crc = keepstone_format::crc32(&end[..52]);
    end[52..56].copy_from_slice(&crc.to_le_bytes());
    let back = [back, tables, end].concat();
    vec![(0, front.leak()), (payload as u64 + len, back.leak())]
}

fn first_section(forged: &forge::Forged) -> usize {
    let entry = forged.section_at(0);
    usize::try_from(u64::from_le_bytes(forged.bytes[entry + 8..][..8].try_into().unwrap())).unwrap()
}

/// Files of which reads from the `from`th on end at `end`, as if another program had cut them, or, without an
/// end, answer other bytes.
#[derive(Debug)]
struct Changing {
    inner: Arc<dyn Files>,
    reads: Arc<AtomicU64>,
    from: u64,
    end: Option<u64>,
}

#[derive(Debug)]
struct ChangingFile {
    file: Box<dyn File>,
    reads: Arc<AtomicU64>,
    from: u64,
    end: Option<u64>,
}

impl File for ChangingFile {
    fn path(&self) -> &Path {
        self.file.path()
    }
    fn metadata(&self) -> Result<Metadata, Error> {
        self.file.metadata()
    }
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize, Error> {
        let is_changed = self.reads.fetch_add(1, Ordering::SeqCst) >= self.from;
        let count = self.file.read_at(buf, offset)?;
        match self.end {
            Some(end) if is_changed => {
                let left = usize::try_from(end.saturating_sub(offset)).unwrap();
                Ok(count.min(left))
            }
            None if is_changed => {
                buf.iter_mut().step_by(511).for_each(|byte| *byte ^= 1);
                Ok(count)
            }
            _ => Ok(count),
        }
    }
    fn write_at(&self, data: &[u8], offset: u64) -> Result<usize, Error> {
        self.file.write_at(data, offset)
    }
    fn set_mode(&self, mode: u32) -> Result<(), Error> {
        self.file.set_mode(mode)
    }
    fn sync_data(&self) -> Result<(), Error> {
        self.file.sync_data()
    }
    fn sync_all(&self) -> Result<(), Error> {
        self.file.sync_all()
    }
    fn try_lock(&self) -> Result<bool, Error> {
        self.file.try_lock()
    }
    fn try_lock_shared(&self) -> Result<bool, Error> {
        self.file.try_lock_shared()
    }
}

impl Files for Changing {
    fn open(&self, path: &Path) -> Result<Box<dyn File>, Error> {
        let file = self.inner.open(path)?;
        Ok(Box::new(ChangingFile { file, reads: Arc::clone(&self.reads), from: self.from, end: self.end }))
    }
    fn open_rw(&self, path: &Path) -> Result<Box<dyn File>, Error> {
        self.open(path)
    }
    fn create_new(&self, path: &Path) -> Result<Box<dyn File>, Error> {
        self.inner.create_new(path)
    }
    fn metadata(&self, path: &Path) -> Result<Metadata, Error> {
        self.inner.metadata(path)
    }
    fn list(&self, dir: &Path) -> Result<Vec<std::ffi::OsString>, Error> {
        self.inner.list(dir)
    }
    fn create_dir(&self, dir: &Path) -> Result<(), Error> {
        self.inner.create_dir(dir)
    }
    fn rename(&self, from: &Path, to: &Path) -> Result<(), Error> {
        self.inner.rename(from, to)
    }
    fn remove(&self, path: &Path) -> Result<(), Error> {
        self.inner.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> Result<(), Error> {
        self.inner.sync_dir(dir)
    }
}

#[test]
fn a_file_that_is_cut_or_changed_while_it_is_opened_is_an_error_or_was_read_before() {
    let values = words(4, 2 * MIB / 8 + 9);
    let bytes = written(|writer| {
        writer.array("a", &values).unwrap();
        writer.array("b", &[1_u8; 9]).unwrap();
    });
    let mut cuts = 0;
    for threads in [1, 2] {
        for from in 0..16 {
            for end in [0, 1, 100, 5000, MIB as u64, bytes.len() as u64 - 1, u64::MAX]
                .map(Some)
                .into_iter()
                .chain([None])
            {
                let inner = disk(&bytes);
                let files = Changing { inner, reads: Arc::default(), from, end };
                let options = Options::default().files(&files).threads(NonZeroUsize::new(threads).unwrap());
                match Snapshot::open_with(path(), options) {
                    // What was read is what was written: where it was changed, that was seen, or nobody asks.
                    Ok(snapshot) => {
                        assert!(snapshot.view::<u64>("a").unwrap() == values);
                        assert_eq!(snapshot.view::<u8>("b").unwrap(), [1; 9]);
                    }
                    Err(error) if end.is_some() => {
                        cuts += 1;
                        assert_eq!(error.kind(), Kind::Io, "{error}");
                        assert_eq!(error.io_kind(), Some(ErrorKind::UnexpectedEof), "{error:?}");
                        assert!(error.to_string().starts_with("a.keep: read failed"), "{error}");
                    }
                    Err(error) => assert_eq!(damage(&error).kind(), Kind::Damaged, "{error}"),
                }
            }
        }
    }
    assert!(cuts > 20, "{cuts}");
}

#[test]
fn limits_of_the_caller_bound_the_tables() {
    let bytes = written(|writer| {
        for at in 0..50 {
            writer.array(&format!("{at}"), &[1_u8]).unwrap();
        }
    });
    let files = disk(&bytes);
    let mut limits = Limits::default();
    limits.sections_max = 99;
    let error = Snapshot::open_with(path(), Options::default().files(&*files).limits(limits)).unwrap_err();
    assert!(matches!(damage(&error), FormatError::Limit { needs: 100, allowed: 99, .. }), "{error}");
    assert_eq!(error.kind(), Kind::Limit);
}
