use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{
    check::{Bench, Check, Stop},
    group::Group,
    place::Factory,
    report::{CheckReport, GroupReport, Outcome, Report},
};

/// How much is tried. Each check is run with any of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Effort {
    /// As much as a test that runs at each change: seconds in memory. Of places to crash at within a recovery, of damaged bytes and of random histories a sample.
    #[default]
    Quick,
    /// Every place to crash at, also within the recovery of each; every byte damaged; longer histories. Minutes in memory.
    Full,
}

/// All checks, about to be run over the backend of a factory.
///
/// ```
/// use keepstone_checkpoint::MemBackend;
/// use keepstone_checkpoint_conformance::{Group, InMemory, Suite};
///
/// let report = Suite::new(|| InMemory::new(MemBackend::new())).only(Group::Objects).run();
/// assert!(report.has_passed());
/// assert!(!report.is_complete(), "the other groups were not run");
/// println!("{report}");
/// ```
#[must_use = "nothing is checked before `run`"]
pub struct Suite<F> {
    factory: F,
    effort: Effort,
    seed: u64,
    only: Vec<Group>,
}

impl<F: Factory> Suite<F> {
    /// A suite over the places that a factory makes.
    pub fn new(factory: F) -> Self {
        Self { factory, effort: Effort::default(), seed: 1, only: Vec::new() }
    }

    /// Sets how much is tried; [`Effort::Quick`] unless told.
    pub fn effort(mut self, effort: Effort) -> Self {
        self.effort = effort;
        self
    }

    /// Sets what random histories begin with; 1 unless told. What is found with a seed is found with it again, threads aside.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Skips all groups but this one; said several times, but these. The report is not complete then.
    pub fn only(mut self, group: Group) -> Self {
        self.only.push(group);
        self
    }

    /// Runs the checks, one after the other. A check that panics has failed.
    pub fn run(&self) -> Report {
        Report::new(self.seed, Group::ALL.iter().map(|group| self.group(*group)).collect())
    }

    fn group(&self, group: Group) -> GroupReport {
        let is_asked_for = self.only.is_empty() || self.only.contains(&group);
        let checks = group.checks().iter().map(|check| {
            let outcome = if is_asked_for {
                self.check(check)
            } else {
                Outcome::Skipped("its group was not asked for".to_owned())
            };
            CheckReport::new(check.name, outcome)
        });
        GroupReport::new(group, checks.collect())
    }

    fn check(&self, check: &Check) -> Outcome {
        // Each check has its own histories, wherever it stands in the list.
        let seed = check.name.bytes().fold(self.seed, |seed, byte| seed.rotate_left(7) ^ u64::from(byte));
        let bench = Bench { factory: &self.factory, effort: self.effort, seed };
        match catch_unwind(AssertUnwindSafe(|| (check.run)(&bench))) {
            Ok(Ok(())) => Outcome::Passed,
            Ok(Err(Stop::Failed(why))) => Outcome::Failed(why),
            Ok(Err(Stop::Skipped(why))) => Outcome::Skipped(why),
            Err(panic) => {
                let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
                let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
                Outcome::Failed(format!("it panicked: {text}"))
            }
        }
    }
}
