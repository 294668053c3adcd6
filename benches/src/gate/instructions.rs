//! Instructions of inner loops: counted by valgrind, so that neither the clock nor a busy machine matters.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, bail, ensure};

use super::{ACCEPT, Outcome, figure, number, output};
use crate::counted::{CALLS, REGION};

/// How much more a loop may need, in hundredths.
const PERCENT: u64 = 1;

/// The version of valgrind, if there is one.
pub fn valgrind() -> Option<String> {
    output("valgrind", &["--version"])
}

/// What else decides how many instructions run: copies and allocations are the C library's, and it picks them by what the processor can do.
pub fn system() -> String {
    let libc = output("getconf", &["GNU_LIBC_VERSION"]).unwrap_or_else(|| "unknown libc".to_owned());
    #[cfg(target_arch = "x86_64")]
    let vectors = if std::arch::is_x86_feature_detected!("avx2") { "avx2" } else { "no avx2" };
    #[cfg(not(target_arch = "x86_64"))]
    let vectors = std::env::consts::ARCH;
    format!("{libc}, {vectors}")
}

/// Counts the instructions that one call of a loop needs, by running `program` with `loop NAME CALLS` under callgrind.
///
/// Of `planted` calls too many nobody but the count knows.
///
/// # Errors
/// When valgrind can't run it, or counted nothing.
pub fn count(program: &Path, name: &str, planted: u32) -> Result<u64> {
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"])
        .arg(format!("--toggle-collect=*{REGION}*"))
        .arg(program)
        .args(["loop", name, &(CALLS + planted).to_string()]);
    // What the caller's environment has would lie on the stack, and move it.
    command.env_clear();
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    let output = command.output().context("cannot start valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("counting `{name}` failed:\n{said}");
    }
    let total = collected(&said).with_context(|| format!("valgrind counted nothing of `{name}`:\n{said}"))?;
    ensure!(total > 0, "no instruction of `{name}` is inside of {REGION}");
    Ok(total / u64::from(CALLS))
}

/// The number in callgrind's last words: `==1== Collected : 4711`.
fn collected(said: &str) -> Option<u64> {
    let figure = said.lines().find_map(|line| line.split_once("Collected :"))?.1;
    figure.split_whitespace().next()?.parse().ok()
}

/// Holds counts against those that are stored.
pub(super) fn compare(stored: &[(String, String)], now: &[(String, String)]) -> Result<Outcome> {
    let mut outcome = Outcome::new("instructions");
    for (row, found) in now {
        outcome.rows += 1;
        let Some(before) = figure(stored, row) else {
            outcome.fail(row, "none is stored", found, ACCEPT);
            continue;
        };
        let (before, found): (u64, u64) = (number(row, before)?, number(row, found)?);
        if found * 100 > before * (100 + PERCENT) {
            let limit = format!("{before} instructions and {PERCENT} %");
            outcome.fail(row, limit, format!("{found} instructions, {}", more(before, found)), ACCEPT);
        } else if found * 100 < before * (100 - PERCENT) {
            outcome.notes.push(format!("{row} needs {found} instead of {before}: `--accept` holds it there"));
        }
    }
    for (row, before) in stored.iter().filter(|(row, _)| figure(now, row).is_none()) {
        outcome.fail(row, format!("{before} instructions"), "there is no such loop", ACCEPT);
    }
    Ok(outcome)
}

fn more(before: u64, found: u64) -> String {
    let thousandths = (found - before.min(found)) * 1000 / before.max(1);
    format!("{}.{} % more", thousandths / 10, thousandths % 10)
}

#[cfg(test)]
mod tests {
    use super::{collected, compare};

    fn rows(rows: &[(&str, &str)]) -> Vec<(String, String)> {
        rows.iter().map(|(row, figure)| ((*row).to_owned(), (*figure).to_owned())).collect()
    }

    #[test]
    fn one_percent_more_is_held_and_more_than_that_fails() {
        let check = |found: &str, failures: usize, notes: usize| {
            let outcome = compare(&rows(&[("a", "1000")]), &rows(&[("a", found)])).unwrap();
            assert_eq!((outcome.failures.len(), outcome.notes.len()), (failures, notes), "{outcome}");
        };
        check("1000", 0, 0);
        check("1010", 0, 0);
        check("1011", 1, 0);
        check("990", 0, 0);
        check("989", 0, 1);
    }

    #[test]
    fn a_failure_tells_row_limit_figure_and_how_to_accept_it() {
        let outcome = compare(&rows(&[("a", "1000")]), &rows(&[("a", "1100")])).unwrap();
        let said = outcome.to_string();
        for part in ["FAILED a", "1000 instructions and 1 %", "1100 instructions, 10.0 % more", "--accept"] {
            assert!(said.contains(part), "{said}");
        }
    }

    #[test]
    fn new_and_missing_loops_fail() {
        let outcome = compare(&rows(&[("a", "1")]), &rows(&[("b", "1")])).unwrap();
        let failed: Vec<_> = outcome.failures.iter().map(|failure| failure.row.as_str()).collect();
        assert_eq!(failed, ["b", "a"]);
        assert!(compare(&rows(&[("a", "many")]), &rows(&[("a", "1")])).is_err());
    }

    #[test]
    fn the_count_is_found_among_what_valgrind_says() {
        assert_eq!(collected("==7== Events    : Ir\n==7== Collected : 4711\n==7==\n"), Some(4711));
        assert_eq!(collected("==7== Command: x\n"), None);
    }
}
