//! Save slots on the command line.

mod files;
mod hostile;
mod processes;
mod roots;
mod verbs;
mod worlds;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Answer, command, run, run_with};

/// A directory for a root of saves.
struct Root(TempDir);

impl Root {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn dir(&self) -> PathBuf {
        self.0.path().join("saves")
    }

    fn path(&self) -> String {
        self.dir().to_str().unwrap().to_owned()
    }

    /// The path of something beside the root.
    fn beside(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// Runs a verb on the root.
    fn slot(&self, verb: &str, more: &[&str]) -> Answer {
        run(&[&["slot", verb, &self.path()], more].concat())
    }

    /// Runs a verb on the root that has to go well, and returns what it says as JSON.
    fn json(&self, verb: &str, more: &[&str]) -> Value {
        let answer = self.slot(verb, &[more, &["--json"]].concat());
        let document = answer.json();
        assert_eq!((answer.exit, &document["verb"]), (0, &format!("slot {verb}").into()), "{document}");
        document
    }

    /// Saves bytes to a slot of alice and returns the id that is acknowledged.
    fn save(&self, slot: u8, bytes: &[u8], more: &[&str]) -> String {
        self.save_of("alice", slot, bytes, more)
    }

    fn save_of(&self, player: &str, slot: u8, bytes: &[u8], more: &[&str]) -> String {
        let (root, slot) = (self.path(), slot.to_string());
        let args = ["slot", "save", &root, "--player", player, "--slot", &slot];
        let answer = run_with(&[&args, more].concat(), bytes);
        assert_eq!((answer.exit, answer.err.as_str()), (0, ""));
        acknowledged(&answer.out)
    }

    /// What a slot of alice holds, beside what standard error says.
    fn load(&self, slot: u8) -> (i32, Vec<u8>, String) {
        let slot = slot.to_string();
        self.load_with(&["--player", "alice", "--slot", &slot])
    }

    fn load_with(&self, more: &[&str]) -> (i32, Vec<u8>, String) {
        let mut command = command();
        command.args(["slot", "load", &self.path()]).args(more).stdin(Stdio::null());
        let output = command.output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(!err.contains("panicked"), "{err}");
        (output.status.code().unwrap_or(-1), output.stdout, err)
    }

    /// The saves of alice in a list, the newest first.
    fn list(&self, more: &[&str]) -> Vec<Value> {
        let document = self.json("list", more);
        let players = document["players"].as_array().unwrap();
        let alice = players.iter().find(|player| player["player"] == "alice");
        alice.map(|player| player["saves"].as_array().unwrap().clone()).unwrap_or_default()
    }

    /// The ids of the saves of alice, the newest first.
    fn ids(&self) -> Vec<String> {
        self.list(&[]).iter().map(|save| save["id"].as_str().unwrap().to_owned()).collect()
    }

    /// The directory of alice.
    fn alice(&self) -> PathBuf {
        let name = keepstone::slots::Player::new("alice").unwrap().dir_name();
        self.dir().join(name)
    }

    /// The file of a save of alice, whatever became of it.
    fn file(&self, id: &str) -> PathBuf {
        let names = names(&self.alice());
        let is_it = |name: &&String| name.contains(id) && !has_extension(name, "note");
        self.alice().join(names.iter().find(is_it).unwrap())
    }

    /// Flips a bit of the payload of a save.
    fn damage(&self, id: &str, payload: &[u8]) {
        flip(&self.file(id), payload);
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

/// Whether a name ends so.
fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|found| found == extension)
}

/// The names in a directory, sorted.
fn names(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}
