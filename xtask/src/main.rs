//! The workspace's own commands, run as `cargo xtask <verb>`.
//!
//! A verb is a file; it is thin over plain functions that the unit tests call with text.

#![forbid(unsafe_code)]
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "a command that reports to the terminal")]

mod bench;
mod check;
mod coverage;
mod crash;
mod crates;
mod examples;
mod gate;
mod layers;
mod links;
mod mask;
mod native;
mod path;
mod planted;
mod portability;
mod profile;
mod rules;
mod sources;
mod step;
mod tidy;
mod torture;

use std::env;
use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask <verb>

  check [--no-tests]         everything continuous integration holds: format, tidy, clippy, docs,
                             each crate alone, wasm32 (if installed), tests, packaging
  tidy                       crate arrows and the bans that clippy cannot express
  bench [FILTER]... [--dir PATH] [--save NAME] [--compare NAME] [--json FILE] [--html FILE]
        [--report FILE] [--time SECONDS] [--rivals] [--no-criterion]
                             the ratio harness and the criterion targets, optionally the rivals; each case
                             goes on for SECONDS (2, rivals 4) and 15 rounds at least; what was found
                             is kept under a name, compared with that, and written as JSON, as a page
                             for a browser, or as a page of text
  bench --gate [--accept] [--strict] [--counted] [--json FILE]
                             counters, instructions and ratios held to benches/gates; `--accept` writes
                             what is counted anew, `--strict` fails when something has to be skipped
  coverage [--strict]        lines of the libraries that tests run; below 85 % it fails, and where it can't
                             be measured it is skipped, which fails with --strict
  native                     the checksums built for any processor and for this one alone
  crash [--seconds N] [--seed S]
                             the crash sweeps with raised caps; each test of random histories goes on
                             for N seconds (60) from seed S (a random one)
  torture [--kills N] [--seed S]
                             a log on a real file system: its writer killed, its system calls refused
                             (by strace), its disk full (in a mounted image)
  portability [--write]      golden files and encoded bytes, here and on what other targets this machine
                             can run; --write accepts the bytes of this machine
  profile CASE [--seconds N] where the time of a case of the benches goes: a flame graph, or what
                             callgrind counts";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<()> {
    let Some((verb, rest)) = args.split_first() else {
        bail!("no verb given\n{USAGE}");
    };
    match verb.as_str() {
        "check" => check::run(rest),
        "tidy" => tidy::run(rest),
        "bench" => bench::run(rest),
        "coverage" => coverage::run(rest),
        "native" => native::run(rest),
        "crash" => crash::run(rest),
        "portability" => portability::run(rest),
        "profile" => profile::run(rest),
        "torture" => torture::run(rest),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(())
        }
        unknown => bail!("there is no verb `{unknown}`\n{USAGE}"),
    }
}

#[cfg(test)]
mod tests {
    use super::run;

    #[test]
    fn an_unknown_verb_is_answered_with_the_usage() {
        for args in [vec![], vec!["chekc".to_owned()]] {
            let said = run(&args).expect_err("must be refused").to_string();
            assert!(said.contains("usage: cargo xtask <verb>"), "{said}");
        }
    }
}
