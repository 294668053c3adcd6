//! `cargo xtask bench --gate`: counters, instructions and ratios held to the figures in `benches/gates`.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::step::Step;

pub(crate) const FLAG: &str = "--gate";

pub(crate) fn run(args: &[String]) -> Result<()> {
    let here = std::env::current_dir().context("there is no current directory")?;
    step(args, &here)?.run()
}

/// Paths are seen from `here`: the program runs at the root.
fn step(args: &[String], here: &Path) -> Result<Step> {
    let run = ["run", "--release", "--package", "keepstone-benches", "--bin", "keepstone-gate", "--"];
    let mut all = run.map(str::to_owned).to_vec();
    let mut args = args.iter().map(String::as_str).filter(|arg| *arg != FLAG);
    while let Some(arg) = args.next() {
        match arg {
            "--accept" | "--strict" | "--counted" => all.push(arg.to_owned()),
            "--json" | "--dir" => {
                let path = args.next().with_context(|| format!("`{arg}` needs what comes after it"))?;
                all.extend([arg.to_owned(), here.join(path).display().to_string()]);
            }
            _ => bail!(
                "`bench --gate` knows `--accept`, `--strict`, `--counted`, `--json FILE` and `--dir PATH`, found `{arg}`"
            ),
        }
    }
    Ok(Step::cargo("gates", &all))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    fn step(text: &str) -> anyhow::Result<super::Step> {
        let args: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        super::step(&args, Path::new("/here"))
    }

    #[test]
    fn what_is_asked_of_the_gates_reaches_them() {
        let shown = step("--gate --strict --json out.json").expect("all are known").to_string();
        assert_eq!(
            shown,
            "cargo run --release --package keepstone-benches --bin keepstone-gate -- --strict --json /here/out.json"
        );
    }

    #[test]
    fn a_filter_and_an_option_without_its_value_are_refused_before_any_work() {
        let refused = |text| step(text).expect_err("must be refused").to_string();
        assert!(refused("--gate encode").contains("found `encode`"));
        assert!(refused("--gate --json").contains("`--json` needs"));
    }
}
