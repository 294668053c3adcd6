use std::{
    any::Any,
    fmt,
    panic::{self, AssertUnwindSafe},
    sync::Arc,
};

use keepstone_storage::Files;
use thiserror::Error;

use crate::{Fault, FaultFiles, Until};

/// One planned fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultCase {
    /// The number of the call that meets it, from 0.
    pub at: u64,
    /// What goes wrong.
    pub fault: Fault,
    /// For how long.
    pub until: Until,
}

/// What a fault sweep that found nothing has gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FaultsSwept {
    /// Calls that a run makes when all goes well.
    pub calls: u64,
    /// Faults planned: each call with each fault, once and from then on.
    pub cases: u64,
}

/// What a fault sweep found wrong.
#[derive(Debug, Error)]
#[error("{} of {cases} faults are not handled:\n{}", failed.len(), Lines(failed))]
pub struct FaultsFailed {
    /// Faults planned.
    pub cases: u64,
    /// Those that did not pass, and what was said.
    pub failed: Vec<(FaultCase, String)>,
}

/// Lets every call of `run` meet every fault, once and from then on, each on a fresh disk.
///
/// `disk` makes a disk as it is before the run, without faults. `run` works on it through the faults.
/// `check` gets the disk without them, since the cause is gone then, what `run` answered, and the case;
/// it returns what is wrong. A panic in either is wrong too.
///
/// # Errors
/// [`FaultsFailed`] with all cases that did not pass.
pub fn fault_sweep<T>(
    faults: &[Fault],
    mut disk: impl FnMut() -> Arc<dyn Files>,
    mut run: impl FnMut(&FaultFiles) -> T,
    mut check: impl FnMut(&Arc<dyn Files>, T, FaultCase) -> Result<(), String>,
) -> Result<FaultsSwept, FaultsFailed> {
    let unharmed = FaultFiles::over(disk(), u64::MAX, Fault::Io, Until::Once);
    run(&unharmed);
    let calls = unharmed.calls();
    let mut failed = Vec::new();
    let mut cases = 0;
    for at in 0..calls {
        for &fault in faults {
            for until in [Until::Once, Until::Forever] {
                let case = FaultCase { at, fault, until };
                let disk = disk();
                let tapped = FaultFiles::over(Arc::clone(&disk), at, fault, until);
                let passed = caught(|| {
                    let answer = run(&tapped);
                    check(&disk, answer, case)
                });
                failed.extend(passed.err().map(|reason| (case, reason)));
                cases += 1;
            }
        }
    }
    if failed.is_empty() { Ok(FaultsSwept { calls, cases }) } else { Err(FaultsFailed { cases, failed }) }
}

/// Turns a panic into an error.
pub(crate) fn caught(work: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(said(&*panic)))
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or("with something that is no text"))
}

impl fmt::Display for FaultCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call {}, {:?}, {:?}", self.at, self.fault, self.until)
    }
}

struct Lines<'a>(&'a [(FaultCase, String)]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(case, reason)| writeln!(f, "  {case}: {reason}"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use keepstone_storage::{Error, MemFiles};

    use super::*;

    const PATH: &str = "a";

    fn prepared() -> Arc<dyn Files> {
        let disk = MemFiles::new();
        let file = disk.create_new(Path::new(PATH)).unwrap();
        file.write_all_at(&[0; 64], 0).unwrap();
        Arc::new(disk)
    }

    fn read(files: &FaultFiles) -> Result<Vec<u8>, Error> {
        let mut found = vec![1; 64];
        files.open(Path::new(PATH))?.read_full_at(&mut found, 0)?;
        Ok(found)
    }

    #[test]
    fn every_call_meets_every_fault_once_and_from_then_on() {
        let mut cases = Vec::new();
        let swept = fault_sweep(&Fault::ALL, prepared, read, |_, _, case| {
            cases.push(case);
            Ok(())
        });
        // To open and to read.
        assert_eq!(swept.unwrap(), FaultsSwept { calls: 2, cases: 2 * 8 * 2 });
        let case = FaultCase { at: 1, fault: Fault::BitFlip, until: Until::Forever };
        assert_eq!((cases.len(), cases.last()), (32, Some(&case)));
    }

    #[test]
    fn an_error_that_is_not_handled_is_listed_and_so_is_a_panic() {
        let open = |files: &FaultFiles| drop(files.open(Path::new(PATH)).unwrap());
        let failed = fault_sweep(&[Fault::Io], prepared, open, |_, (), _| Ok(())).unwrap_err();
        assert_eq!((failed.cases, failed.failed.len()), (2, 2));
        let said = failed.to_string();
        assert!(said.starts_with("2 of 2 faults are not handled:\n  call 0, Io, Once: panicked: "), "{said}");
        let failed = fault_sweep(&[Fault::Io], prepared, read, |_, found, case| match found {
            Err(_) if case.at == 1 => Err("not read".to_owned()),
            _ => Ok(()),
        });
        let cases = failed.unwrap_err().failed;
        assert!(cases.iter().all(|(case, reason)| case.at == 1 && reason == "not read"), "{cases:?}");
        assert_eq!(cases.len(), 2);
    }

    #[test]
    fn a_read_has_one_bit_turned_over_and_the_file_has_not() {
        let disk = prepared();
        for (at, expected) in [(1, 1), (2, 0)] {
            let found = read(&FaultFiles::over(Arc::clone(&disk), at, Fault::BitFlip, Until::Once)).unwrap();
            let bits: u32 = found.iter().map(|byte| byte.count_ones()).sum();
            assert_eq!(bits, expected);
        }
    }
}
