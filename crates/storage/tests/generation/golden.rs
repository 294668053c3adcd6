//! Files whose bytes another implementation of FORMAT.md section 5 made, or has compared with its own.

use std::{fs, io::Write as _, path::Path};

use keepstone_format::{Codec, FileKind, Limits, Metadata, SectionId, WriterOptions};
use keepstone_storage::generation::{self, Check};

use super::{PAGE, bytes_of, commit, dir, disk, listed, load, memory, open, path_of, state_of};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/generation");

#[expect(clippy::disallowed_methods, reason = "golden files are read from the source tree")]
fn golden(case: &str) -> Vec<u8> {
    fs::read(Path::new(FOLDER).join(case)).unwrap()
}

#[test]
fn a_generation_of_another_implementation_is_read_and_written() {
    let expected = golden("generation-v1.gen");
    let files = disk(&[&expected]);
    assert_eq!(
        (listed(&*files), load(&*files).unwrap()),
        (vec![7], (7, b"state of generation seven".to_vec()))
    );
    let loaded = generation::load(&*files, dir(), Limits::default(), Check::Verifies).unwrap();
    assert_eq!((loaded.reader.header().kind, state_of(&loaded).len()), (FileKind::SAVE, 25));
    drop(loaded);

    let files = memory();
    let mut generations = open(&files, 1).unwrap();
    for _ in 1..7 {
        drop(generations.begin().unwrap());
    }
    let committed = commit(&mut generations, b"state of generation seven").unwrap();
    assert_eq!((committed.generation, committed.path), (7, path_of(0)));
    let made = bytes_of(&*files, 0);
    assert!(made[..expected.len()] == expected);
    assert!(made[expected.len()..].iter().all(|&byte| byte == 0) && made.len() == 64 << 10);
}

#[test]
fn a_file_that_was_written_over_reads_as_before() {
    let files = memory();
    let mut generations = open(&files, 1).unwrap();
    commit(&mut generations, &[b'x'; 700]).unwrap();
    commit(&mut generations, b"second").unwrap();
    let mut draft = generations.begin().unwrap();
    let mut head = Metadata::new();
    head.set_name("third").set_tick(99);
    let options = WriterOptions::new(FileKind::WORLD).codec(Codec::None).head(head).store([9; 16], 0);
    let mut writer = draft.container(options).unwrap();
    writer.raw_from(SectionId::BYTES, 3, &[&[1, 2, 3]]).unwrap();
    writer.coded_from(SectionId::BYTES, 4, &[b"four"]).unwrap();
    let (draft_again, written) = writer.finish(Metadata::new()).unwrap();
    draft_again.flush().unwrap();
    let committed = draft.commit(written).unwrap();
    assert_eq!((committed.generation, committed.recycled), (3, true));
    let len = PAGE + usize::try_from(committed.bytes).unwrap();
    let expected = golden("recycled-v1.gen");
    assert!(
        bytes_of(&*files, 0)[..len] == expected,
        "write {FOLDER}/recycled-v1.gen only after a look at why"
    );
    let reread = disk(&[&expected]);
    let loaded = generation::load(&*reread, dir(), Limits::default(), Check::Verifies).unwrap();
    assert_eq!((loaded.generation, loaded.reader.head().name()), (3, Some("third")));
}
