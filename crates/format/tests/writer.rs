use std::io::{self, Write};

use keepstone_format::{
    Codec, Error, FileKind, Kind, Limits, Metadata, Reader, SectionId, Writer, WriterOptions,
};

const ID: SectionId = SectionId(0x1000);

fn writer<W: Write>(out: W) -> Writer<W> {
    Writer::new(out, WriterOptions::new(FileKind::SAVE).codec(Codec::None)).unwrap()
}

/// Takes `left` bytes, then the disk is full.
struct Full {
    left: usize,
}

impl Write for Full {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = buf.len().min(self.left);
        self.left -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_section_is_written_once() {
    let mut writer = writer(Vec::new());
    writer.coded_from(ID, 0, &[b"a"]).unwrap();
    let error = writer.raw_from(ID, 0, &[b"b"]).unwrap_err();
    assert!(matches!(error, Error::DuplicateSection { id: ID, instance: 0 }) && error.kind() == Kind::Misuse);
    writer.coded_from(ID, 1, &[b"c"]).unwrap();
    let (bytes, written) = writer.finish(Metadata::new()).unwrap();
    assert_eq!(written.sections, 2);
    let reader = Reader::open(bytes, Limits::default()).unwrap();
    assert_eq!(&*reader.read(reader.find(ID, 0).unwrap()).unwrap(), b"a");
    let error = reader.find(ID, 2).unwrap_err();
    assert!(matches!(error, Error::MissingSection { id: ID, instance: 2 }) && error.kind() == Kind::NotFound);
}

#[test]
fn a_dropped_section_poisons_the_writer() {
    let mut writer = writer(Vec::new());
    writer.coded(ID, 0).unwrap().write_all(b"lost").unwrap();
    let error = writer.coded_from(ID, 1, &[]).unwrap_err();
    assert!(matches!(error, Error::Poisoned) && error.kind() == Kind::Poisoned);
    assert!(matches!(writer.finish(Metadata::new()), Err(Error::Poisoned)));
}

#[test]
fn a_raw_section_has_the_length_that_was_announced() {
    let mut short = writer(Vec::new());
    let mut section = short.raw(ID, 0, 4).unwrap();
    section.write_all(b"123").unwrap();
    assert!(matches!(section.finish(), Err(Error::Misuse { .. })));
    assert!(matches!(short.finish(Metadata::new()), Err(Error::Poisoned)));

    let mut long = writer(Vec::new());
    let mut section = long.raw(ID, 0, 4).unwrap();
    section.write_all(b"123").unwrap();
    assert!(section.write_all(b"45").is_err());
    assert!(matches!(section.finish(), Err(Error::Poisoned)));
    assert!(matches!(long.finish(Metadata::new()), Err(Error::Poisoned)));
}

/// Writes a bit of everything; answers the length.
fn write_all(out: impl Write) -> Result<u64, Error> {
    let mut writer = Writer::new(out, WriterOptions::new(FileKind::SAVE).codec(Codec::None))?;
    writer.coded_from(ID, 0, &[b"coded"])?;
    let mut stream = writer.coded(ID, 1)?;
    stream.write_all(b"stream").map_err(|source| Error::Io { op: "test", source })?;
    stream.finish()?;
    writer.raw_from(ID, 2, &[b"raw"])?;
    Ok(writer.finish(Metadata::new())?.1.bytes)
}

#[test]
fn a_full_disk_is_an_error_after_every_number_of_bytes() {
    let len = write_all(Vec::new()).unwrap();
    for left in 0..usize::try_from(len).unwrap() {
        let error = write_all(Full { left }).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{left}: {error}");
        assert_eq!(error.kind(), Kind::NoSpace, "{left}");
    }
    assert_eq!(write_all(Full { left: usize::try_from(len).unwrap() }).unwrap(), len);
}

#[test]
fn a_failed_write_poisons_the_writer() {
    let mut failing = writer(Full { left: 100 });
    assert!(matches!(failing.coded_from(ID, 0, &[&[0; 200]]), Err(Error::Io { .. })));
    assert!(matches!(failing.coded_from(ID, 1, &[]), Err(Error::Poisoned)));

    let mut failing = writer(Full { left: 100 });
    let mut stream = failing.coded(ID, 0).unwrap();
    assert_eq!(stream.write_all(&vec![0; 3 << 20]).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert!(stream.write_all(b"more").is_err());
    assert!(matches!(stream.finish(), Err(Error::Poisoned)));
    assert!(matches!(failing.finish(Metadata::new()), Err(Error::Poisoned)));
}

#[test]
fn limits_hold_for_the_writer_too() {
    let mut head = Metadata::new();
    head.set_custom("key", &[0; 4096 - 4 - 4]);
    let options = |head: &Metadata| WriterOptions::new(FileKind::SAVE).codec(Codec::None).head(head.clone());
    assert!(Writer::new(Vec::new(), options(&head)).is_ok());
    head.set_custom("key", &[0; 4096 - 4 - 4 + 1]);
    let error = Writer::new(Vec::new(), options(&head)).unwrap_err();
    assert!(matches!(error, Error::Limit { needs: 4097, allowed: 4096, .. }), "{error}");

    let mut tail = Metadata::new();
    tail.set(0x7000, &vec![0; 65_528]).set(0x7001, &[]);
    let bytes = writer(Vec::new()).finish(tail.clone()).unwrap().0;
    assert_eq!(Reader::open(bytes, Limits::default()).unwrap().tail(), &tail);
    tail.set(0x7001, &[0]);
    let error = writer(Vec::new()).finish(tail).unwrap_err();
    assert!(matches!(error, Error::Limit { needs: 65_537, allowed: 65_536, .. }), "{error}");
}

#[test]
fn the_most_sections_are_written_and_one_more_is_refused() {
    let mut writer = writer(Vec::new());
    for instance in 0..65_535 {
        writer.raw_from(ID, instance, &[]).unwrap();
    }
    let error = writer.coded_from(ID, 65_535, &[]).unwrap_err();
    assert!(matches!(error, Error::Limit { needs: 65_536, allowed: 65_535, .. }), "{error}");
    let bytes = writer.finish(Metadata::new()).unwrap().0;
    let reader = Reader::open(bytes, Limits::default()).unwrap();
    assert_eq!(reader.sections().len(), 65_535);
    assert_eq!(reader.verify(&mut |error| panic!("{error}")).unwrap().sections, 65_535);
}

#[test]
fn errors_cross_threads() {
    fn check<T: std::error::Error + Send + Sync + 'static>(error: &T) -> String {
        error.to_string()
    }
    let error = Error::MissingSection { id: SectionId::SCHEMA, instance: 65_536 };
    assert_eq!(check(&error), "the container has no section SCHEMA with instance 65536");
}
