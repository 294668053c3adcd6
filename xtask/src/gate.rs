//! `cargo xtask bench --gate`: counters, instructions and ratios held to the figures in `benches/gates`.

use anyhow::{Result, bail};

use crate::step::Step;

pub(crate) const FLAG: &str = "--gate";

pub(crate) fn run(args: &[String]) -> Result<()> {
    step(args)?.run()
}

fn step(args: &[String]) -> Result<Step> {
    let mut all = vec!["run", "--release", "--package", "keepstone-benches", "--bin", "keepstone-gate", "--"];
    let mut args = args.iter().map(String::as_str).filter(|arg| *arg != FLAG);
    while let Some(arg) = args.next() {
        match arg {
            "--accept" | "--strict" | "--counted" => all.push(arg),
            "--json" | "--dir" => {
                all.push(arg);
                all.extend(args.next());
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
    use super::step;

    fn args(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn what_is_asked_of_the_gates_reaches_them() {
        let shown = step(&args("--gate --strict --json out.json")).expect("all are known").to_string();
        assert_eq!(
            shown,
            "cargo run --release --package keepstone-benches --bin keepstone-gate -- --strict --json out.json"
        );
    }

    #[test]
    fn a_filter_is_refused_as_a_gate_holds_all() {
        let said = step(&args("--gate encode")).expect_err("must be refused").to_string();
        assert!(said.contains("found `encode`"), "{said}");
    }
}
