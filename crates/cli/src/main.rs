//! The `keepstone` command: says what a file is, checks every byte of it, and shows what the library does.
//!
//! Exit code 0: good. 1: damaged, not a file that is known, or not found. 2: everything else.
#![forbid(unsafe_code)]

mod args;
mod demo;
mod error;
mod inspect;
mod output;
mod source;
mod text;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Verb};
use crate::output::{Exit, Output};

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(refusal) => return output::refuse(&refusal).into(),
    };
    run(&args).into()
}

fn run(args: &Args) -> Exit {
    let output = Output { json: args.json };
    match &args.verb {
        Verb::Inspect { path } => output.finish("inspect", Some(path), inspect::run(path)),
        Verb::Verify { path } => output.finish("verify", Some(path), verify::run(path)),
        Verb::Demo(options) => output.finish("demo", options.dir.as_deref(), demo::run(options)),
    }
}
