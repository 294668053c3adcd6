//! `cargo xtask native`: what the checksums gain when the whole build is for this processor. They pick their instructions when they run, so
//! it should be nothing; no program has to set RUSTFLAGS for them.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail};

use crate::step::Step;

/// Builds in turns, so that a machine that slows down slows both.
const TURNS: usize = 3;

pub(crate) fn run(args: &[String]) -> Result<()> {
    if let Some(arg) = args.first() {
        bail!("native takes no arguments, found `{arg}`");
    }
    let [mut plain, mut native] = [Vec::new(), Vec::new()];
    for _ in 0..TURNS {
        plain.push(speeds(&step("for any processor"))?);
        native.push(speeds(&step("for this one").env("RUSTFLAGS", "-Ctarget-cpu=native"))?);
    }
    print!("{}", table(&best(&plain), &best(&native)));
    Ok(())
}

/// Both builds stay in folders of their own: with other flags cargo would build all anew.
fn step(name: &str) -> Step {
    let dir = if name == "for this one" { "target/native" } else { "target/plain" };
    let args = [
        "run",
        "--release",
        "--quiet",
        "--package",
        "keepstone-format",
        "--example",
        "kernels",
        "--target-dir",
        dir,
    ];
    Step::cargo(name, &args)
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
    use super::{best, parse, table};

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
