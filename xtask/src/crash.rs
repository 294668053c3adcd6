//! `cargo xtask crash`: the crash sweeps with raised caps and random histories, for as long as wanted.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};

use anyhow::{Context as _, Result, bail};
use cargo_metadata::DependencyKind;

use crate::crates::{Member, Workspace};
use crate::step::Step;

/// What the sweeps run on.
const TESTKIT: &str = "keepstone-testkit";

/// What every test of a sweep has in its name or its module's.
const FILTER: &str = "crash";

#[derive(Debug, PartialEq, Eq)]
struct Options {
    /// For each test of random histories.
    seconds: u64,
    seed: Option<u64>,
}

pub(crate) fn run(args: &[String]) -> Result<()> {
    let options = parse(args)?;
    let seed = options.seed.unwrap_or_else(random);
    step(&Workspace::load()?.members, options.seconds, seed).run()
}

fn parse(args: &[String]) -> Result<Options> {
    let mut options = Options { seconds: 60, seed: None };
    let mut args = args.iter();
    while let Some(flag) = args.next() {
        let mut number = || -> Result<u64> {
            let value = args.next().with_context(|| format!("`{flag}` needs a number after it"))?;
            value.parse().with_context(|| format!("`{flag}` needs a whole number, found `{value}`"))
        };
        match flag.as_str() {
            "--seconds" => options.seconds = number()?,
            "--seed" => options.seed = Some(number()?),
            _ => bail!("crash knows only `--seconds N` and `--seed S`, found `{flag}`"),
        }
    }
    Ok(options)
}

/// The tests of the crates that use the testkit, and of the testkit itself.
fn step(members: &[Member], seconds: u64, seed: u64) -> Step {
    let mut args = vec!["test", "--release"];
    for member in members.iter().filter(|member| sweeps(member)) {
        args.extend(["--package", &member.name]);
    }
    args.extend(["--tests", FILTER, "--", "--show-output"]);
    Step::cargo("crash sweeps", &args)
        .env("KEEPSTONE_CRASH_SECONDS", seconds.to_string())
        .env("KEEPSTONE_CRASH_SEED", seed.to_string())
}

fn sweeps(member: &Member) -> bool {
    let tests = |kind| kind == DependencyKind::Development;
    member.name == TESTKIT || member.deps.iter().any(|dep| dep.name == TESTKIT && tests(dep.kind))
}

/// The standard library seeds each of these from the system.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use cargo_metadata::DependencyKind;

    use super::{Options, parse, random, step};
    use crate::crates::{Dep, Member};

    fn member(name: &str, kind: Option<DependencyKind>) -> Member {
        let dep = |kind| {
            let name = "keepstone-testkit".to_owned();
            Dep { name, kind, default_features: false, features: Vec::new() }
        };
        Member {
            name: name.to_owned(),
            folder: String::new(),
            publishable: true,
            library: true,
            has_defaults: false,
            features: Vec::new(),
            deps: kind.map(dep).into_iter().collect(),
        }
    }

    #[test]
    fn the_crates_that_sweep_are_tested_with_seconds_and_seed() {
        let members = [
            member("sweeps", Some(DependencyKind::Development)),
            member("measures", Some(DependencyKind::Normal)),
            member("plain", None),
            member("keepstone-testkit", None),
        ];
        assert_eq!(
            step(&members, 600, 7).to_string(),
            "KEEPSTONE_CRASH_SECONDS=600 KEEPSTONE_CRASH_SEED=7 cargo test --release --package sweeps \
             --package keepstone-testkit --tests crash -- --show-output"
        );
    }

    #[test]
    fn flags_are_read_and_others_refused() {
        let parsed = |args: &[&str]| {
            let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
            parse(&args).map_err(|error| format!("{error:#}"))
        };
        assert_eq!(parsed(&[]), Ok(Options { seconds: 60, seed: None }));
        let both = ["--seed", "18446744073709551615", "--seconds", "5"];
        assert_eq!(parsed(&both), Ok(Options { seconds: 5, seed: Some(u64::MAX) }));
        assert!(parsed(&["--seconds"]).is_err_and(|said| said.contains("needs a number after it")));
        assert!(parsed(&["--seed", "-1"]).is_err_and(|said| said.contains("found `-1`")));
        assert!(parsed(&["5"]).is_err_and(|said| said.contains("found `5`")));
    }

    #[test]
    fn seeds_differ_from_run_to_run() {
        assert_ne!(random(), random());
    }
}
