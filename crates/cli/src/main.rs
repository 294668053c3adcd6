//! The `keepstone` command: says what a file is, checks every byte of it, repairs and converts it, and shows what the library does.
//!
//! Exit code 0: good. 1: damaged, not a file that is known, or not found. 2: everything else.
#![forbid(unsafe_code)]

mod args;
mod arrays;
mod checkpoint;
mod convert;
mod demo;
mod diff;
mod edgevec;
mod error;
mod evec;
mod generations;
mod inspect;
mod log;
mod output;
mod payload;
mod progress;
mod repair;
mod saves;
mod slot;
mod source;
mod text;
mod vectors;
mod verify;
mod wal;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Verb};
use crate::output::{Exit, Output};
use crate::progress::Progress;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(refusal) => return output::refuse(&refusal).into(),
    };
    run(&args).into()
}

fn run(args: &Args) -> Exit {
    let output = Output { json: args.json };
    let progress = Progress::new(args.json);
    match &args.verb {
        Verb::Inspect { path } => {
            let result = inspect::run(path, &progress);
            progress.clear();
            output.finish("inspect", Some(path), result)
        }
        Verb::Verify { path } => {
            let result = verify::run_any(path, &progress);
            progress.clear();
            output.finish("verify", Some(path), result)
        }
        Verb::Repair(options) => {
            let result = repair::run_any(options, &progress);
            progress.clear();
            output.finish("repair", Some(&options.path), result)
        }
        Verb::Convert(options) => {
            let result = convert::run(options, &progress);
            progress.clear();
            output.finish("convert", Some(&options.input), result)
        }
        Verb::Diff(options) => {
            let result = diff::run(options, &progress);
            progress.clear();
            output.finish("diff", Some(&options.a), result)
        }
        Verb::Checkpoint { verb } => checkpoint::run(verb, output, &progress),
        Verb::Slot { verb } => slot::run(verb, output, &progress),
        Verb::Vectors { verb } => vectors::run(verb, output, &progress),
        Verb::Wal { verb } => wal::run(verb, output, &progress),
        Verb::Demo(options) => {
            let result = demo::run(options, &progress);
            progress.clear();
            output.finish("demo", options.dir.as_deref(), result)
        }
    }
}
