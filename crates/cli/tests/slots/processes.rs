use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
};

use keepstone::slots::SaveReader;

use super::{Root, acknowledged};
use crate::support::{command, json_on, run_with};

/// A command that saves what it is given on standard input, however long that takes.
fn saver(root: &Root, slot: &str) -> Child {
    let mut command = command();
    let command =
        command.args(["slot", "save", &root.path(), "--player", "alice", "--slot", slot, "--keep", "1000"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until a process that was just started has the root open for writing.
fn wait_until_open(root: &Root, child: &mut Child) {
    while child.try_wait().unwrap().is_none() {
        let lock = root.dir().join("LOCK");
        let is_held = std::fs::File::options()
            .read(true)
            .write(true)
            .open(lock)
            .is_ok_and(|lock| lock.try_lock().is_err());
        if is_held {
            return;
        }
        std::thread::yield_now();
    }
    panic!("it ended without its input");
}

#[test]
fn while_one_saves_others_read_and_do_not_write() {
    let root = Root::new();
    let first = root.save(0, b"first", &[]);
    let mut child = saver(&root, "0");
    wait_until_open(&root, &mut child);
    // It waits for its input, and has the root meanwhile.
    let args = ["slot", "save", &root.path(), "--player", "bob", "--slot", "1"];
    let answer = run_with(&args, b"not now");
    assert_eq!((answer.exit, answer.out.as_str()), (2, ""));
    assert!(answer.err.starts_with("error: "), "{}", answer.err);
    let document = run_with(&[&args[..], &["--json"]].concat(), b"not now").json();
    assert_eq!(document["error"]["kind"], "busy");
    for (verb, more) in
        [("delete", &[first.as_str()][..]), ("purge", &[]), ("copy", &[&first, "--slot", "4"])]
    {
        assert_eq!(root.slot(verb, more).exit, 2, "{verb}");
    }
    assert_eq!(root.ids(), std::slice::from_ref(&first));
    assert_eq!(root.load(0), (0, b"first".to_vec(), String::new()));
    assert_eq!(root.slot("verify", &[]).exit, 0);
    assert_eq!(root.slot("export", &[&first, &root.beside("out.keep")]).exit, 0);
    assert_eq!(json_on("inspect", &root.dir()).0, 0);
    child.stdin.take().unwrap().write_all(b"second").unwrap();
    let output = child.wait_with_output().unwrap();
    let second = acknowledged(std::str::from_utf8(&output.stdout).unwrap());
    assert_eq!((output.status.code(), root.load(0).1), (Some(0), b"second".to_vec()));
    assert_eq!(root.ids(), [second, first]);
}

#[test]
fn a_saver_that_is_killed_leaves_all_that_it_acknowledged() {
    let root = Root::new();
    let payload = |round: u32| [round.to_le_bytes().repeat(20_000), vec![7; 100]].concat();
    let mut acked = Vec::new();
    for round in 0..40 {
        let mut child = saver(&root, "0");
        let mut input = child.stdin.take().unwrap();
        // The pipe may be closed by the kill of an earlier round's timing.
        drop(input.write_all(&payload(round)));
        drop(input);
        // From not at all up to after its answer.
        (0..round % 20).for_each(|_| drop(root.dir().metadata()));
        if round % 4 == 3 {
            let mut line = String::new();
            BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
            acked.push((acknowledged(&line), round));
            child.kill().unwrap();
            child.wait().unwrap();
        } else {
            child.kill().unwrap();
            let output = child.wait_with_output().unwrap();
            let out = String::from_utf8(output.stdout).unwrap();
            if out.ends_with('\n') {
                acked.push((acknowledged(&out), round));
            }
        }
        if round == 2 && !root.dir().exists() {
            continue;
        }
        // Beside whatever it left, and without writing.
        let ids = if acked.is_empty() { continue } else { root.ids() };
        assert!(acked.iter().all(|(id, _)| ids.contains(id)), "round {round}: {acked:?} {ids:?}");
        let (exit, bytes, err) = root.load(0);
        assert_eq!((exit, err.as_str()), (0, ""), "round {round}");
        let (_, last) = acked.last().unwrap();
        assert!((*last..=round).any(|written| bytes == payload(written)), "round {round}");
        assert_eq!(root.slot("verify", &[]).exit, 0, "round {round}");
    }
    assert!(acked.len() >= 10, "{acked:?}");
    // The next writer clears up, and all stay.
    let last = root.save(0, b"last", &["--keep", "1000"]);
    let saves = SaveReader::open(root.dir()).unwrap();
    for (id, round) in acked {
        let loaded = saves.load::<keepstone::slots::Bytes<'_>>(id.parse().unwrap()).unwrap();
        assert_eq!(&*loaded.value.0, payload(round), "round {round}");
    }
    assert_eq!(root.ids()[0], last);
}

#[test]
fn nobody_has_to_read_the_answer() {
    let root = Root::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command: Command = command();
    command.args(["slot", "save", &root.path(), "--player", "alice", "--slot", "0"]);
    let output =
        command.stdin(Stdio::null()).stdout(Stdio::from(writer)).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
    assert_eq!(root.load(0).0, 0);
}
