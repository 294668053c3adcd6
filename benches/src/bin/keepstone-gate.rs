//! Holds this build to the figures in `benches/gates`; `keepstone-gate [OPTION]...`, or by `cargo xtask bench --gate`.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "what failed is what the program is for")]

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, bail, ensure};
use keepstone::storage::{Durability, OsFiles, atomic};
use keepstone_benches::{
    cases, counted,
    gate::{self, Options, Outcome},
};

const OPTIONS: &str = "`--accept`, `--strict`, `--counted`, `--dir PATH`, `--gates PATH` and `--json FILE`";
/// Logs that are recovered are in no gate.
const LOG_MIB: u32 = 1;

fn main() -> Result<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [verb, name, calls] = args.as_slice()
        && verb == "loop"
    {
        counted::run(name, calls.parse().context("a number of calls comes last")?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let arguments = Arguments::parse(args.into_iter())?;
    let outcomes = held(&arguments)?;
    let failed = outcomes.iter().any(|outcome| !outcome.failures.is_empty());
    let skipped = arguments.strict && outcomes.iter().any(|outcome| outcome.skipped.is_some());
    if skipped {
        println!("with `--strict` a gate that is skipped fails");
    }
    Ok(if failed || skipped { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn held(arguments: &Arguments) -> Result<Vec<Outcome>> {
    let options = &arguments.options;
    let program = std::env::current_exe().context("this program has no path")?;
    let told = |outcome: Outcome| {
        println!("{outcome}");
        outcome
    };
    let mut outcomes = vec![
        told(gate::counters(options, &cases::all(LOG_MIB))?),
        told(gate::instructions(options, &program)?),
    ];
    if !options.accept && !arguments.counted {
        let (outcome, document) = gate::ratios(options, &cases::all(LOG_MIB))?;
        outcomes.push(told(outcome));
        if let (Some(path), Some(document)) = (&arguments.json, document) {
            atomic::replace(&OsFiles, path, Durability::Buffered, document.to_json()?.as_bytes())
                .with_context(|| format!("writing {}", path.display()))?;
        }
    }
    Ok(outcomes)
}

struct Arguments {
    options: Options,
    /// A gate that is skipped fails.
    strict: bool,
    /// No ratios, so nothing depends on the machine.
    counted: bool,
    /// Where the ratios are written.
    json: Option<PathBuf>,
}

impl Arguments {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self> {
        let mut arguments = Self { options: Options::new(), strict: false, counted: false, json: None };
        while let Some(arg) = args.next() {
            let mut value = || args.next().with_context(|| format!("`{arg}` needs what comes after it"));
            match arg.as_str() {
                "--accept" => arguments.options.accept = true,
                "--strict" => arguments.strict = true,
                "--counted" => arguments.counted = true,
                "--dir" => arguments.options.dir = value()?.into(),
                "--gates" => arguments.options.gates = value()?.into(),
                "--json" => arguments.json = Some(value()?.into()),
                other => bail!("the gate knows no `{other}`; there are {OPTIONS}"),
            }
        }
        let has_ratios = !arguments.counted && !arguments.options.accept;
        ensure!(
            has_ratios || arguments.json.is_none(),
            "`--json` writes the ratios, which `--counted` and `--accept` leave out"
        );
        Ok(arguments)
    }
}
