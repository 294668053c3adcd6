//! Random schedules against the rules said straightforwardly.

use std::{panic::catch_unwind, time::Duration};

use keepstone_checkpoint::{AutoSession, Automatic, CheckpointStore, Due, Query, Session, Trigger};
use keepstone_testkit::{Random, effort};

use super::{SECOND, cause, failures::Broken};

/// What a policy says, in nanoseconds.
#[derive(Debug, Clone, Default)]
struct Rules {
    interval: Option<i128>,
    bytes: Option<u64>,
    events: Vec<&'static str>,
    throttle: i128,
    at_most: Option<(usize, i128)>,
    back_off: i128,
}

/// Something that happened: when, and how many times had been told by then.
#[derive(Debug, Clone, Copy)]
struct Moment {
    time: i64,
    told: usize,
}

/// All that has happened, from the beginning on. Nothing is ever forgotten or brought on.
#[derive(Debug, Default)]
struct Model {
    rules: Rules,
    told: Vec<i64>,
    base: Option<Moment>,
    made: Vec<Moment>,
    /// Failures since the last checkpoint.
    failed: Vec<Moment>,
    /// Events and bytes since the last checkpoint.
    events: Vec<&'static str>,
    bytes: u64,
    /// The sequence of the head that counts already.
    seen: Option<u64>,
}

impl Model {
    fn here(&self) -> Moment {
        let time = *self.told.last().unwrap();
        Moment { time, told: self.told.len() - 1 }
    }

    /// How long ago something was: it was no later than any time that was told since.
    fn ago(&self, moment: Moment) -> i128 {
        let earliest = self.told[moment.told..].iter().copied().min().unwrap().min(moment.time);
        i128::from(*self.told.last().unwrap()) - i128::from(earliest)
    }

    fn tell(&mut self, now: i64) {
        self.told.push(now);
        let here = self.here();
        self.base.get_or_insert(here);
    }

    fn due(&mut self, head: Option<(u64, i64)>) -> Option<String> {
        let doubled = 1 << self.failed.len().saturating_sub(1).min(6);
        let backs_off =
            self.failed.last().is_some_and(|failed| self.ago(*failed) < self.rules.back_off * doubled);
        let is_near = self.made.last().is_some_and(|made| self.ago(*made) < self.rules.throttle);
        let is_many = self.rules.at_most.is_some_and(|(count, within)| {
            self.made.iter().filter(|made| self.ago(**made) < within).count() >= count
        });
        if backs_off || is_near || is_many {
            return None;
        }
        if let Some(event) = self.events.first() {
            return Some((*event).to_owned());
        }
        if self.rules.bytes.is_some_and(|bytes| self.bytes >= bytes.max(1)) {
            return Some("bytes changed".to_owned());
        }
        let is_over = |model: &Self| {
            let elapsed = model.ago(model.base.unwrap());
            model.rules.interval.is_some_and(|interval| elapsed >= interval)
        };
        if is_over(self) {
            self.look(head);
        }
        is_over(self).then(|| "interval".to_owned())
    }

    /// A head that somebody else has made counts for the interval, once.
    fn look(&mut self, head: Option<(u64, i64)>) {
        let Some((sequence, time)) = head.filter(|(sequence, _)| self.seen != Some(*sequence)) else {
            return;
        };
        self.seen = Some(sequence);
        let other = Moment { time, ..self.here() };
        if self.ago(other) < self.ago(self.base.unwrap()) {
            self.base = Some(other);
        }
    }

    fn holds_all(&mut self) {
        self.base = Some(self.here());
        (self.events, self.bytes, self.failed) = (Vec::new(), 0, Vec::new());
    }
}

/// A session, what makes its checkpoints, and what it has to do.
struct History {
    random: Random,
    session: Session,
    policy: Automatic,
    auto: AutoSession,
    model: Model,
    now: i64,
    made: u64,
}

const EVENTS: [&str; 3] = ["hit", "answer", "unknown"];

fn span(random: &mut Random) -> i64 {
    match random.index(8) {
        0 => 0,
        1 => i64::MAX,
        _ => i64::try_from(random.below(20)).unwrap() * SECOND,
    }
}

fn duration(nanoseconds: i64) -> Duration {
    Duration::from_nanos(nanoseconds.unsigned_abs())
}

fn policy(random: &mut Random) -> (Automatic, Rules) {
    let (mut policy, mut rules) = (Automatic::new(), Rules::default());
    if random.one_in(2) {
        let interval = span(random);
        (policy, rules.interval) = (policy.every(duration(interval)), Some(interval.into()));
    }
    if random.one_in(2) {
        let bytes = random.below(50);
        (policy, rules.bytes) = (policy.after_bytes(bytes), Some(bytes));
    }
    for event in &EVENTS[..random.index(3)] {
        policy = policy.on(*event);
        rules.events.push(event);
    }
    if random.one_in(2) {
        let throttle = span(random) / 2;
        (policy, rules.throttle) = (policy.throttle(duration(throttle)), throttle.into());
    }
    if random.one_in(3) {
        let (count, within) = (random.index(4), span(random));
        policy = policy.at_most(u32::try_from(count).unwrap(), duration(within));
        rules.at_most = Some((count, within.into()));
    }
    let back_off = i64::try_from(random.below(3)).unwrap() * SECOND;
    rules.back_off = back_off.into();
    (policy.back_off(duration(back_off)), rules)
}

impl History {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let session = CheckpointStore::in_memory().session("main").unwrap();
        let (policy, rules) = policy(&mut random);
        let auto = session.automatic(policy.clone()).unwrap();
        let model = Model { rules, ..Model::default() };
        Self { random, session, policy, auto, model, now: 0, made: 0 }
    }

    fn head(&self) -> Option<(u64, i64)> {
        self.session.head().unwrap().map(|head| (head.sequence.0, head.time.unwrap()))
    }

    fn pass(&mut self) {
        self.now = match self.random.index(40) {
            0 => i64::MIN,
            1 => i64::MAX,
            2 => self.now.saturating_sub(span(&mut self.random)),
            3..10 => self.now,
            _ => self.now.saturating_add(i64::try_from(self.random.below(4)).unwrap() * SECOND),
        };
        if self.now == i64::MAX && self.random.one_in(2) {
            self.now = 0;
        }
    }

    fn step(&mut self) {
        self.pass();
        let now = Some(self.now);
        match self.random.index(16) {
            0..3 => {
                let event = EVENTS[self.random.index(3)];
                let counts = self.model.rules.events.contains(&event);
                assert_eq!(self.auto.event(event), counts);
                self.model.events.extend(counts.then_some(event));
            }
            3..6 => {
                let bytes = self.random.below(40);
                self.auto.changed(bytes);
                self.model.bytes += bytes;
            }
            6 => drop(self.session.checkpoint(&self.now).at(self.now).commit().unwrap()),
            7 => {
                self.auto.checkpointed(now).unwrap();
                self.model.tell(self.now);
                self.model.holds_all();
            }
            8 => self.begin_again(),
            9 | 10 => {
                self.model.tell(self.now);
                let expected = self.model.due(self.head());
                let failed = self.auto.poll(now, &Broken).is_err();
                assert_eq!(failed, expected.is_some(), "{:?}", self.model);
                let here = self.model.here();
                self.model.failed.extend(failed.then_some(here));
            }
            _ => self.poll(),
        }
    }

    fn poll(&mut self) {
        self.model.tell(self.now);
        let expected = self.model.due(self.head());
        let due = self.auto.due(Some(self.now)).unwrap();
        assert_eq!(due.as_ref().map(|due| due.cause().to_string()), expected, "{:?}", self.model);
        if let Some(Due::Changed(bytes)) = due {
            assert_eq!(bytes, self.model.bytes);
        }
        self.see_next(due.is_some());
        let made = self.auto.poll(Some(self.now), &self.made).unwrap();
        assert_eq!(made.as_ref().map(cause), expected);
        if let Some(made) = made {
            let here = self.model.here();
            self.model.made.push(here);
            self.model.holds_all();
            self.model.seen = Some(made.checkpoint.sequence.0);
            self.made += 1;
        }
    }

    /// What comes due by itself does so when it was said to, and not before.
    fn see_next(&mut self, is_due: bool) {
        let head = self.head();
        self.model.look(head);
        let next = self.auto.next_due(Some(self.now)).unwrap();
        assert_eq!(next == Some(self.now), is_due, "{next:?}");
        let due = |at: i64| self.auto.clone().due(Some(at)).unwrap();
        match next {
            Some(next) if next > self.now => {
                assert!(due(next - 1).is_none() && due(next).is_some(), "{next}");
            }
            Some(_) => {}
            None => assert!(due(i64::MAX).is_none()),
        }
    }

    /// The program ends, and another goes on from what the store knows.
    fn begin_again(&mut self) {
        self.auto = self.session.automatic(self.policy.clone()).unwrap();
        let all = self.session.store().list(&Query::new()).unwrap();
        let of_before = all.iter().filter(|found| matches!(found.trigger, Trigger::Automatic(_)));
        // The times of earlier ones are told, so to speak.
        let told: Vec<i64> = of_before.filter_map(|found| found.time).collect();
        let made = told.iter().enumerate().map(|(place, time)| Moment { time: *time, told: place }).collect();
        let head = self.head();
        let base = head.map(|(_, time)| Moment { time, told: told.len() });
        let seen = head.map(|(sequence, _)| sequence);
        let rules = self.model.rules.clone();
        self.model = Model { rules, told, base, made, seen, ..Model::default() };
    }
}

/// Random histories; how many checkpoints they have made.
pub(crate) fn histories(count: u64) -> u64 {
    let history = |seed: u64| {
        let mut history = History::new(seed);
        (0..120).for_each(|_| history.step());
        history.made
    };
    let seeds = (0..count * effort::scale()).map(|seed| effort::seed().wrapping_add(seed));
    seeds.map(|seed| catch_unwind(|| history(seed)).unwrap_or_else(|_| panic!("seed {seed}"))).sum()
}

#[test]
fn checkpoints_are_made_when_the_rules_say_so_and_not_else() {
    let made = histories(400);
    assert!(made > 2000, "{made}");
}
