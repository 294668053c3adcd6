//! `cargo xtask bench`: the ratio harness, the criterion targets and, on request, the rivals.

use anyhow::{Result, bail};

use crate::step::Step;

#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    filter: Option<String>,
    rivals: bool,
}

pub(crate) fn run(args: &[String]) -> Result<()> {
    steps(&parse(args)?).iter().try_for_each(Step::run)
}

fn parse(args: &[String]) -> Result<Options> {
    let mut options = Options::default();
    for arg in args {
        match arg.as_str() {
            "--rivals" => options.rivals = true,
            flag if flag.starts_with('-') => bail!("bench knows no flag `{flag}`, only `--rivals`"),
            filter => {
                if let Some(first) = options.filter.replace(filter.to_owned()) {
                    bail!("bench takes one filter, found `{first}` and `{filter}`");
                }
            }
        }
    }
    Ok(options)
}

fn steps(options: &Options) -> Vec<Step> {
    let filtered = |name: &str, args: &[&str]| {
        let mut args = args.to_vec();
        if let Some(filter) = &options.filter {
            args.extend(["--", filter]);
        }
        Step::cargo(name, &args)
    };
    let mut steps = vec![
        filtered("ratios to the floors", &["run", "--release", "--package", "keepstone-benches"]),
        filtered("criterion", &["bench", "--package", "keepstone-benches", "--benches"]),
    ];
    if options.rivals {
        let args = ["run", "--release", "--manifest-path", "benches/compare/Cargo.toml"];
        steps.push(filtered("rivals", &args));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::{parse, steps};

    fn check(args: &[&str], expected: &[&str]) {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let options = parse(&args).expect("the arguments are good");
        let shown: Vec<String> = steps(&options).iter().map(ToString::to_string).collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_filter_reaches_every_harness() {
        check(
            &["--rivals", "encode"],
            &[
                "cargo run --release --package keepstone-benches -- encode",
                "cargo bench --package keepstone-benches --benches -- encode",
                "cargo run --release --manifest-path benches/compare/Cargo.toml -- encode",
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
    fn unknown_flags_and_second_filters_are_refused() {
        let refused = |args: &[&str]| {
            let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
            parse(&args).expect_err("must be refused").to_string()
        };
        assert!(refused(&["--fast"]).contains("`--fast`"));
        assert!(refused(&["a", "b"]).contains("`a` and `b`"));
    }
}
