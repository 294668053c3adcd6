//! `cargo xtask bench`: the ratio harness, the criterion targets and, on request, the rivals.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::crates::root;
use crate::gate;
use crate::step::Step;

/// Options that the harness takes, with a value; those of files are seen from where the command was given.
const VALUES: [(&str, bool); 7] = [
    ("--dir", true),
    ("--time", false),
    ("--save", false),
    ("--compare", false),
    ("--json", true),
    ("--html", true),
    ("--report", true),
];
const OPTIONS: &str = "`--dir PATH`, `--time SECONDS`, `--save NAME`, `--compare NAME`, `--json FILE`, `--html FILE`, `--report FILE`, `--rivals`, `--no-criterion`";
/// Those that the rivals take as well.
const BOTH: [&str; 2] = ["--dir", "--time"];
/// Where the rivals leave what they found, for the harness to show it beside its own rows.
const RIVALS: &str = "target/keepstone-bench/rivals.json";

#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    filters: Vec<String>,
    /// What only the harness takes.
    harness: Vec<String>,
    /// What the harness and the rivals take.
    both: Vec<String>,
    rivals: bool,
    no_criterion: bool,
}

pub(crate) fn run(args: &[String]) -> Result<()> {
    if args.iter().any(|arg| arg == gate::FLAG) {
        return gate::run(args);
    }
    let here = std::env::current_dir().context("there is no current directory")?;
    let options = parse(args, &here)?;
    steps(&options, &root()).iter().try_for_each(Step::run)
}

fn parse(args: &[String], here: &Path) -> Result<Options> {
    let mut options = Options::default();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--rivals" {
            options.rivals = true;
        } else if arg == "--no-criterion" {
            options.no_criterion = true;
        } else if let Some((_, is_path)) = VALUES.iter().find(|(name, _)| name == arg) {
            let value = args.next().with_context(|| format!("`{arg}` needs what comes after it"))?;
            let value = if *is_path { here.join(value).display().to_string() } else { value.clone() };
            if BOTH.contains(&arg.as_str()) {
                options.both.extend([arg.clone(), value]);
            } else {
                options.harness.extend([arg.clone(), value]);
            }
        } else if arg.starts_with('-') {
            bail!("bench knows no option `{arg}`; there are {OPTIONS}");
        } else {
            options.filters.push(arg.clone());
        }
    }
    Ok(options)
}

/// The rivals come first, so that the harness has their rows in its table and reports; criterion is last and has reports of its own.
fn steps(options: &Options, root: &Path) -> Vec<Step> {
    let both: Vec<String> = options.both.iter().chain(&options.filters).cloned().collect();
    let found = root.join(RIVALS).display().to_string();
    let mut steps = Vec::new();
    let mut harness = options.harness.clone();
    if options.rivals {
        let args = ["run", "--release", "--manifest-path", "benches/compare/Cargo.toml"];
        steps.push(with(&args, "rivals", &["--json".to_owned(), found.clone()], &both));
        harness.extend(["--with".to_owned(), found]);
    }
    steps.push(with(
        &["run", "--release", "--package", "keepstone-benches"],
        "ratios to the floors",
        &harness,
        &both,
    ));
    if options.no_criterion {
        return steps;
    }
    let criterion = ["bench", "--package", "keepstone-benches", "--benches"];
    let filter: Vec<String> = options.filters.iter().map(|filter| escaped(filter)).collect();
    let filter = if filter.is_empty() { Vec::new() } else { vec![filter.join("|")] };
    steps.push(with(&criterion, "criterion", &[], &filter));
    steps
}

fn with(args: &[&str], name: &str, options: &[String], filters: &[String]) -> Step {
    let mut args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    if !options.is_empty() || !filters.is_empty() {
        args.push("--".to_owned());
    }
    args.extend(options.iter().chain(filters).cloned());
    Step::cargo(name, &args)
}

/// A filter as a regular expression, which is what criterion takes: our filters are plain.
fn escaped(filter: &str) -> String {
    let mut out = String::with_capacity(filter.len());
    for letter in filter.chars() {
        if r"\.+*?()|[]{}^$".contains(letter) {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{parse, steps};

    fn parsed(args: &[&str]) -> anyhow::Result<super::Options> {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        parse(&args, Path::new("/here"))
    }

    fn check(args: &[&str], expected: &[&str]) {
        let options = parsed(args).expect("the arguments are good");
        let shown: Vec<String> =
            steps(&options, Path::new("/tree")).iter().map(ToString::to_string).collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn filters_reach_every_harness() {
        check(
            &["--rivals", "encode", "crc32.1", "--dir", "disk", "--time", "1"],
            &[
                "cargo run --release --manifest-path benches/compare/Cargo.toml -- --json /tree/target/keepstone-bench/rivals.json --dir /here/disk --time 1 encode crc32.1",
                "cargo run --release --package keepstone-benches -- --with /tree/target/keepstone-bench/rivals.json --dir /here/disk --time 1 encode crc32.1",
                "cargo bench --package keepstone-benches --benches -- 'encode|crc32\\.1'",
            ],
        );
    }

    #[test]
    fn what_is_saved_and_reported_reaches_the_harness_alone() {
        check(
            &["--save", "a", "--compare", "b", "--json", "c", "--html", "/d", "--report", "e"],
            &[
                "cargo run --release --package keepstone-benches -- --save a --compare b --json /here/c --html /d --report /here/e",
                "cargo bench --package keepstone-benches --benches",
            ],
        );
    }

    #[test]
    fn rivals_run_only_on_request() {
        check(
            &[],
            &[
                "cargo run --release --package keepstone-benches",
                "cargo bench --package keepstone-benches --benches",
            ],
        );
    }

    #[test]
    fn criterion_is_left_out_on_request() {
        check(&["--no-criterion", "slot"], &["cargo run --release --package keepstone-benches -- slot"]);
    }

    #[test]
    fn unknown_options_and_those_without_a_value_are_refused() {
        let refused = |args: &[&str]| parsed(args).expect_err("must be refused").to_string();
        assert!(refused(&["--fast"]).contains("`--fast`"));
        assert!(refused(&["encode", "--save"]).contains("`--save`"));
    }
}
