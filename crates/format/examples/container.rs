//! Writes a container of two sections, looks into it without reading the sections, and finds a flipped bit.
#![expect(clippy::print_stdout, reason = "an example shows what it finds")]

use keepstone_format::{Codec, Error, FileKind, Limits, Metadata, Reader, SectionId, Writer, WriterOptions};

/// Ids from here on are free for applications.
const NOTES: SectionId = SectionId::FIRST_FREE;

fn main() -> Result<(), Error> {
    let mut bytes = write()?;
    let limits = Limits::for_file_len(bytes.len() as u64);

    // Only header, head metadata and footer are read here.
    let reader = Reader::open(bytes.as_slice(), limits)?;
    println!("{} of {} bytes: {:?}", reader.header().kind, bytes.len(), reader.head().name());
    for section in reader.sections() {
        println!("  section {}: {} bytes at byte {}", section.id(), section.decoded_len(), section.offset());
    }
    let section = reader.find(NOTES, 0)?;
    println!("notes: {}", String::from_utf8_lossy(&reader.read(section)?));
    let place = usize::try_from(section.offset()).ok().map(|at| at + 40);

    // One bit is enough.
    if let Some(byte) = place.and_then(|at| bytes.get_mut(at)) {
        *byte ^= 1;
    }
    let reader = Reader::open(bytes.as_slice(), limits)?;
    let report = reader.verify(&mut |damage| println!("damage: {damage}"))?;
    println!("{} damaged place(s)", report.damaged);
    Ok(())
}

fn write() -> Result<Vec<u8>, Error> {
    let mut head = Metadata::new();
    head.set_name("Before the bridge").set_tick(86_400);
    let options = WriterOptions::new(FileKind::SAVE).codec(Codec::None).head(head);

    let mut writer = Writer::new(Vec::new(), options)?;
    writer.coded_from(SectionId::BYTES, 0, &[b"the state, ", b"in pieces"])?;
    writer.coded_from(NOTES, 0, &[b"and what an application adds of its own"])?;
    Ok(writer.finish(Metadata::new())?.0)
}
