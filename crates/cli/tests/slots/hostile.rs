use std::fs;

use super::{Root, names};
use crate::support::{Answer, on, run};

/// Runs all verbs that read, each of which has to end with an answer.
fn ask_all(root: &Root) -> Vec<Answer> {
    let path = root.path();
    let out = root.beside("out");
    let answers: Vec<Answer> = [
        &["slot", "list", &path, "--json"][..],
        &["slot", "list", &path, "--deleted"],
        &["slot", "load", &path, "--player", "alice", "--slot", "0", "--json"],
        &["slot", "verify", &path],
        &["inspect", &path],
        &["verify", &path],
        &["repair", &path, "--out", &out],
    ]
    .iter()
    .map(|args| run(args))
    .collect();
    drop(fs::remove_dir_all(&out));
    assert!(answers.iter().all(|answer| (0..=2).contains(&answer.exit)));
    answers
}

#[test]
fn every_byte_of_a_save_may_be_anything() {
    let root = Root::new();
    let id = root.save(0, b"some state that is kept", &["--codec", "none", "--name", "Name"]);
    let file = root.file(&id);
    let bytes = fs::read(&file).unwrap();
    // The commit page, the head, and what is behind it.
    let end = 4096 + 700;
    for at in (0..48).chain((4096..end).step_by(31)) {
        let mut damaged = bytes.clone();
        damaged[at] = !damaged[at];
        fs::write(&file, &damaged).unwrap();
        let (exit, out, _) = root.load(0);
        assert!(exit == 0 && out == b"some state that is kept" || exit != 0 && out.is_empty(), "byte {at}");
        assert!((0..=2).contains(&on("inspect", &file).exit), "byte {at}");
        let verified = on("verify", &file).exit;
        assert!(verified != 0 || exit == 0, "byte {at}");
        if at % 5 == 0 {
            ask_all(&root);
        }
    }
    for len in [0, 1, 8, 40, 4095, 4096, 4097, 4200, 4400] {
        fs::write(&file, &bytes[..len]).unwrap();
        assert_ne!(root.load(0).0, 0, "{len} bytes");
        on("inspect", &file);
        on("verify", &file);
        ask_all(&root);
    }
}

#[test]
fn names_that_mean_nothing_are_passed_by() {
    let root = Root::new();
    let id = root.save(0, b"state", &[]);
    let alice = root.alice();
    let name = root.file(&id).file_name().unwrap().to_str().unwrap().to_owned();
    for other in [
        name.to_uppercase(),
        name.replace("s000", "s999"),
        format!("{name}.tmp"),
        "..save".to_owned(),
        "99999999999.spare".to_owned(),
    ] {
        fs::write(alice.join(other), b"what is this").unwrap();
    }
    fs::create_dir(alice.join("3.spare")).unwrap();
    fs::create_dir(alice.join(name.replace("s000", "s001"))).unwrap();
    fs::create_dir(root.dir().join("p-")).unwrap();
    fs::create_dir(root.dir().join("p-1")).unwrap();
    fs::write(root.dir().join("index"), b"{}").unwrap();
    assert_eq!(root.load(0).1, b"state");
    assert!(root.ids().contains(&id));
    ask_all(&root);
}

#[cfg(unix)]
#[test]
fn a_pipe_in_a_root_is_not_waited_for() {
    use std::os::unix::fs::symlink;
    let root = Root::new();
    let id = root.save(0, b"state", &[]);
    let name = root.file(&id).file_name().unwrap().to_str().unwrap().to_owned();
    symlink("/dev/zero", root.alice().join(name.replace("s000", "s005"))).unwrap();
    symlink("/dev/zero", root.alice().join("5.spare")).unwrap();
    symlink(&name, root.alice().join(name.replace("s000", "s006"))).unwrap();
    symlink("loop", root.dir().join("loop")).unwrap();
    fs::remove_file(root.alice().join("index")).unwrap();
    symlink("/dev/zero", root.alice().join("index")).unwrap();
    assert_eq!(root.load(0).1, b"state");
    ask_all(&root);
}

#[test]
fn an_index_may_say_anything() {
    let root = Root::new();
    let id = root.save(0, b"state", &["--name", "Name"]);
    let index = root.alice().join("index");
    let bytes = fs::read(&index).unwrap();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x41;
        fs::write(&index, &damaged).unwrap();
        if at % 11 == 0 {
            assert_eq!(root.list(&[])[0]["name"], "Name", "byte {at}");
            assert_eq!(on("inspect", &root.dir()).exit, 0, "byte {at}");
            assert_eq!(on("verify", &root.dir()).exit, 0, "byte {at}");
        }
    }
    assert_eq!(root.ids(), [id]);
    assert!(names(&root.alice()).contains(&"index".to_owned()));
}

#[test]
fn a_root_of_a_later_version_is_not_touched() {
    let root = Root::new();
    root.save(0, b"state", &[]);
    let path = root.dir().join("ROOT");
    let mut bytes = fs::read(&path).unwrap();
    // The major version of the container.
    crate::support::patch_header(&mut bytes, 8, &[99]);
    fs::write(&path, bytes).unwrap();
    let before = names(&root.alice());
    for args in [
        &["slot", "list", &root.path()][..],
        &["slot", "purge", &root.path()],
        &["slot", "save", &root.path(), "--player", "alice", "--slot", "0"],
    ] {
        let answer = crate::support::run_with(args, b"x");
        assert_eq!((answer.exit, answer.out.as_str()), (2, ""), "{args:?}: {}", answer.err);
    }
    assert_eq!(names(&root.alice()), before);
}
