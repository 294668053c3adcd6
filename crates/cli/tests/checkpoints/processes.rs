use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Stdio},
};

use super::{Store, acknowledged, noise};
use crate::support::{command, json_on, run_with};

/// A command that makes a checkpoint of what it is given on standard input, however long that takes.
fn creator(store: &Store) -> Child {
    let mut command = command();
    command.args(["checkpoint", "create", &store.path(), "--session", "main"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until a process that was just started has the store open for writing.
fn wait_until_open(store: &Store, child: &mut Child) {
    while child.try_wait().unwrap().is_none() {
        let lock = std::fs::File::options().read(true).write(true).open(store.dir().join("LOCK"));
        if lock.is_ok_and(|lock| lock.try_lock().is_err()) {
            return;
        }
        std::thread::yield_now();
    }
    panic!("it ended without its input");
}

#[test]
fn while_one_writes_others_read_and_do_not_write() {
    let store = Store::new();
    store.create(b"first", &[]);
    let mut child = creator(&store);
    wait_until_open(&store, &mut child);
    // It waits for its input, and has the store meanwhile.
    let args = ["checkpoint", "create", &store.path(), "--session", "main"];
    assert_eq!(run_with(&args, b"not now").exit, 2);
    for (verb, more) in [
        ("restore", &["1"][..]),
        ("tag", &["1", "a"]),
        ("undo", &["--session", "main"]),
        ("branch", &["--session", "main", "a", "--from", "1"]),
        ("prune", &["--keep-last", "1"]),
    ] {
        store.fails(verb, more, 2, "busy");
    }
    assert_eq!((store.state("1"), store.numbers(&[])), (b"first".to_vec(), vec![1]));
    store.text("verify", &[]);
    store.text("log", &[]);
    let out = store.beside("out.keep");
    let text = store.text("export", &[&out]);
    assert!(text.starts_with("1 checkpoint of 1 session -> "), "{text}");
    store.text("prune", &["--keep-last", "1", "--dry-run"]);
    assert_eq!(json_on("inspect", &store.dir()).0, 0);
    child.stdin.take().unwrap().write_all(b"second").unwrap();
    let output = child.wait_with_output().unwrap();
    let second = acknowledged(std::str::from_utf8(&output.stdout).unwrap());
    assert_eq!((output.status.code(), store.state(&second)), (Some(0), b"second".to_vec()));
}

#[test]
fn a_process_that_is_killed_leaves_all_that_it_acknowledged() {
    let store = Store::new();
    let state = |round: u32| noise(round, 50_000);
    let mut acked = Vec::new();
    for round in 0..24 {
        let mut child = creator(&store);
        let mut input = child.stdin.take().unwrap();
        // The pipe may be closed by then.
        drop(input.write_all(&state(round)));
        drop(input);
        if round % 3 == 0 {
            let mut line = String::new();
            BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
            acked.push((acknowledged(&line), round));
        } else {
            // From not at all up to after its answer.
            (0..round * 40).for_each(|_| drop(store.dir().metadata()));
        }
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        if out.ends_with('\n') {
            acked.push((acknowledged(&out), round));
        }
        for (id, round) in acked.iter().rev().take(2) {
            assert_eq!(store.state(id), state(*round), "round {round}");
        }
    }
    assert!(acked.len() >= 8, "{acked:?}");
    store.text("verify", &[]);
    for (id, round) in acked {
        assert_eq!(store.state(&id), state(round), "round {round}");
    }
}

#[test]
fn nobody_has_to_read_the_answer() {
    let store = Store::new();
    let unread = |args: &[&str]| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = command();
        command.args(["checkpoint", args[0], &store.path()]).args(&args[1..]);
        command.stdin(Stdio::null()).stdout(Stdio::from(writer)).stderr(Stdio::piped());
        let output = command.output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{args:?}");
    };
    unread(&["create", "--session", "main"]);
    store.create(b"2", &[]);
    unread(&["restore", "1"]);
    unread(&["log"]);
    assert_eq!((store.head("main"), store.numbers(&[])), (Some(1), vec![2, 1]));
}

#[test]
fn many_commands_leave_few_files() {
    let store = Store::new();
    for number in 0..12_u8 {
        store.create(&[number], &[]);
    }
    assert!(
        store.contents().len() <= 6,
        "{:?}",
        store.contents().iter().map(|(path, _)| path).collect::<Vec<_>>()
    );
}
