//! `cargo xtask torture`: the command on a real file system, killed, refused by the system, and out of space.
//!
//! What it does not find out is what a power cut does: that is what the crash sweeps are for.

mod full;
mod killed;
mod refused;
mod writer;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::step::Step;

#[derive(Debug, PartialEq, Eq)]
struct Options {
    /// Kills of a writer.
    kills: u32,
    seed: u64,
}

#[expect(clippy::disallowed_methods, reason = "files that nobody keeps")]
pub(crate) fn run(args: &[String]) -> Result<()> {
    let options = parse(args)?;
    Step::cargo("build of the command", &["build", "--package", "keepstone-cli"]).run()?;
    let command = command()?;
    let dir = std::env::temp_dir().join(format!("keepstone-torture-{}", std::process::id()));
    std::fs::create_dir_all(&dir).context("a directory for the logs")?;
    println!("torture with seed {} in {}", options.seed, dir.display());
    let done = killed::run(&command, &dir, options.kills, options.seed)
        .and_then(|()| refused::run(&command, &dir))
        .and_then(|()| full::run(&command, &dir));
    if done.is_ok() {
        std::fs::remove_dir_all(&dir).context("the directory of the logs is left")?;
    }
    done
}

/// The command that was just built.
fn command() -> Result<PathBuf> {
    let metadata = cargo_metadata::MetadataCommand::new().no_deps().exec()?;
    let command =
        metadata.target_directory.join("debug").join(format!("keepstone{}", std::env::consts::EXE_SUFFIX));
    if !command.is_file() {
        bail!("{command} was not built");
    }
    Ok(command.into())
}

fn parse(args: &[String]) -> Result<Options> {
    let mut options = Options { kills: 40, seed: 1 };
    let mut args = args.iter();
    while let Some(flag) = args.next() {
        let value = args.next().with_context(|| format!("`{flag}` needs a number after it"))?;
        let number: u32 =
            value.parse().with_context(|| format!("`{flag}` needs a whole number, found `{value}`"))?;
        match flag.as_str() {
            "--kills" => options.kills = number,
            "--seed" => options.seed = number.into(),
            _ => bail!("torture knows only `--kills N` and `--seed S`, found `{flag}`"),
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_flags_take_numbers_and_nothing_else() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(parse(&words("--kills 3 --seed 9")).unwrap(), Options { kills: 3, seed: 9 });
        for wrong in ["--kills", "--kills many", "--other 1"] {
            assert!(parse(&words(wrong)).is_err(), "{wrong}");
        }
    }
}
