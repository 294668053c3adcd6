use std::{io::Write as _, sync::Arc};

use keepstone_format::{Codec, FileKind, Kind, Limits, Metadata, SectionId, Writer, WriterOptions};
use keepstone_storage::{
    Error, Files, GenerationOptions, Generations, OsFiles,
    generation::{self, Check},
};
use keepstone_testkit::tap::Tapped;

use super::{
    DIR, NoLocks, PAGE, bytes_of, commit, dir, disk, fill, listed, load, memory, open, path_of, state,
    state_of,
};
use crate::support::names;

#[test]
fn files_are_written_over_in_turn_and_the_kept_ones_are_not() {
    for keep in 1..4 {
        let files = memory();
        let mut generations = open(&files, keep).unwrap();
        for generation in 1..12_u64 {
            let committed = commit(&mut generations, &state(generation, 50)).unwrap();
            let count = u64::from(keep) + 1;
            assert_eq!(committed.generation, generation);
            assert_eq!(committed.recycled, generation > count);
            // Each takes the file of the one that is `keep + 1` older.
            let number = u32::try_from((generation - 1) % count).unwrap();
            assert_eq!(committed.path, path_of(number));
            let oldest = generation.saturating_sub(count - 1).max(1);
            assert_eq!(listed(&*files), (oldest..=generation).rev().collect::<Vec<_>>());
            assert_eq!(load(&*files).unwrap(), (generation, state(generation, 50)));
            // Another process goes on with them.
            drop(generations);
            generations = open(&files, keep).unwrap();
        }
        assert_eq!(names(&*files, dir()).len(), keep as usize + 2, "and the lock");
    }
}

#[test]
fn the_disk_and_the_memory_answer_alike_and_each_generation_can_be_read() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("new/auto");
    let files: Arc<dyn Files> = Arc::new(OsFiles);
    let options = GenerationOptions::default().files(Arc::clone(&files));
    for round in 0..2_u64 {
        let mut generations = Generations::open(&path, options.clone()).unwrap();
        assert_eq!(generations.opened().newest, (round > 0).then_some(4));
        for generation in 4 * round + 1..4 * round + 5 {
            commit(&mut generations, &state(generation, 300_000)).unwrap();
        }
        let found = generation::list(&*files, &path).unwrap().generations;
        assert_eq!(found.len(), 3);
        for found in found {
            let opened = generation::open(&*files, &path, found.generation).unwrap();
            assert_eq!((opened.path(), opened.bytes()), (&*found.path, found.bytes));
            let reader = opened.reader(Limits::default()).unwrap();
            let section = reader.find(SectionId::BYTES, 0).unwrap();
            assert_eq!(*reader.read(section).unwrap(), state(found.generation, 300_000));
            reader.into_inner().still().unwrap();
        }
    }
}

#[test]
fn a_file_grows_by_more_than_it_must_and_never_shrinks() {
    let files = memory();
    let mut generations = open(&files, 1).unwrap();
    let len = |number| files.metadata(&path_of(number)).unwrap().len;
    commit(&mut generations, b"small").unwrap();
    assert_eq!(len(0), 64 << 10);
    let committed = commit(&mut generations, &state(2, 1 << 20)).unwrap();
    let long = (PAGE as u64 + committed.bytes + committed.bytes / 8).next_multiple_of(64 << 10);
    assert_eq!(len(1), long);
    commit(&mut generations, &state(3, 1 << 20)).unwrap();
    assert_eq!(len(0), long);
    // A little more fits without a change of the length; then the file holds less than it could.
    commit(&mut generations, &state(4, (1 << 20) + 100_000)).unwrap();
    assert_eq!(len(1), long);
    commit(&mut generations, b"small again").unwrap();
    assert_eq!((len(0), load(&*files).unwrap()), (long, (5, b"small again".to_vec())));
}

#[test]
fn writes_of_any_size_arrive_in_their_places() {
    for piece in [1000, 4096, 200_000, 262_144, 300_001, 9_000_000] {
        let files = memory();
        let mut generations = open(&files, 1).unwrap();
        for round in 0..3 {
            let mut draft = generations.begin().unwrap();
            let bytes = state(round, 9_500_000);
            let options =
                WriterOptions::new(FileKind::SAVE).codec(Codec::None).store([0; 16], draft.generation());
            let mut writer = Writer::new(Vec::new(), options).unwrap();
            writer.raw_from(SectionId::BYTES, 0, &[&bytes]).unwrap();
            let (container, written) = writer.finish(Metadata::new()).unwrap();
            container.chunks(piece).for_each(|piece| draft.write_all(piece).unwrap());
            let committed = draft.commit(written).unwrap();
            let number = u32::try_from(round % 2).unwrap();
            let end = PAGE + container.len();
            assert!(bytes_of(&*files, number)[PAGE..end] == container, "{piece}");
            assert_eq!(committed.bytes, container.len() as u64);
            assert!(load(&*files).unwrap() == (round + 1, bytes), "{piece}");
        }
    }
}

#[test]
fn a_second_writer_is_told_that_the_first_is_there() {
    let files = memory();
    let generations = open(&files, 2).unwrap();
    let err = open(&files, 2).unwrap_err();
    assert!(matches!(&err, Error::Busy { path } if *path == dir().join("LOCK")), "{err}");
    drop(generations);
    open(&files, 2).unwrap();
}

#[test]
fn a_draft_that_is_dropped_leaves_the_kept_generations_and_takes_no_number_again() {
    let files = memory();
    let mut generations = open(&files, 1).unwrap();
    commit(&mut generations, b"one").unwrap();
    commit(&mut generations, b"two").unwrap();
    let mut draft = generations.begin().unwrap();
    assert_eq!(draft.generation(), 3);
    draft.write_all(&state(3, 300_000)).unwrap();
    assert_eq!(listed(&*files), [2], "what is written over is not found");
    drop(draft);
    assert_eq!(load(&*files).unwrap(), (2, b"two".to_vec()));
    let committed = commit(&mut generations, b"four").unwrap();
    assert_eq!((committed.generation, committed.path), (4, path_of(0)));
    // One into which nothing has been written leaves even the one that it would have written over.
    drop(generations.begin().unwrap());
    assert_eq!(listed(&*files), [4, 2]);
}

#[test]
fn a_commit_of_anything_but_the_one_container_of_the_draft_is_refused() {
    let files = memory();
    let mut generations = open(&files, 1).unwrap();
    commit(&mut generations, b"one").unwrap();
    let container = |epoch, text: &[u8]| {
        let options = WriterOptions::new(FileKind::SAVE).codec(Codec::None).store([7; 16], epoch);
        let mut writer = Writer::new(Vec::new(), options).unwrap();
        writer.coded_from(SectionId::BYTES, 0, &[text]).unwrap();
        writer.finish(Metadata::new()).unwrap()
    };
    let (_, other) = container(9, b"other");
    // Of another epoch, followed by more, preceded by more, and another of the same length.
    for case in 0..4 {
        let mut draft = generations.begin().unwrap();
        let epoch = if case == 0 { 1 } else { draft.generation() };
        let (bytes, mut written) = container(epoch, b"this!");
        if case == 2 {
            draft.write_all(&bytes).unwrap();
        }
        draft.write_all(&bytes).unwrap();
        if case == 1 {
            draft.write_all(&[0]).unwrap();
        }
        if case == 3 {
            written = other;
        }
        let err = draft.commit(written).unwrap_err();
        assert_eq!(err.kind(), Kind::Misuse, "{case}: {err}");
        assert_eq!(listed(&*files), [1]);
    }
    let mut draft = generations.begin().unwrap();
    let (bytes, written) = container(draft.generation(), b"this!");
    draft.write_all(&bytes).unwrap();
    let err = draft.container(WriterOptions::new(FileKind::SAVE)).unwrap_err();
    assert_eq!(err.kind(), Kind::Misuse);
    draft.commit(written).unwrap();
    let loaded = generation::load(&*files, dir(), Limits::default(), Check::Verifies).unwrap();
    assert_eq!((state_of(&loaded), loaded.reader.header().store_id), (b"this!".to_vec(), [7; 16]));
}

#[test]
fn a_damaged_container_is_passed_over_for_the_one_before_it() {
    let files = memory();
    let mut generations = open(&files, 2).unwrap();
    for text in [b"one", b"two", b"six"] {
        commit(&mut generations, text).unwrap();
    }
    let damage = |number, offset| {
        let file = files.open_rw(&path_of(number)).unwrap();
        let mut byte = [0];
        file.read_full_at(&mut byte, offset).unwrap();
        file.write_all_at(&[byte[0] ^ 1], offset).unwrap();
    };
    // A byte of the payload, which is seen only by who looks at it.
    damage(2, PAGE as u64 + 112);
    let opened = generation::load(&*files, dir(), Limits::default(), Check::Opens).unwrap();
    assert_eq!((opened.generation, opened.passed_over.len()), (3, 0));
    let verified = generation::load(&*files, dir(), Limits::default(), Check::Verifies).unwrap();
    assert_eq!((verified.generation, state_of(&verified)), (2, b"two".to_vec()));
    assert!(matches!(
        &verified.passed_over[..],
        [Error::Container { path, source: keepstone_format::Error::Checksum { .. } }] if *path == path_of(2)
    ));
    // The header of the next.
    damage(1, PAGE as u64);
    let opened = generation::open_newest(&*files, dir()).unwrap();
    assert_eq!(opened.generation(), 3, "only the page is looked at");
    let verified = generation::load(&*files, dir(), Limits::default(), Check::Verifies).unwrap();
    assert_eq!((verified.generation, verified.passed_over.len()), (1, 2));
    damage(0, PAGE as u64);
    let err = generation::load(&*files, dir(), Limits::default(), Check::Verifies).unwrap_err();
    assert!(matches!(&err, Error::Container { path, .. } if *path == path_of(2)), "{err}");
    assert_eq!(err.kind(), Kind::Damaged);
}

#[test]
fn a_damaged_page_is_reported_and_its_file_is_left_as_it_is() {
    let files = memory();
    let mut generations = open(&files, 1).unwrap();
    commit(&mut generations, b"one").unwrap();
    commit(&mut generations, b"two").unwrap();
    drop(generations);
    files.open_rw(&path_of(1)).unwrap().write_all_at(b"x", 9).unwrap();
    let before = bytes_of(&*files, 1);
    let listed = generation::list(&*files, dir()).unwrap();
    assert_eq!((listed.generations.len(), listed.refused.len()), (1, 1));
    let newest = generation::open_newest(&*files, dir()).unwrap();
    assert_eq!((newest.generation(), newest.damaged().len()), (1, 1));
    let loaded = generation::load(&*files, dir(), Limits::default(), Check::Opens).unwrap();
    assert!(matches!(
        &loaded.passed_over[..],
        [Error::Container { path, source: keepstone_format::Error::Invalid { .. } }] if *path == path_of(1)
    ));
    drop(loaded);
    let mut generations = open(&files, 1).unwrap();
    assert_eq!(generations.opened().damaged, [path_of(1)]);
    for tag in 0..5 {
        let committed = commit(&mut generations, &state(tag, 9)).unwrap();
        assert_ne!(committed.path, path_of(1));
    }
    assert_eq!(bytes_of(&*files, 1), before);
}

#[test]
fn a_page_of_another_version_refuses_writing_and_the_newest() {
    for (major, kind) in [(2_u16, Kind::Newer), (0, Kind::Damaged)] {
        let files = memory();
        let mut generations = open(&files, 1).unwrap();
        commit(&mut generations, b"one").unwrap();
        drop(generations);
        let mut other = bytes_of(&*files, 0);
        other[4..6].copy_from_slice(&major.to_le_bytes());
        let crc = keepstone_format::crc32(&other[..36]);
        other[36..40].copy_from_slice(&crc.to_le_bytes());
        let file = files.create_new(&path_of(7)).unwrap();
        file.write_all_at(&other, 0).unwrap();
        for err in [
            open(&files, 1).unwrap_err(),
            generation::open_newest(&*files, dir()).unwrap_err(),
            load(&*files).unwrap_err(),
        ] {
            assert_eq!(err.kind(), kind, "{err}");
        }
        let listed = generation::list(&*files, dir()).unwrap();
        assert_eq!((listed.generations.len(), listed.refused.len()), (1, 1));
        assert_eq!(bytes_of(&*files, 7), other);
        // What is asked for by its number is there.
        assert_eq!(generation::open(&*files, dir(), 1).unwrap().generation(), 1);
    }
}

#[test]
fn a_container_of_another_version_is_neither_passed_over_nor_saved_beside() {
    for (major, kind) in [(2_u16, Kind::Newer), (0, Kind::Damaged)] {
        let files = memory();
        let mut generations = open(&files, 1).unwrap();
        commit(&mut generations, b"one").unwrap();
        commit(&mut generations, b"two").unwrap();
        drop(generations);
        let mut other = bytes_of(&*files, 1);
        other[PAGE + 8..PAGE + 10].copy_from_slice(&major.to_le_bytes());
        let crc = keepstone_format::crc32(&other[PAGE..PAGE + 60]);
        other[PAGE + 60..PAGE + 64].copy_from_slice(&crc.to_le_bytes());
        files.open_rw(&path_of(1)).unwrap().write_all_at(&other, 0).unwrap();
        for err in [open(&files, 1).unwrap_err(), load(&*files).unwrap_err()] {
            let source = matches!(
                &err,
                Error::Container { path, source: keepstone_format::Error::Version { .. } } if *path == path_of(1)
            );
            assert!(source && err.kind() == kind, "{err}");
        }
        assert!(bytes_of(&*files, 1) == other);
    }
}

#[test]
fn the_next_number_is_above_that_of_a_container_behind_a_damaged_page() {
    let files = memory();
    let mut generations = open(&files, 1).unwrap();
    commit(&mut generations, b"one").unwrap();
    commit(&mut generations, b"two").unwrap();
    commit(&mut generations, b"three").unwrap();
    drop(generations);
    files.open_rw(&path_of(0)).unwrap().write_all_at(b"x", 9).unwrap();
    let mut generations = open(&files, 1).unwrap();
    assert_eq!(generations.opened().newest, Some(2));
    assert_eq!(commit(&mut generations, b"four").unwrap().generation, 4);
}

#[test]
fn the_newest_generation_in_two_files_is_refused_and_an_older_one_is_not() {
    let files = memory();
    let mut generations = open(&files, 1).unwrap();
    commit(&mut generations, b"one").unwrap();
    commit(&mut generations, b"two").unwrap();
    drop(generations);
    let [old, new] = [0, 1].map(|number| bytes_of(&*files, number));
    open(&disk(&[&old, &new, &old]), 1).unwrap();
    let twice = disk(&[&old, &new, &new]);
    for err in [open(&twice, 1).unwrap_err(), load(&*twice).unwrap_err()] {
        assert!(
            matches!(&err, Error::Twice { path, other, generation: 2 } if *path == path_of(2) && *other == path_of(1)),
            "{err}"
        );
    }
}

#[test]
fn other_names_are_not_looked_at_and_what_is_no_file_is_left_alone() {
    let files = disk(&[]);
    for name in ["01.gen", "x.gen", "4294967296.gen", ".tmp", "gen"] {
        files.create_new(&dir().join(name)).unwrap().write_all_at(b"KGENx", 0).unwrap();
    }
    files.create_dir(&path_of(0)).unwrap();
    let mut generations = open(&files, 1).unwrap();
    assert!(generations.opened().damaged.is_empty());
    for (tag, number) in [1, 2, 1, 2].into_iter().enumerate() {
        assert_eq!(commit(&mut generations, &state(tag as u64, 9)).unwrap().path, path_of(number));
    }
    // A name that somebody gives away while the writer is open is passed by.
    files.create_new(&path_of(3)).unwrap();
    let held = generation::open(&*files, dir(), 3).unwrap();
    assert_eq!(commit(&mut generations, b"x").unwrap().path, path_of(1));
    drop(held);
}

#[test]
fn a_file_that_has_gone_is_made_anew() {
    let files = memory();
    let mut generations = open(&files, 1).unwrap();
    commit(&mut generations, b"one").unwrap();
    commit(&mut generations, b"two").unwrap();
    files.remove(&path_of(0)).unwrap();
    let committed = commit(&mut generations, b"three").unwrap();
    assert_eq!((committed.recycled, committed.path), (false, path_of(0)));
    assert_eq!(load(&*files).unwrap().1, b"three");
}

#[test]
fn without_locks_nothing_is_written_over() {
    let disk = memory();
    let files: Arc<dyn Files> = Arc::new(Tapped::new(Arc::clone(&disk), NoLocks));
    let options = GenerationOptions::default().keep(1).files(Arc::clone(&files));
    let err = Generations::open(DIR, options.clone()).unwrap_err();
    assert_eq!(err.io_kind(), Some(std::io::ErrorKind::Unsupported));
    let mut generations = Generations::open(DIR, options.without_locks(true)).unwrap();
    commit(&mut generations, b"one").unwrap();
    let held = generation::load(&*files, dir(), Limits::default(), Check::Opens).unwrap();
    for generation in 2..8 {
        let committed = commit(&mut generations, &state(generation, 10)).unwrap();
        assert!(!committed.recycled);
        assert_eq!(load(&*files).unwrap(), (generation, state(generation, 10)));
        assert_eq!(listed(&*files).len(), 2, "what is not kept is removed");
    }
    assert_eq!(state_of(&held), b"one");
}

#[test]
fn an_empty_or_missing_directory_has_no_generation() {
    let files = memory();
    assert_eq!(load(&*files).unwrap_err().kind(), Kind::NotFound);
    let mut generations = open(&files, 1).unwrap();
    let err = generation::open_newest(&*files, dir()).unwrap_err();
    assert!(matches!(&err, Error::NoGeneration { path } if path == dir()), "{err}");
    assert_eq!(generations.opened().newest, None);
    drop(generations.begin().unwrap());
    assert_eq!(load(&*files).unwrap_err().kind(), Kind::NotFound);
    fill(generations.begin().unwrap(), b"first").unwrap();
    assert_eq!(load(&*files).unwrap(), (2, b"first".to_vec()));
}

#[test]
fn options_and_numbers_that_leave_nothing_are_refused() {
    let files = memory();
    assert_eq!(open(&files, 0).unwrap_err().kind(), Kind::Misuse);
    let mut generations = open(&files, 1).unwrap();
    commit(&mut generations, b"one").unwrap();
    drop(generations);
    let with = |generation: u64| {
        let mut bytes = bytes_of(&*files, 0);
        bytes[8..16].copy_from_slice(&generation.to_le_bytes());
        let crc = keepstone_format::crc32(&bytes[..36]);
        bytes[36..40].copy_from_slice(&crc.to_le_bytes());
        disk(&[&bytes])
    };
    assert!(matches!(open(&with(1 << 63), 1), Err(Error::Io { .. })));
    let mut last = open(&with((1 << 63) - 1), 1).unwrap();
    assert_eq!(commit(&mut last, b"last").unwrap().generation, 1 << 63);
    assert!(matches!(last.begin(), Err(Error::Io { .. })));
    // A page that promises more than there is.
    let mut bytes = bytes_of(&*files, 0);
    bytes[16..24].copy_from_slice(&(1_u64 << 62).to_le_bytes());
    let crc = keepstone_format::crc32(&bytes[..36]);
    bytes[36..40].copy_from_slice(&crc.to_le_bytes());
    let err = load(&*disk(&[&bytes])).unwrap_err();
    assert!(
        matches!(&err, Error::Container { source: keepstone_format::Error::Truncated { .. }, .. }),
        "{err}"
    );
}

#[test]
fn a_generation_with_a_second_name_is_not_written_over() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("saves");
    let mut generations = Generations::open(&dir, GenerationOptions::default().keep(1)).unwrap();
    let first = commit(&mut generations, &state(1, 50)).unwrap();
    // What `cp -al` makes.
    let backup = temporary.path().join("backup");
    #[expect(clippy::disallowed_methods, reason = "a backup of links is made by another program")]
    std::fs::hard_link(&first.path, &backup).unwrap();
    let content = || {
        let mut bytes = Vec::new();
        keepstone_storage::read(&OsFiles, &backup, 1 << 20, &mut bytes).unwrap();
        bytes
    };
    let before = content();
    for tag in 2..6 {
        commit(&mut generations, &state(tag, 50)).unwrap();
    }
    assert!(content() == before, "the backup has changed");
}
