//! The workspace's own commands, run as `cargo xtask <verb>`.
//!
//! A verb is a file; it is thin over plain functions that the unit tests call with text.

#![forbid(unsafe_code)]
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "a command that reports to the terminal")]

mod bench;
mod check;
mod crash;
mod crates;
mod layers;
mod links;
mod mask;
mod planted;
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
  bench [FILTER] [--rivals]  the ratio harness and the criterion targets, optionally the rivals
  crash [--seconds N] [--seed S]
                             the crash sweeps with raised caps; each test of random histories goes on
                             for N seconds (60) from seed S (a random one)
  torture [--kills N] [--seed S]
                             a log on a real file system: its writer killed, its system calls refused
                             (by strace), its disk full (in a mounted image)";

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
        "crash" => crash::run(rest),
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
