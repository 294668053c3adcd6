use std::fmt::Write as _;

use super::*;
use crate::Random;

const PATHS: [&str; 7] = ["a", "b", "d", "d/a", "d/b", "d/e/a", "a/b"];

/// Does something random to both and answers what each said.
fn act(random: &mut Random, both: [&dyn Files; 2]) -> [String; 2] {
    let path = Path::new(PATHS[random.index(PATHS.len())]);
    let beside = path.with_file_name(["a", "b", "c"][random.index(3)]);
    let (len, offset) = (random.index(6000), random.below(10_000));
    let data = random.bytes(len);
    let kind = random.below(12);
    both.map(|files| {
        let opened = files.open_rw(path);
        match (kind, opened) {
            (0, _) => format!("{:?}", files.create_new(path).map(|file| file.path().to_owned())),
            (1, _) => format!("{:?}", files.create_dir(path)),
            (2, _) => format!("{:?}", files.rename(path, &beside)),
            (3, _) => format!("{:?}", files.remove(path)),
            (4, _) => format!("{:?}", files.sync_dir(path)),
            (5, _) => format!("{:?}", files.list(path)),
            (6, _) => format!("{:?}", files.metadata(path)),
            (7, Ok(file)) => {
                let mut found = vec![9; len];
                format!("{:?} {found:?}", file.read_at(&mut found, offset))
            }
            (8 | 9, Ok(file)) => format!("{:?} {:?}", file.write_at(&data, offset), file.metadata()),
            (10, Ok(file)) => format!("{:?} {:?}", file.set_mode(0o600), file.sync_all()),
            (_, Ok(file)) => locks(files, path, &*file),
            (_, Err(err)) => format!("{err:?}"),
        }
    })
}

/// Who gets a lock beside `one` that has one.
fn locks(files: &dyn Files, path: &Path, one: &dyn File) -> String {
    let mut said = String::new();
    let two = files.open(path).unwrap();
    for shared in [true, false] {
        let taken = if shared { one.try_lock_shared() } else { one.try_lock() };
        writeln!(said, "{taken:?} {:?} {:?}", two.try_lock_shared(), two.try_lock()).unwrap();
    }
    drop(two);
    writeln!(said, "{:?}", one.try_lock()).unwrap();
    said
}

#[test]
fn a_simulated_disk_answers_as_files_in_memory_do() {
    let mut done = 0;
    for seed in 0..20 {
        let mut random = Random::new(seed);
        let (simulated, memory) = (SimFiles::empty(), MemFiles::new());
        for step in 0..300 {
            let [found, expected] = act(&mut random, [&simulated, &memory]);
            assert_eq!(found, expected, "seed {seed}, step {step}");
            done += usize::from(!found.starts_with("Err") && !found.starts_with("Io"));
        }
    }
    assert!(done > 1000, "{done}");
}

#[test]
fn a_rename_to_another_directory_is_refused() {
    let disk = SimFiles::empty();
    disk.create_dir(Path::new("d")).unwrap();
    disk.create_new(Path::new("a")).unwrap();
    let err = disk.rename(Path::new("a"), Path::new("d/a")).unwrap_err();
    assert_eq!(err.io_kind(), Some(ErrorKind::Unsupported));
    assert!(disk.metadata(Path::new("a")).is_ok());
}

#[test]
fn changes_and_syncs_are_recorded_and_reads_are_not() {
    let disk = SimFiles::empty();
    let path = Path::new("./a");
    let file = disk.create_new(path).unwrap();
    file.write_all_at(b"x", 3).unwrap();
    file.sync_data().unwrap();
    disk.sync_dir(Path::new("")).unwrap();
    file.read_at(&mut [0], 0).unwrap();
    disk.metadata(path).unwrap();
    disk.acknowledge();
    disk.acknowledge_as(7);
    let shown: Vec<String> = disk.steps().iter().map(ToString::to_string).collect();
    let expected = [
        "create a as inode 0",
        "write 1 bytes at 3 of inode 0",
        "sync data of inode 0",
        "sync directory ``",
        "acknowledge 1",
        "acknowledge 7",
    ];
    assert_eq!((shown.as_slice(), disk.acknowledged()), (expected.map(str::to_owned).as_slice(), 7));
}
