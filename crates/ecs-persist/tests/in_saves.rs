//! Worlds in containers of kind save, as save slots hold them.

use std::num::NonZeroUsize;

use keepstone_ecs_persist::{EncodeOptions, Error, WorldDoc, WorldMeta, list_worlds};
use keepstone_format::{
    Codec, FileKind, Kind, Limits, Metadata, Reader, SectionId, SectionOptions, Writer, WriterOptions,
};

use crate::support::{encode, small_world};

/// A save as a slot has it: a head of its own, and a picture before the world.
fn save(doc: &WorldDoc<'_>, options: &EncodeOptions) -> Vec<u8> {
    let mut head = doc.meta.to_metadata();
    head.set(0x0021, &7_u64.to_le_bytes());
    let of_save = WriterOptions::new(FileKind::SAVE).codec(Codec::None).store([1; 16], 7).head(head);
    let mut writer = Writer::new(Vec::new(), of_save).unwrap();
    let plain = SectionOptions::new(Codec::None);
    writer.coded_from_with(SectionId::THUMBNAIL, 0, &[b"\x89PNG"], plain).unwrap();
    let (tail, report) = doc.write_sections(&mut writer, options).unwrap();
    assert_eq!((report.entities, report.bytes_total), (doc.entity_count().into(), 0));
    writer.finish(tail).unwrap().0
}

fn decode(bytes: &[u8]) -> Result<WorldDoc<'static>, Error> {
    let reader = Reader::open(bytes, Limits::default())?;
    let two = WorldDoc::decode_with(&reader, 0, NonZeroUsize::new(2).unwrap())?.into_owned();
    let one = WorldDoc::decode(&reader, 0)?.into_owned();
    assert_eq!(one, two, "whatever the threads");
    Ok(one)
}

#[test]
fn a_world_in_a_save_comes_back_with_what_was_said_about_it() {
    let mut doc = small_world();
    let mut meta = WorldMeta::default();
    meta.tick = Some(90);
    doc.meta = meta;
    let bytes = save(&doc, &EncodeOptions::default());
    assert_eq!(decode(&bytes).unwrap(), doc);
    let reader = Reader::open(bytes.as_slice(), Limits::default()).unwrap();
    let worlds = list_worlds(&reader).unwrap();
    assert_eq!((worlds.len(), worlds[0].entities), (1, doc.entity_count()));
    assert_eq!(reader.tail().entity_count(), Some(doc.entity_count().into()));
}

#[test]
fn the_sections_of_a_save_are_those_of_a_world_file() {
    let doc = small_world();
    let (in_save, in_file) = (save(&doc, &EncodeOptions::default()), encode(&doc));
    let in_save = Reader::open(in_save.as_slice(), Limits::default()).unwrap();
    let in_file = Reader::open(in_file.as_slice(), Limits::default()).unwrap();
    let of_world = in_save.sections().iter().filter(|section| section.id() != SectionId::THUMBNAIL);
    let mut bytes = 0;
    assert_eq!(of_world.clone().count(), in_file.sections().len());
    for (saved, filed) in of_world.zip(in_file.sections()) {
        assert_eq!((saved.id(), saved.instance()), (filed.id(), filed.instance()));
        let content = in_save.read(saved).unwrap();
        assert_eq!(content, in_file.read(filed).unwrap());
        bytes += content.len() as u64;
    }
    assert_eq!(doc.sections_len().unwrap(), bytes);
    assert_eq!(in_save.tail(), in_file.tail());
}

#[test]
fn threads_do_not_change_the_bytes_of_a_save() {
    let options = EncodeOptions::default().threads(NonZeroUsize::new(3).unwrap());
    assert_eq!(save(&small_world(), &options), save(&small_world(), &EncodeOptions::default()));
}

#[test]
fn a_save_of_something_else_is_no_world() {
    let mut writer = Writer::new(Vec::new(), WriterOptions::new(FileKind::SAVE).codec(Codec::None)).unwrap();
    writer.coded_from(SectionId::BYTES, 0, &[b"a payload"]).unwrap();
    let (bytes, _) = writer.finish(Metadata::new()).unwrap();
    let reader = Reader::open(bytes.as_slice(), Limits::default()).unwrap();
    let errors = [list_worlds(&reader).map(drop).unwrap_err(), decode(&bytes).unwrap_err()];
    for error in errors {
        assert!(matches!(&error, Error::NoWorld { found, .. } if found == "save"), "{error}");
        assert_eq!(error.kind(), Kind::NotFound);
    }
}

#[test]
fn a_save_cut_short_or_with_a_flipped_bit_is_never_another_world() {
    let doc = small_world();
    let bytes = save(&doc, &EncodeOptions::default());
    for len in 0..bytes.len() {
        assert!(decode(&bytes[..len]).is_err(), "cut to {len}");
    }
    for at in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[at / 8] ^= 1 << (at % 8);
        // The picture is no part of the world, and what is wrong with it is found when it is read.
        if let Ok(read) = decode(&flipped) {
            assert_eq!(read, doc, "bit {at}");
        }
    }
}
