mod always;
mod bound;
mod calendar;
mod random;
mod rules;

use std::sync::Arc;

use keepstone_format::Codec;

use super::{Plan, Policy, calendar::Civil};
use crate::{
    catalog::Catalog,
    checkpoint::{Facts, Fields, StateLayout},
    form::{Body, Form, Place},
    id::{ContentId, Prefix, Sequence},
    op::{Cause, NewCheckpoint, Op, Parent},
    trigger::Trigger,
};

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 24 * 3600 * SECOND;
/// The grace of all plans here.
const GRACE: i64 = 30 * DAY;

/// A catalog that is made by hand.
struct Story(Catalog);

/// What is said about a checkpoint.
#[derive(Clone, Copy, Default)]
struct Note {
    time: Option<i64>,
    tags: &'static [&'static str],
    annotation: Option<&'static str>,
    locked: bool,
    bytes: usize,
    base: Option<u64>,
}

impl Story {
    /// With the session `main`, whose branch 0 is.
    fn new() -> Self {
        let mut story = Self(Catalog::default());
        story.apply(Op::Writer(Prefix([7; 8])));
        story.session("main");
        story
    }

    fn apply(&mut self, op: Op) {
        self.0.apply(op).unwrap();
    }

    /// Begins a session, and answers its first branch.
    fn session(&mut self, name: &str) -> u32 {
        let session = self.0.next_session().unwrap();
        self.apply(Op::Session { name: name.into(), time: None, metadata: Fields::new() });
        self.branch(session, "main", None)
    }

    fn branch(&mut self, session: u32, name: &str, head: Option<u64>) -> u32 {
        let branch = self.0.next_branch().unwrap();
        self.apply(Op::Branch { session, name: name.into(), head: head.map(Sequence) });
        branch
    }

    fn make(&mut self, branch: u32, note: Note) -> u64 {
        let Note { time, tags, annotation, locked, bytes, base } = note;
        let annotations = annotation.map(|key| (key.to_owned(), "said".to_owned()));
        let form = base.map_or(Form::Full(Codec::None), |base| Form::Delta(Sequence(base)));
        let sequence = self.0.next_sequence().0;
        self.apply(Op::Checkpoint(Box::new(NewCheckpoint {
            id: None,
            branch,
            parent: Parent::Head,
            time,
            trigger: Trigger::Manual,
            message: "".into(),
            tags: tags.iter().map(|tag| Arc::from(*tag)).collect(),
            annotations: annotations.into_iter().collect(),
            locked,
            facts: Facts::default(),
            layout: StateLayout::Bytes,
            len: 1000,
            content: ContentId::of(b""),
            body: Body { form, place: Place::Journal(vec![0; bytes].into()) },
        })));
        sequence
    }

    /// Makes so many on a branch.
    fn more(&mut self, branch: u32, count: usize) {
        for _ in 0..count {
            self.make(branch, Note::default());
        }
    }

    /// Makes one at each of these times.
    fn at(times: &[i64]) -> Self {
        let mut story = Self::new();
        for time in times {
            story.make(0, Note { time: Some(*time), ..Note::default() });
        }
        story
    }

    /// Moves the head of a branch, and answers the number of the move.
    fn restore(&mut self, branch: u32, to: u64, time: Option<i64>) -> u64 {
        self.apply(Op::Head { branch, to: Some(Sequence(to)), cause: Cause::Restore, time });
        self.0.moves().last().unwrap().number
    }

    fn plan(&self, policy: &Policy, now: Option<i64>) -> Plan {
        Plan::new(policy, &self.0, now, GRACE)
    }

    /// What stays.
    fn kept(&self, policy: &Policy) -> Vec<u64> {
        kept(&self.plan(policy, None))
    }
}

fn kept(plan: &Plan) -> Vec<u64> {
    plan.kept().iter().map(|kept| kept.checkpoint.sequence.0).collect()
}

fn gone(plan: &Plan) -> Vec<u64> {
    plan.gone().iter().map(|gone| gone.sequence.0).collect()
}

/// Why one stays, as text.
fn why(plan: &Plan, sequence: u64) -> String {
    let kept = plan.kept().iter().find(|kept| kept.checkpoint.sequence.0 == sequence);
    let reasons = kept.map(|kept| kept.reasons.iter().map(ToString::to_string).collect::<Vec<_>>());
    reasons.unwrap_or_default().join(", ")
}

/// A time in UTC.
fn utc(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64) -> i64 {
    Civil { year, month, day }.to_day() * DAY + ((hour * 60 + minute) * 60 + second) * SECOND
}
