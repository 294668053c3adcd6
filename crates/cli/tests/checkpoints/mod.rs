//! Checkpoints on the command line.

mod differences;
mod exchange;
mod files;
mod html;
mod processes;
mod prune;
mod repair;
mod verbs;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use keepstone::checkpoint::{CheckpointStore, StoreOptions};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Answer, command, run, run_with};

/// A directory for a store of checkpoints.
struct Store(TempDir);

impl Store {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn dir(&self) -> PathBuf {
        self.0.path().join("store")
    }

    fn path(&self) -> String {
        self.beside("store")
    }

    /// The path of something beside the store.
    fn beside(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// Opens it as a program would.
    fn open(&self) -> CheckpointStore {
        CheckpointStore::open_with(self.dir(), StoreOptions::new().background(false)).unwrap()
    }

    /// Runs a verb on the store.
    fn checkpoint(&self, verb: &str, more: &[&str]) -> Answer {
        run(&[&["checkpoint", verb, &self.path()], more].concat())
    }

    /// Runs a verb that has to go well, and returns what it prints.
    fn text(&self, verb: &str, more: &[&str]) -> String {
        let answer = self.checkpoint(verb, more);
        assert_eq!((answer.exit, answer.err.as_str()), (0, ""), "{verb}: {}", answer.out);
        answer.out
    }

    /// Runs a verb that has to go well, and returns what it says as JSON.
    fn json(&self, verb: &str, more: &[&str]) -> Value {
        let (exit, document) = self.json_any(verb, more);
        assert_eq!(exit, 0, "{document}");
        document
    }

    fn json_any(&self, verb: &str, more: &[&str]) -> (i32, Value) {
        let answer = self.checkpoint(verb, &[more, &["--json"]].concat());
        let document = answer.json();
        assert_eq!(document["verb"], format!("checkpoint {verb}"));
        assert_eq!(document["path"], self.path());
        (answer.exit, document)
    }

    /// Asserts how a verb fails: exit code, kind of the error, and that nothing but it is said.
    fn fails(&self, verb: &str, more: &[&str], exit: i32, kind: &str) {
        let answer = self.checkpoint(verb, more);
        assert_eq!((answer.exit, answer.out.as_str()), (exit, ""), "{verb} {more:?}");
        assert!(answer.err.starts_with("error: "), "{}", answer.err);
        let (exit_of_json, document) = self.json_any(verb, more);
        assert_eq!((exit_of_json, &document["error"]["kind"]), (exit, &kind.into()), "{verb} {more:?}");
    }

    /// Makes a checkpoint of bytes in session main and returns the id that is acknowledged.
    fn create(&self, state: &[u8], more: &[&str]) -> String {
        self.create_in("main", state, more)
    }

    fn create_in(&self, session: &str, state: &[u8], more: &[&str]) -> String {
        let args = ["checkpoint", "create", &self.path(), "--session", session];
        let answer = run_with(&[&args, more].concat(), state);
        assert_eq!((answer.exit, answer.err.as_str()), (0, ""));
        acknowledged(&answer.out)
    }

    /// Runs a verb that writes bytes.
    fn bytes(&self, verb: &str, more: &[&str]) -> (i32, Vec<u8>, String) {
        let mut command = command();
        command.args(["checkpoint", verb, &self.path()]).args(more).stdin(Stdio::null());
        let output = command.output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(!err.contains("panicked"), "{err}");
        (output.status.code().unwrap_or(-1), output.stdout, err)
    }

    /// The state of a checkpoint.
    fn state(&self, id: &str) -> Vec<u8> {
        let (exit, state, err) = self.bytes("get", &[id]);
        assert_eq!((exit, err.as_str()), (0, ""));
        state
    }

    /// The numbers of the checkpoints in a list.
    fn numbers(&self, more: &[&str]) -> Vec<u64> {
        let document = self.json("list", more);
        let checkpoints = document["checkpoints"].as_array().unwrap();
        checkpoints.iter().map(|checkpoint| checkpoint["number"].as_u64().unwrap()).collect()
    }

    /// The number of the checkpoint that a branch of session main stands at.
    fn head(&self, branch: &str) -> Option<u64> {
        let document = self.json("sessions", &[]);
        let branches = document["sessions"][0]["branches"].as_array().unwrap();
        branches.iter().find(|found| found["branch"] == branch).unwrap()["head"].as_u64()
    }

    /// All files of the store and what is in them.
    fn contents(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        let mut dirs = vec![self.dir()];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    dirs.push(path);
                } else {
                    let bytes = fs::read(&path).unwrap();
                    files.push((path, bytes));
                }
            }
        }
        files.sort();
        files
    }
}

fn acknowledged(out: &str) -> String {
    let id =
        out.strip_prefix("ACK ").and_then(|rest| rest.strip_suffix('\n')).unwrap_or_else(|| panic!("{out}"));
    assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    id.to_owned()
}

/// Flips a bit where these bytes stand in a file.
fn flip(path: &Path, what: &[u8]) {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.windows(what.len()).position(|window| window == what).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// The only file in a directory of the store.
fn only_file(store: &Store, folder: &str) -> PathBuf {
    let mut files = fs::read_dir(store.dir().join(folder)).unwrap();
    let file = files.next().unwrap().unwrap().path();
    assert!(files.next().is_none());
    file
}

/// Bytes that no codec makes shorter, other ones for each seed.
fn noise(seed: u32, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    (0..len).map(|_| next()).collect()
}
