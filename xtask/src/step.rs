//! One command: named, timed, and shown again in full when it fails.

use std::env;
use std::fmt;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::crates::root;

/// A cargo call with a name for the log.
#[derive(Debug)]
pub(crate) struct Step {
    name: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
}

impl Step {
    pub(crate) fn cargo<S: AsRef<str>>(name: impl Into<String>, args: &[S]) -> Self {
        let args = args.iter().map(|arg| arg.as_ref().to_owned()).collect();
        Self { name: name.into(), args, env: Vec::new() }
    }

    pub(crate) fn env(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((key.into(), value.into()));
        self
    }

    /// Runs the command with the terminal attached.
    pub(crate) fn run(&self) -> Result<()> {
        timed(&self.name, || {
            println!("    {self}");
            let status = self.command().status().with_context(|| format!("cannot start: {self}"))?;
            if !status.success() {
                bail!("{} failed; run it again with\n\n    {self}\n", self.name);
            }
            Ok(())
        })
    }

    /// Runs the command and returns what it wrote to standard output.
    pub(crate) fn output(&self) -> Result<String> {
        let output = self.command().output().with_context(|| format!("cannot start: {self}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("{} failed; run it again with\n\n    {self}\n\n{said}", self.name);
        }
        String::from_utf8(output.stdout).with_context(|| format!("output is not UTF-8: {self}"))
    }

    fn command(&self) -> Command {
        // Cargo names itself to what it runs; the same toolchain goes on.
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(&self.args).envs(self.env.iter().map(|(key, value)| (key, value))).current_dir(root());
        command
    }
}

/// Shows the command as a shell takes it.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, value) in &self.env {
            write!(f, "{key}={} ", quoted(value))?;
        }
        f.write_str("cargo")?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", quoted(arg)))
    }
}

/// Runs `work` between a line that names it and a line that says how long it took.
pub(crate) fn timed(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("==> {name}");
    let start = Instant::now();
    work()?;
    println!("    {name}: ok in {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::Step;

    #[test]
    fn a_shown_command_can_be_pasted_into_a_shell() {
        let step = Step::cargo("docs", &["doc", "it's", ""]).env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(step.to_string(), r"RUSTDOCFLAGS='-D warnings' cargo doc 'it'\''s' ''");
    }

    #[test]
    fn a_failing_command_is_named_in_the_error() {
        let step = Step::cargo("nonsense", &["no-such-subcommand-here"]);
        let said = step.output().expect_err("cargo knows no such command").to_string();
        assert!(said.contains("cargo no-such-subcommand-here"), "{said}");
    }
}
