use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    process::Stdio,
};

use tempfile::TempDir;

use super::{append, wal};
use crate::support::command;

#[test]
fn each_line_is_a_record_whatever_its_bytes_are() {
    let dir = TempDir::new().unwrap();
    let log = dir.path().join("new/log");
    let answer = append(&log, &[], b"first\n\n\xff\x00\r\nlast");
    assert_eq!(
        (answer.exit, answer.out.as_str(), answer.err.as_str()),
        (0, "ACK 1\nACK 2\nACK 3\nACK 4\n", "")
    );
    let answer = append(&log, &["--durability", "buffered"], b"a\nb\n");
    assert_eq!((answer.exit, answer.out.as_str()), (0, "LSN 5\nLSN 6\nACK 6\n"));
    assert_eq!((append(&log, &["--durability", "buffered"], b"").out.as_str()), "");
    let output = command().args(["wal", "cat"]).arg(&log).output().unwrap();
    assert_eq!(
        (output.status.code(), output.stdout.as_slice()),
        (Some(0), &b"first\n\n\xff\x00\r\nlast\na\nb\n"[..])
    );
    assert_eq!(wal(&["cat", "--from", "5"], &log).out, "a\nb\n");
    assert_eq!(wal(&["cat", "--from", "7"], &log).out, "");
    assert_eq!(wal(&["verify"], &log).exit, 0);
}

#[test]
fn an_acknowledged_record_survives_the_death_of_the_command() {
    let dir = TempDir::new().unwrap();
    let mut child = command()
        .args(["wal", "append"])
        .arg(dir.path().join("log"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    for number in 1..=3 {
        writeln!(stdin, "record {number}").unwrap();
        // It is answered although the input goes on.
        assert_eq!(answers.next().unwrap().unwrap(), format!("ACK {number}"));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let log = dir.path().join("log");
    assert_eq!(wal(&["cat"], &log).out, "record 1\nrecord 2\nrecord 3\n");
    let answer = wal(&["verify"], &log);
    assert!(answer.exit == 0 && answer.out.contains("not closed"), "{}", answer.out);
    assert_eq!(append(&log, &[], b"record 4\n").out, "ACK 4\n");
}

#[test]
fn a_log_on_a_file_is_not_begun() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, b"hello").unwrap();
    let document = append(&file, &["--json"], b"one\n").json();
    assert_eq!(document["exit"], 2, "{document}");
    assert_eq!(fs::read(&file).unwrap(), b"hello");
}

/// Runs with a standard output that nobody reads.
fn run_unread(args: &[&str], input: &[u8]) -> (Option<i32>, String) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut child = command()
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::from(writer))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_closed_pipe_keeps_no_record_from_being_appended() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().to_str().unwrap();
    assert_eq!(run_unread(&["wal", "append", path], b"one\ntwo\n"), (Some(0), String::new()));
    let buffered = ["wal", "append", path, "--durability", "buffered"];
    assert_eq!(run_unread(&buffered, b"three\n"), (Some(0), String::new()));
    assert_eq!(wal(&["cat"], dir.path()).out, "one\ntwo\nthree\n");
    for args in [&["wal", "cat", path][..], &["wal", "cat", path, "--json"], &["wal", "verify", path]] {
        assert_eq!(run_unread(args, b""), (Some(0), String::new()), "{args:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_for_the_answers_is_an_error_and_says_what_is_durable() {
    let dir = TempDir::new().unwrap();
    for verb in ["append", "cat"] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let mut child = command()
            .args(["wal", verb])
            .arg(dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::from(full))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(b"one\n").unwrap();
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(err.contains("standard output"), "{err}");
        assert!(verb == "cat" || err.contains("all records up to 1 are durable"), "{err}");
    }
}

/// A limit on the length of files stands for a full disk: the third segment can't be made.
#[cfg(target_os = "linux")]
#[test]
fn what_is_acknowledged_before_a_full_disk_is_what_the_log_has() {
    let dir = TempDir::new().unwrap();
    let log = dir.path().join("log");
    let line = [&[b'x'; 5000][..], b"\n"].concat();
    // Blocks of 512 or 1024 bytes, as the shell has it.
    let script = "ulimit -f 2148; trap '' XFSZ; exec \"$0\" wal append \"$1\" --durability buffered";
    let mut child = std::process::Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_keepstone")])
        .arg(&log)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = std::thread::spawn(move || {
        // The command ends before its input does.
        let _ = stdin.write_all(&line.repeat(1600));
    });
    let output = child.wait_with_output().unwrap();
    input.join().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let acked: usize = out.lines().last().unwrap().strip_prefix("ACK ").unwrap().parse().unwrap();
    assert!(output.status.code() == Some(2) && err.contains("appending stopped"), "{err}");
    assert!(err.contains(&format!("all records up to {acked} are durable")), "{err}");
    assert!((100..1600).contains(&acked), "{acked}");
    assert_eq!(wal(&["cat"], &log).out.lines().count(), acked);
    assert_eq!(wal(&["verify"], &log).exit, 0);
}
