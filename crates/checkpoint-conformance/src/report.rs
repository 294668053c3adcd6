use std::fmt;

use crate::group::Group;

/// What came of a suite. Its text is a table: a line for each group, and one for each check that has not passed.
#[derive(Debug, Clone)]
#[must_use = "a report may say that checks have failed"]
pub struct Report {
    seed: u64,
    groups: Vec<GroupReport>,
}

/// What came of a group.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct GroupReport {
    /// The group.
    pub group: Group,
    /// Its checks; all of them, whether they were run or not.
    pub checks: Vec<CheckReport>,
}

/// What came of a check.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CheckReport {
    /// What it claims: a sentence.
    pub claim: String,
    /// Whether that holds.
    pub outcome: Outcome,
}

/// Whether a claim holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It holds, as far as was tried.
    Passed,
    /// It doesn't: what was done, what was found, what had to be.
    Failed(String),
    /// It was not tried, and why.
    Skipped(String),
}

impl Report {
    pub(crate) fn new(seed: u64, groups: Vec<GroupReport>) -> Self {
        Self { seed, groups }
    }

    /// All groups, in the order in which they were run.
    pub fn groups(&self) -> &[GroupReport] {
        &self.groups
    }

    /// Whether every check of every group was run and has passed. Nothing less makes a backend one that a store can rely on.
    pub fn is_complete(&self) -> bool {
        Group::ALL.iter().all(|group| {
            let found = self.groups.iter().find(|found| found.group == *group);
            found.is_some_and(|found| {
                found.checks.len() == group.checks().len()
                    && found.checks.iter().all(|check| check.outcome == Outcome::Passed)
            })
        })
    }

    /// Whether no check has failed. Some may not have been run: see [`is_complete`](Self::is_complete).
    pub fn has_passed(&self) -> bool {
        self.failed().next().is_none()
    }

    /// The checks that have failed, and their groups.
    pub fn failed(&self) -> impl Iterator<Item = (Group, &CheckReport)> {
        self.all().filter(|(_, check)| matches!(check.outcome, Outcome::Failed(_)))
    }

    /// The checks that were not run, and their groups.
    pub fn skipped(&self) -> impl Iterator<Item = (Group, &CheckReport)> {
        self.all().filter(|(_, check)| matches!(check.outcome, Outcome::Skipped(_)))
    }

    /// All checks, and their groups.
    pub fn all(&self) -> impl Iterator<Item = (Group, &CheckReport)> {
        self.groups.iter().flat_map(|group| group.checks.iter().map(|check| (group.group, check)))
    }

    /// Does nothing if the report is [complete](Self::is_complete): the last line of a test.
    ///
    /// # Panics
    /// If it is not; with the table.
    pub fn assert_complete(&self) {
        assert!(self.is_complete(), "{self}");
    }
}

impl GroupReport {
    pub(crate) fn new(group: Group, checks: Vec<CheckReport>) -> Self {
        Self { group, checks }
    }

    fn count(&self, is: impl Fn(&Outcome) -> bool) -> usize {
        self.checks.iter().filter(|check| is(&check.outcome)).count()
    }
}

impl CheckReport {
    pub(crate) fn new(name: &str, outcome: Outcome) -> Self {
        Self { claim: name.replace('_', " "), outcome }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut passed, mut failed, mut skipped) = (0, 0, 0);
        writeln!(f, "{:<14}{:>7}{:>7}{:>8}", "group", "passed", "failed", "skipped")?;
        for group in &self.groups {
            let counts = [
                group.count(|outcome| *outcome == Outcome::Passed),
                group.count(|outcome| matches!(outcome, Outcome::Failed(_))),
                group.count(|outcome| matches!(outcome, Outcome::Skipped(_))),
            ];
            let [of_passed, of_failed, of_skipped] = counts;
            writeln!(f, "{:<14}{of_passed:>7}{of_failed:>7}{of_skipped:>8}", group.group.to_string())?;
            (passed, failed, skipped) = (passed + of_passed, failed + of_failed, skipped + of_skipped);
        }
        for (group, check) in self.failed() {
            if let Outcome::Failed(why) = &check.outcome {
                writeln!(f, "failed: {group}: {}\n    {why}", check.claim)?;
            }
        }
        let mut reasons: Vec<(Group, &str, usize)> = Vec::new();
        for (group, check) in self.skipped() {
            let Outcome::Skipped(why) = &check.outcome else { continue };
            match reasons.last_mut().filter(|last| last.0 == group && last.1 == why) {
                Some(last) => last.2 += 1,
                None => reasons.push((group, why, 1)),
            }
        }
        for (group, why, count) in reasons {
            writeln!(f, "skipped: {group}: {count} checks: {why}")?;
        }
        let verdict = if self.is_complete() { "complete" } else { "not complete" };
        write!(f, "{verdict}: {passed} passed, {failed} failed, {skipped} skipped, with seed {}", self.seed)
    }
}
