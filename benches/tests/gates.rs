//! A gate has to fail when something is slower, and only then.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says what it skipped")]

use std::{
    hint::black_box,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use keepstone_benches::{
    Case,
    gate::{self, Options, Outcome, instructions, ratios, stored::Stored},
};

use crate::ALONE;

const LOOPS: [&str; 2] = ["delta between, 1 KB", "container write, columns 24 KB"];

fn options(gates: &Path, accept: bool) -> Options {
    Options { gates: gates.to_owned(), accept, ..Options::new() }
}

fn counted(gates: &Path, accept: bool, planted: u32) -> Outcome {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_keepstone-gate"));
    gate::instructions_of(&options(gates, accept), &program, &LOOPS, planted).unwrap()
}

#[test]
fn a_tenth_more_in_a_counted_loop_fails_and_equal_work_passes() {
    if instructions::valgrind().is_none() {
        println!("skipped: no valgrind");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    assert!(counted(dir.path(), false, 0).skipped.unwrap().contains("nothing was ever counted"));
    assert_eq!(counted(dir.path(), true, 0).rows, LOOPS.len());

    let equal = counted(dir.path(), false, 0);
    assert_eq!(
        (equal.rows, equal.failures.as_slice(), equal.notes.as_slice()),
        (LOOPS.len(), &[][..], &[][..])
    );

    // One call of ten is one too many.
    let planted = counted(dir.path(), false, 1);
    let failed: Vec<&str> = planted.failures.iter().map(|failure| failure.row.as_str()).collect();
    assert_eq!(failed, LOOPS, "{planted}");
    for failure in &planted.failures {
        let figure = &failure.figure;
        // The loop around the calls is counted once.
        assert!(figure.contains(" 9.9 % more") || figure.contains(" 10.0 % more"), "{planted}");
    }
}

#[test]
fn figures_of_another_compiler_are_not_held_and_say_so() {
    if instructions::valgrind().is_none() {
        println!("skipped: no valgrind");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let text = format!("made with: rustc 1.0.0\n{}: 1\n", LOOPS[0]);
    Stored::parse(&text).unwrap().write(dir.path(), "instructions").unwrap();
    let outcome = counted(dir.path(), false, 0);
    assert!(outcome.failures.is_empty());
    assert!(outcome.to_string().contains("SKIPPED: counted with rustc 1.0.0; here is rustc"), "{outcome}");
}

/// A case whose own side does so many halves of what its floor does.
fn halves(count: usize) -> Case {
    let data = black_box(vec![1_u8; 1 << 16]);
    let same = data.clone();
    let sum = |data: &[u8], halves: usize| {
        for _ in 0..halves {
            black_box(crc32fast::hash(black_box(data)));
        }
        Ok(())
    };
    Case::new("planted", "64 KB").ours(move |watch| watch.together(|| sum(&data, count))).floor(
        1.0,
        "the same",
        move |watch| watch.together(|| sum(&same, 2)),
    )
}

#[test]
fn half_more_than_the_floor_fails_a_ratio_and_equal_work_passes() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let times = [Duration::from_millis(200), Duration::from_secs(1)];
    let check = |count: usize, failures: usize| {
        let mut outcome = Outcome::of_ratios();
        ratios::hold_case(&mut outcome, &mut halves(count), 1.2, times).unwrap();
        assert_eq!((outcome.rows, outcome.failures.len()), (1, failures), "{outcome}");
        outcome.to_string()
    };
    check(2, 0);
    let said = check(3, 1);
    for part in
        ["FAILED planted/64 KB", "limit   1.2 times its floor", "95 % bounds", "with a comment that says why"]
    {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn ratios_that_are_left_out_are_written_nowhere() {
    for flag in ["--counted", "--accept"] {
        let mut gate = Command::new(env!("CARGO_BIN_EXE_keepstone-gate"));
        let output = gate.args([flag, "--json", "ratios.json"]).output().unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("`--json` writes the ratios"), "{said}");
    }
}
