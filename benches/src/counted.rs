//! Inner loops whose instructions are counted: each works on fixed data, in memory, in one thread.
//!
//! No checksum is among them by itself: valgrind hides AVX-512, so it would count a kernel that nobody runs.

mod loops;

use std::hint::black_box;

use anyhow::{Context, Result};

/// The name of the function whose instructions are counted, with all that it calls.
pub const REGION: &str = "keepstone_counted_region";
/// Calls that are counted together.
pub const CALLS: u32 = 10;
/// What is set up at first use is not counted.
const WARM_UP_CALLS: u32 = 2;

/// What is counted; the number that it returns keeps its work from being optimized away.
pub type Work = Box<dyn FnMut() -> Result<usize>>;

/// One of them.
#[derive(Debug, Clone, Copy)]
pub struct Loop {
    /// What it is called.
    pub name: &'static str,
    build: fn() -> Result<Work>,
}

/// All of them.
pub fn all() -> &'static [Loop] {
    &loops::ALL
}

/// Runs a loop: a few calls to warm up, then so many inside of [`REGION`].
///
/// # Errors
/// When there is no such loop, or it fails.
pub fn run(name: &str, calls: u32) -> Result<()> {
    let found = all().iter().find(|known| known.name == name);
    let mut work = (found.with_context(|| format!("there is no loop `{name}`"))?.build)()?;
    for _ in 0..WARM_UP_CALLS {
        black_box(work()?);
    }
    keepstone_counted_region(&mut work, calls)
}

#[inline(never)]
fn keepstone_counted_region(work: &mut Work, calls: u32) -> Result<()> {
    for _ in 0..calls {
        black_box(work()?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Loop, all, run};

    #[test]
    fn every_loop_does_the_same_in_each_call() {
        for Loop { name, build } in all() {
            let mut work = build().unwrap();
            let first = work().unwrap();
            assert!(first > 0, "{name} does nothing");
            assert_eq!(work().unwrap(), first, "{name}");
        }
    }

    #[test]
    fn names_are_known_once_and_others_are_refused() {
        for one in all() {
            assert_eq!(all().iter().filter(|other| other.name == one.name).count(), 1, "{}", one.name);
        }
        assert!(run("no such", 1).unwrap_err().to_string().contains("`no such`"));
    }
}
