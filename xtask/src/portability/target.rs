//! The targets that are asked, and what this machine lacks to run them.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::crates::root;
use crate::path::is_command;
use crate::portability::digests::Group;
use crate::step::Step;

/// A target beside the machine's own.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) triple: &'static str,
    /// What it shows that the machine itself doesn't.
    pub(crate) what: &'static str,
    pub(crate) groups: &'static [Group],
    runs_by: Runs,
}

#[derive(Debug)]
enum Runs {
    /// As a module under Node, by its WASI.
    Node,
    /// As a program of another processor, with the libraries of a cross compiler.
    Qemu { emulator: &'static str, linker: &'static str, libraries: &'static str, package: &'static str },
}

pub(crate) const TARGETS: &[Target] = &[
    Target {
        triple: "wasm32-wasip1",
        what: "32 bits, little-endian",
        groups: &[Group::Bytes],
        runs_by: Runs::Node,
    },
    Target {
        triple: "powerpc-unknown-linux-gnu",
        what: "32 bits, big-endian",
        // It has no 64-bit atomics, which logs and checkpoints count with.
        groups: &[Group::Bytes],
        runs_by: Runs::Qemu {
            emulator: "qemu-ppc",
            linker: "powerpc-linux-gnu-gcc",
            libraries: "/usr/powerpc-linux-gnu",
            package: "gcc-powerpc-linux-gnu",
        },
    },
    Target {
        triple: "s390x-unknown-linux-gnu",
        what: "64 bits, big-endian",
        groups: Group::ALL,
        runs_by: Runs::Qemu {
            emulator: "qemu-s390x",
            linker: "s390x-linux-gnu-gcc",
            libraries: "/usr/s390x-linux-gnu",
            package: "gcc-s390x-linux-gnu",
        },
    },
];

/// What is on this machine, as far as targets ask for it.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    /// Targets whose standard library is installed.
    pub(crate) stds: BTreeSet<String>,
    /// Commands that can be called.
    pub(crate) commands: BTreeSet<String>,
}

impl Machine {
    pub(crate) fn look() -> Result<Self> {
        let mut machine = Self::default();
        for target in TARGETS {
            if has_std(target.triple)? {
                machine.stds.insert(target.triple.to_owned());
            }
            machine
                .commands
                .extend(target.commands().into_iter().filter(|name| is_command(name)).map(str::to_owned));
        }
        Ok(machine)
    }

    /// What has to be installed before the target can run, as sentences; nothing if it can.
    pub(crate) fn missing(&self, target: &Target) -> Vec<String> {
        let mut missing = Vec::new();
        let triple = target.triple;
        if !self.stds.contains(triple) {
            missing.push(format!("no std for {triple}: `rustup target add {triple}`"));
        }
        let lacks = |name: &&str| !self.commands.contains(*name);
        let lacking: Vec<&str> = target.commands().into_iter().filter(lacks).collect();
        if !lacking.is_empty() {
            missing.push(format!("no {}: {}", lacking.join(", no "), target.remedy()));
        }
        missing
    }
}

impl Target {
    fn commands(&self) -> Vec<&'static str> {
        match self.runs_by {
            Runs::Node => vec!["node"],
            Runs::Qemu { emulator, linker, .. } => vec![emulator, linker],
        }
    }

    fn remedy(&self) -> String {
        match self.runs_by {
            Runs::Node => "`apt-get install nodejs`, version 20 or later".to_owned(),
            Runs::Qemu { package, .. } => format!("`apt-get install qemu-user {package}`"),
        }
    }

    /// Builds and runs a package there, without what needs a disk where there is none.
    pub(crate) fn step(&self, package: &str) -> Step {
        let mut args = vec!["run", "--quiet", "--package", package, "--target", self.triple];
        if !self.groups.contains(&Group::Disk) {
            args.push("--no-default-features");
        }
        let variable = self.triple.to_uppercase().replace('-', "_");
        let step = Step::cargo(format!("digests of {}", self.triple), &args);
        let (runner, linker) =
            (format!("CARGO_TARGET_{variable}_RUNNER"), format!("CARGO_TARGET_{variable}_LINKER"));
        match self.runs_by {
            Runs::Node => step.env(runner, "node --no-warnings portability/wasi.mjs"),
            Runs::Qemu { emulator, linker: command, libraries, .. } => {
                step.env(linker, command).env(runner, format!("{emulator} -L {libraries}"))
            }
        }
    }
}

fn has_std(triple: &str) -> Result<bool> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", triple])
        .current_dir(root())
        .output()
        .context("cannot start rustc")?;
    let folder = String::from_utf8_lossy(&output.stdout);
    Ok(output.status.success() && Path::new(folder.trim()).is_dir())
}

#[cfg(test)]
mod tests {
    use super::{Machine, TARGETS, Target};

    fn machine(stds: &[&str], commands: &[&str]) -> Machine {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Machine { stds: owned(stds), commands: owned(commands) }
    }

    fn target(triple: &str) -> &'static Target {
        TARGETS.iter().find(|target| target.triple == triple).expect("it is in the table")
    }

    #[test]
    fn a_target_runs_once_its_std_and_its_commands_are_there() {
        let check = |triple: &str, machine: &Machine, expected: &[&str]| {
            assert_eq!(machine.missing(target(triple)), expected);
        };
        let (wasm, power) = ("wasm32-wasip1", "powerpc-unknown-linux-gnu");
        check(wasm, &machine(&[wasm], &["node"]), &[]);
        check(
            wasm,
            &machine(&[power], &["node"]),
            &["no std for wasm32-wasip1: `rustup target add wasm32-wasip1`"],
        );
        check(wasm, &machine(&[wasm], &[]), &["no node: `apt-get install nodejs`, version 20 or later"]);
        check(power, &machine(&[power], &["qemu-ppc", "powerpc-linux-gnu-gcc"]), &[]);
        let no_std = "no std for powerpc-unknown-linux-gnu: `rustup target add powerpc-unknown-linux-gnu`";
        let install = "`apt-get install qemu-user gcc-powerpc-linux-gnu`";
        let (no_gcc, no_both) = (
            format!("no powerpc-linux-gnu-gcc: {install}"),
            format!("no qemu-ppc, no powerpc-linux-gnu-gcc: {install}"),
        );
        check(power, &machine(&[power], &["qemu-ppc"]), &[&no_gcc]);
        check(power, &machine(&[], &["node"]), &[no_std, &no_both]);
    }

    #[test]
    fn a_target_is_built_with_its_linker_and_run_by_its_emulator() {
        let shown = |triple| target(triple).step("p").to_string();
        assert_eq!(
            shown("s390x-unknown-linux-gnu"),
            "CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_LINKER=s390x-linux-gnu-gcc \
             CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_RUNNER='qemu-s390x -L /usr/s390x-linux-gnu' \
             cargo run --quiet --package p --target s390x-unknown-linux-gnu"
        );
        let wasm = shown("wasm32-wasip1");
        assert!(wasm.ends_with("--target wasm32-wasip1 --no-default-features"), "{wasm}");
        assert!(wasm.contains("RUNNER='node --no-warnings portability/wasi.mjs'"), "{wasm}");
    }

    #[test]
    fn both_ends_and_both_widths_are_asked() {
        for what in ["32 bits, little-endian", "32 bits, big-endian", "64 bits, big-endian"] {
            assert!(TARGETS.iter().any(|target| target.what == what), "{what}");
        }
    }
}
