//! `cargo xtask native`: what the checksums gain when the whole build is for this processor. They pick their instructions when they run, so
//! it should be nothing; no program has to set RUSTFLAGS for them.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::crates::Workspace;
use crate::step::Step;

/// Builds in turns, so that a machine that slows down slows both.
const TURNS: usize = 3;

pub(crate) fn run(args: &[String]) -> Result<()> {
    if let Some(arg) = args.first() {
        bail!("native takes no arguments, found `{arg}`");
    }
    let target = Workspace::load()?.target;
    let [mut plain, mut native] = [Vec::new(), Vec::new()];
    for _ in 0..TURNS {
        plain.push(speeds(&step("for any processor", &target.join("plain"), ""))?);
        native.push(speeds(&step("for this one", &target.join("native"), "-Ctarget-cpu=native"))?);
    }
    print!("{}", table(&best(&plain), &best(&native)));
    Ok(())
}

/// Both builds stay in folders of their own: with other flags cargo would build all anew. Flags of the caller would be in both.
fn step(name: &str, folder: &Path, flags: &str) -> Step {
    let folder = folder.display().to_string();
    let args = [
        "run",
        "--release",
        "--quiet",
        "--package",
        "keepstone-format",
        "--example",
        "kernels",
        "--target-dir",
        folder.as_str(),
    ];
    Step::cargo(name, &args).env("RUSTFLAGS", flags)
}

type Speed = (String, f64);

fn speeds(step: &Step) -> Result<Vec<Speed>> {
    parse(&step.output()?)
}

/// A name and GB/s in each line.
fn parse(text: &str) -> Result<Vec<Speed>> {
    let line = |line: &str| {
        let (name, speed) = line.rsplit_once(' ')?;
        Some((name.to_owned(), speed.parse().ok()?))
    };
    text.lines().map(|text| line(text).with_context(|| format!("no speed: `{text}`"))).collect()
}

/// The fastest of the turns, which all have the same names.
fn best(turns: &[Vec<Speed>]) -> Vec<Speed> {
    let mut best: Vec<Speed> = Vec::new();
    for (name, speed) in turns.iter().flatten() {
        match best.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = known.max(*speed),
            None => best.push((name.clone(), *speed)),
        }
    }
    best
}

fn table(plain: &[Speed], native: &[Speed]) -> String {
    let mut text = String::from("checksum   default  target-cpu=native  gain\n");
    for ((name, plain), (_, native)) in plain.iter().zip(native) {
        let gain = native / plain;
        let _ = writeln!(text, "{name:<8} {plain:>5.1} GB/s         {native:>5.1} GB/s  {gain:.2}");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{best, parse, step, table};

    #[test]
    fn flags_of_the_caller_reach_neither_build() {
        let shown = step("plain", Path::new("/t/plain"), "").to_string();
        assert!(shown.starts_with("RUSTFLAGS='' cargo run --release"), "{shown}");
        assert!(shown.ends_with("--target-dir /t/plain"), "{shown}");
    }

    #[test]
    fn the_fastest_turns_stand_beside_each_other() {
        let turns =
            ["CRC-32 9.5\nBLAKE3 2.0\n", "CRC-32 10.0\nBLAKE3 1.0\n"].map(|text| parse(text).unwrap());
        let fastest = best(&turns);
        assert_eq!(fastest, [("CRC-32".to_owned(), 10.0), ("BLAKE3".to_owned(), 2.0)]);
        let text = table(&fastest, &parse("CRC-32 12.5\nBLAKE3 2.0").unwrap());
        assert!(text.contains("CRC-32    10.0 GB/s          12.5 GB/s  1.25\n"), "{text}");
        assert!(text.contains("BLAKE3     2.0 GB/s           2.0 GB/s  1.00\n"), "{text}");
    }

    #[test]
    fn a_line_without_a_number_is_refused() {
        assert!(parse("CRC-32 fast").is_err());
    }
}
