//! Runs the command and takes its answer apart.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
};

use serde_json::Value;
use tempfile::TempDir;

/// What a run answered.
pub(crate) struct Answer {
    pub(crate) exit: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Answer {
    fn new(output: Output) -> Self {
        let answer = Self {
            // A process that a signal ended has no code.
            exit: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(!answer.err.contains("panicked"), "{}", answer.err);
        answer
    }

    /// Asserts that standard output is one JSON document, and that its keys agree with the exit code.
    pub(crate) fn json(&self) -> Value {
        let document: Value = serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}", self.out));
        assert_eq!(document["exit"], self.exit);
        assert_eq!(document["ok"], self.exit == 0);
        assert_eq!(self.err, "");
        document
    }
}

/// The built command.
pub(crate) fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_keepstone"))
}

/// Runs the command to its end.
pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> Answer {
    Answer::new(command().args(args).output().unwrap())
}

/// Runs the command to its end with these bytes on standard input.
pub(crate) fn run_with(args: &[&str], input: &[u8]) -> Answer {
    let mut command = command();
    let command = command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that refuses its arguments reads nothing.
    let written = child.stdin.take().unwrap().write_all(input);
    assert!(written.is_ok() || written.unwrap_err().kind() == io::ErrorKind::BrokenPipe);
    Answer::new(child.wait_with_output().unwrap())
}

/// Runs a verb on a file.
pub(crate) fn on(verb: &str, path: &Path) -> Answer {
    run(&[verb.as_ref(), path.as_os_str()])
}

/// Runs a verb on a file, asks for JSON, and returns the document beside the exit code.
pub(crate) fn json_on(verb: &str, path: &Path) -> (i32, Value) {
    let answer = run(&[verb.as_ref(), path.as_os_str(), "--json".as_ref()]);
    let document = answer.json();
    assert_eq!(document["verb"], verb);
    assert_eq!(document["path"], path.display().to_string());
    (answer.exit, document)
}

/// The file of this name in a demonstration of 300 entities, which is made once.
pub(crate) fn demo_file(name: &str) -> PathBuf {
    static DIR: OnceLock<TempDir> = OnceLock::new();
    let dir = DIR.get_or_init(|| {
        let dir = TempDir::new().unwrap();
        let path = dir.path().to_str().unwrap();
        let answer = run(&["demo", "--entities", "300", "--dir", path]);
        assert_eq!(answer.exit, 0, "{}{}", answer.out, answer.err);
        dir
    });
    dir.path().join(name)
}

/// The bytes of the demonstration's file without a codec.
pub(crate) fn world_bytes() -> Vec<u8> {
    fs::read(demo_file("demo.keep")).unwrap()
}

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The save that the demonstration reads.
pub(crate) fn asset() -> PathBuf {
    let name = "slot01_2026-11-20T21-47-33Z_a0000000-0000-4000-8000-000000000002.awsv";
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets").join(name)
}

/// Writes bytes to a file of their own and hands it over.
pub(crate) fn with_file<T>(name: &str, bytes: &[u8], then: impl FnOnce(&Path) -> T) -> T {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    then(&path)
}

/// Sets bytes of a container's header and computes its checksum again.
pub(crate) fn patch_header(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
    let crc = keepstone::format::crc32(&bytes[..60]);
    bytes[60..64].copy_from_slice(&crc.to_le_bytes());
}
