//! Measures every case against its floor and prints a table; `keepstone-benches [OPTION]... [FILTER]...`.
#![forbid(unsafe_code)]

use std::time::Duration;

use anyhow::Result;
use keepstone_benches::{
    cases,
    program::{self, Arguments},
};

const CASE_TIME: Duration = Duration::from_secs(2);

fn main() -> Result<()> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    program::run_all(&arguments, cases::all(arguments.log_mib), CASE_TIME)
}
