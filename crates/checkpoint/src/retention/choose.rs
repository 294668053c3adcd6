use std::{collections::BTreeMap, sync::Arc};

use super::{
    Policy, Reason, Span, always,
    always::Grace,
    policy::{Part, Rule},
};
use crate::{catalog::Catalog, checkpoint::Checkpoint, id::Sequence};

/// Why checkpoints stay; one without a reason goes.
pub(super) struct Reasons<'c> {
    all: &'c [Arc<Checkpoint>],
    found: Vec<Vec<Reason>>,
}

impl<'c> Reasons<'c> {
    /// What a policy finds.
    pub(super) fn of(catalog: &'c Catalog, policy: &Policy, now: Option<i64>, grace: i64) -> Self {
        let all = catalog.all();
        let mut reasons = Self { all, found: vec![Vec::new(); all.len()] };
        let grace = Grace { now, nanoseconds: grace };
        always::keep(catalog, (!policy.ends_undo).then_some(grace), &mut reasons);
        for (index, checkpoint) in all.iter().enumerate() {
            if !policy.parts.iter().any(|part| part.is_for(checkpoint)) {
                reasons.add(index, Reason::Elsewhere);
            }
        }
        for part in &policy.parts {
            reasons.keep_by(part, now);
        }
        reasons
    }

    /// Those of all checkpoints, by sequence.
    pub(super) fn found(&self) -> &[Vec<Reason>] {
        &self.found
    }

    /// Those of one checkpoint.
    pub(super) fn at(&self, sequence: Sequence) -> &[Reason] {
        let index = self.index_of(sequence);
        index.and_then(|index| self.found.get(index)).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn add(&mut self, index: usize, reason: Reason) {
        if let Some(found) = self.found.get_mut(index).filter(|found| !found.contains(&reason)) {
            found.push(reason);
        }
    }

    pub(super) fn add_at(&mut self, sequence: Sequence, reason: Reason) {
        if let Some(index) = self.index_of(sequence) {
            self.add(index, reason);
        }
    }

    fn index_of(&self, sequence: Sequence) -> Option<usize> {
        self.all.binary_search_by_key(&sequence, |checkpoint| checkpoint.sequence).ok()
    }

    fn keep_by(&mut self, part: &Part, now: Option<i64>) {
        let all = self.all;
        let mut groups: BTreeMap<(u32, Option<u32>), Vec<usize>> = BTreeMap::new();
        let mut of_part = Vec::new();
        for (index, checkpoint) in all.iter().enumerate().filter(|(_, checkpoint)| part.is_for(checkpoint)) {
            let branch = part.per_branch.then_some(checkpoint.branch_number);
            groups.entry((checkpoint.session_number, branch)).or_default().push(index);
            of_part.push(index);
        }
        if part.rules.is_empty() {
            for index in &of_part {
                self.add(*index, Reason::NoRule);
            }
        }
        if part.is_time_alone() {
            let untimed =
                of_part.iter().filter(|index| all.get(**index).is_some_and(|found| found.time.is_none()));
            untimed.for_each(|index| self.add(*index, Reason::NoTime));
        }
        for rule in &part.rules {
            match rule {
                Rule::Last(count) => {
                    let last = groups.values().flat_map(|group| group.iter().rev().take(*count));
                    last.for_each(|index| self.add(*index, Reason::Last));
                }
                Rule::LastOfAll(count) => {
                    of_part.iter().rev().take(*count).for_each(|index| self.add(*index, Reason::Last));
                }
                Rule::LastOf(span, count) => {
                    for group in groups.values() {
                        let last = last_of(all, group, *span);
                        last.into_values().rev().take(*count).for_each(|(_, index)| {
                            self.add(index, Reason::LastOf(*span));
                        });
                    }
                }
                rule => self.keep_each(rule, &of_part, now),
            }
        }
    }

    /// Goes by a rule that looks at one checkpoint at a time.
    fn keep_each(&mut self, rule: &Rule, of_part: &[usize], now: Option<i64>) {
        for index in of_part {
            let Some(checkpoint) = self.all.get(*index) else { continue };
            if let Some(reason) = reason(rule, checkpoint, now) {
                self.add(*index, reason);
            }
        }
    }
}

/// The last checkpoint of each span, the oldest span first.
fn last_of(all: &[Arc<Checkpoint>], group: &[usize], span: Span) -> BTreeMap<i64, (i64, usize)> {
    let mut last: BTreeMap<i64, (i64, usize)> = BTreeMap::new();
    for index in group {
        let Some(time) = all.get(*index).and_then(|checkpoint| checkpoint.time) else { continue };
        let found = last.entry(span.of(time)).or_insert((time, *index));
        // Of those with one time the last one in the order of the store.
        *found = (*found).max((time, *index));
    }
    last
}

/// Why a rule that looks at one checkpoint at a time keeps it.
fn reason(rule: &Rule, checkpoint: &Checkpoint, now: Option<i64>) -> Option<Reason> {
    match rule {
        Rule::Within(nanoseconds) => {
            let time = checkpoint.time?;
            let Some(now) = now else { return Some(Reason::NoTime) };
            (time >= now.saturating_sub(*nanoseconds)).then_some(Reason::Within)
        }
        Rule::Tag(tag) => {
            checkpoint.tags.iter().find(|found| ***found == **tag).map(Arc::clone).map(Reason::Tagged)
        }
        Rule::AnyTag => checkpoint.tags.first().map(Arc::clone).map(Reason::Tagged),
        Rule::Annotated(key) => {
            checkpoint.annotations.contains_key(key).then(|| Reason::Annotated(key.as_str().into()))
        }
        Rule::Ids(ids) => ids.contains(&checkpoint.id).then_some(Reason::Chosen),
        Rule::Last(_) | Rule::LastOfAll(_) | Rule::LastOf(..) => None,
    }
}

impl Part {
    pub(super) fn is_for(&self, checkpoint: &Checkpoint) -> bool {
        self.sessions.is_empty() || self.sessions.iter().any(|name| **name == *checkpoint.session)
    }

    /// Whether nothing but times says what goes.
    fn is_time_alone(&self) -> bool {
        let is_timed = |rule: &Rule| matches!(rule, Rule::Within(_) | Rule::LastOf(..));
        let is_counted = |rule: &Rule| matches!(rule, Rule::Last(_) | Rule::LastOfAll(_));
        self.rules.iter().any(is_timed) && !self.rules.iter().any(is_counted)
    }
}
