use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::{
    case::{Case, Side, Unit},
    stats::{self, Interval, Stalls},
    watch::Watch,
};

/// Long enough that reading the clock doesn't matter, short enough that a disturbance spoils few rounds.
const SAMPLE_NANOS: f64 = 400_000.0;
const CALLS_MAX: u32 = 4096;
const WARM_UP_CALLS: u32 = 3;
/// Above this the machine was busy with something else, and a ratio near its limit says little.
const SPREAD_MAX: f64 = 0.1;

/// Single calls that are timed, so that one in a hundred is more than one.
const STALLS_MAX: usize = 400;
const STALLS_MIN: usize = 20;

/// How long a case may take.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    rounds_min: usize,
    rounds_max: usize,
    time: Duration,
}

impl Budget {
    /// As many rounds as fit into a time, at least 15 and at most 401.
    pub fn time(time: Duration) -> Self {
        Self { rounds_min: 15, rounds_max: 401, time }
    }

    /// Measures at least so many rounds, however long they take.
    pub fn rounds_min(mut self, rounds: usize) -> Self {
        self.rounds_min = rounds;
        self
    }

    /// A fixed number of rounds.
    pub fn rounds(rounds: usize) -> Self {
        Self { rounds_min: rounds, rounds_max: rounds, time: Duration::MAX }
    }
}

/// What does not depend on the machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Bytes written or read, where the case has such.
    pub bytes: Option<u64>,
    /// Calls to the file system, syncs among them, where the case counts such.
    pub calls: Option<u64>,
    /// Syncs of files and directories.
    pub syncs: u64,
    /// Allocations and reallocations.
    pub allocations: u64,
    /// The most heap that was taken at the same time, in bytes, beside what was there before.
    pub peak: u64,
    /// What else was seen, for below the table.
    pub remarks: Vec<String>,
}

/// One floor's part in the comparison.
#[derive(Debug, Clone)]
pub struct Floor {
    /// What it does.
    pub name: &'static str,
    /// What its time is multiplied with.
    pub weight: f64,
    /// Median time of one call in nanoseconds, before it is weighted.
    pub nanos: f64,
    /// What it needed beside time.
    pub counters: Counters,
}

/// What came out of another program that does the same.
#[derive(Debug, Clone)]
pub struct Rival {
    /// What it is called.
    pub name: String,
    /// Median time of one call in nanoseconds.
    pub nanos: f64,
    /// Median over the rounds of its time divided by ours of the same round: how many times as long it takes.
    pub factor: f64,
    /// The 95 % bounds of that median.
    pub interval: Interval,
    /// Interquartile range of the factor divided by its median.
    pub spread: f64,
    /// What it needed beside time.
    pub counters: Counters,
}

impl Rival {
    /// Returns whether the rounds differ so much that a factor near 1 says little.
    pub fn is_noisy(&self) -> bool {
        self.spread > SPREAD_MAX
    }
}

/// What came out.
#[derive(Debug, Clone)]
pub struct Measured {
    /// The name of the case.
    pub name: String,
    /// The size of its data.
    pub size: String,
    /// Median time of one call of ours in nanoseconds.
    pub ours_nanos: f64,
    /// Median of the weighted sum of the floors in nanoseconds.
    pub floor_nanos: f64,
    /// The floors by themselves.
    pub floors: Vec<Floor>,
    /// Other programs that do the same.
    pub rivals: Vec<Rival>,
    /// Whether they do less than ours.
    pub rivals_promise_less: bool,
    /// Median over the rounds of ours divided by the weighted sum of the floors.
    pub ratio: f64,
    /// The 95 % bounds of that median.
    pub interval: Interval,
    /// Interquartile range of the ratio divided by its median.
    pub spread: f64,
    /// What the lower bound may not exceed.
    pub limit: Option<f64>,
    /// Rounds that were measured.
    pub rounds: usize,
    /// What ours needed beside time.
    pub counters: Counters,
    /// What the times are told by, beside the whole.
    pub unit: Option<Unit>,
    /// Single calls of ours, where somebody waits for them.
    pub stalls: Option<Stalls>,
}

/// Whether a limit is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// There is no limit.
    NoLimit,
    /// The lower bound is not above the limit.
    Met,
    /// It is.
    Missed,
}

impl Measured {
    /// Compares the lower bound with the limit.
    pub fn verdict(&self) -> Verdict {
        match self.limit {
            None => Verdict::NoLimit,
            Some(limit) if self.interval.lower <= limit => Verdict::Met,
            Some(_) => Verdict::Missed,
        }
    }

    /// Returns the rival that takes the least time.
    pub fn best_rival(&self) -> Option<&Rival> {
        self.rivals.iter().min_by(|one, other| one.factor.total_cmp(&other.factor))
    }

    /// Returns whether the rounds differ so much that a ratio near its limit says little.
    pub fn is_noisy(&self) -> bool {
        !self.floors.is_empty() && self.spread > SPREAD_MAX
    }
}

/// Measures a case: all its sides in each round, in an order that is reversed from round to round.
///
/// # Errors
/// That of the first side that fails.
pub fn run(case: &mut Case, budget: Budget) -> Result<Measured> {
    let id = format!("{}/{}", case.name, case.size);
    measure(case, budget).with_context(|| format!("measuring {id}"))
}

/// Counts one call of ours, warmed up, and measures nothing.
pub(crate) fn counters(case: &mut Case) -> Result<Counters> {
    for _ in 0..WARM_UP_CALLS {
        sample(&mut case.ours, 1)?;
    }
    count(&mut case.ours)
}

fn measure(case: &mut Case, budget: Budget) -> Result<Measured> {
    let calls = sides(case).into_iter().map(calibrate).collect::<Result<Vec<_>>>()?;
    let counters = sides(case).into_iter().map(count).collect::<Result<Vec<_>>>()?;
    let mut samples = vec![Vec::new(); calls.len()];
    let mut rounds = 0;
    let start = Instant::now();
    while rounds < budget.rounds_max && (rounds < budget.rounds_min || start.elapsed() < budget.time) {
        let mut turns: Vec<_> = sides(case).into_iter().zip(&calls).zip(&mut samples).collect();
        // What follows another side may find a colder or a warmer machine.
        if rounds % 2 == 1 {
            turns.reverse();
        }
        for ((side, &calls), samples) in turns {
            samples.push(sample(side, calls)?);
        }
        rounds += 1;
    }
    let stalls = if case.has_stalls { Some(stalls(&mut case.ours, budget)?) } else { None };
    Ok(Measured { stalls, ..summarize(case, &samples, counters) })
}

/// Times calls one by one: a sample of many has the mean of them, and what holds a program up is the longest.
fn stalls(side: &mut Side, budget: Budget) -> Result<Stalls> {
    let mut calls = Vec::new();
    let start = Instant::now();
    while calls.len() < STALLS_MAX && (calls.len() < STALLS_MIN || start.elapsed() < budget.time) {
        calls.push(sample(side, 1)?);
    }
    Ok(Stalls::of(&calls))
}

/// Ours, the floors, the rivals.
fn sides(case: &mut Case) -> Vec<&mut Side> {
    let floors = case.floors.iter_mut().map(|floor| &mut floor.side);
    let rivals = case.rivals.iter_mut().map(|rival| &mut rival.side);
    std::iter::once(&mut case.ours).chain(floors).chain(rivals).collect()
}

/// Samples and counters are those of ours, of the floors, of the rivals.
fn summarize(case: &Case, samples: &[Vec<f64>], counters: Vec<Counters>) -> Measured {
    let mut counters = counters.into_iter();
    let mut next_counters = move || counters.next().unwrap_or_default();
    let (ours, others) = samples.split_first().map_or((&[][..], &[][..]), |(ours, others)| (ours, others));
    let (of_floors, of_rivals) = others.split_at(case.floors.len().min(others.len()));
    let ours_counters = next_counters();
    let mut sums = vec![0.0; ours.len()];
    let mut floors = Vec::with_capacity(of_floors.len());
    for (floor, samples) in case.floors.iter().zip(of_floors) {
        for (sum, sample) in sums.iter_mut().zip(samples) {
            *sum += floor.weight * sample;
        }
        let (nanos, counters) = (stats::median(samples), next_counters());
        floors.push(Floor { name: floor.name, weight: floor.weight, nanos, counters });
    }
    let quotients = |above: &[f64], below: &[f64]| -> Vec<f64> {
        above.iter().zip(below).map(|(above, below)| above / below).collect()
    };
    let mut rivals = Vec::with_capacity(of_rivals.len());
    for (rival, samples) in case.rivals.iter().zip(of_rivals) {
        let factors = quotients(samples, ours);
        rivals.push(Rival {
            name: rival.name.clone(),
            nanos: stats::median(samples),
            factor: stats::median(&factors),
            interval: stats::median_interval(&factors),
            spread: stats::spread(&factors),
            counters: next_counters(),
        });
    }
    let ratios = quotients(ours, &sums);
    Measured {
        name: case.name.clone(),
        size: case.size.clone(),
        ours_nanos: stats::median(ours),
        floor_nanos: stats::median(&sums),
        floors,
        rivals,
        rivals_promise_less: case.rivals_promise_less,
        ratio: stats::median(&ratios),
        interval: stats::median_interval(&ratios),
        spread: stats::spread(&ratios),
        limit: case.limit,
        rounds: ours.len(),
        counters: ours_counters,
        unit: case.unit,
        stalls: None,
    }
}

/// Warms a side up and answers how many calls make a sample.
fn calibrate(side: &mut Side) -> Result<u32> {
    let mut nanos = f64::MAX;
    for _ in 0..WARM_UP_CALLS {
        nanos = nanos.min(sample(side, 1)?);
    }
    let mut calls = 1;
    while calls < CALLS_MAX && f64::from(calls) * nanos < SAMPLE_NANOS {
        calls *= 2;
    }
    Ok(calls)
}

fn count(side: &mut Side) -> Result<Counters> {
    let mut watch = Watch::counting();
    side(&mut watch)?;
    Ok(watch.counters())
}

/// Times some calls behind one that isn't timed: the side before has left the caches to itself, and a side that makes
/// hundreds of short calls would hardly notice, where one that makes a few would.
fn sample(side: &mut Side, calls: u32) -> Result<f64> {
    side(&mut Watch::timing(1))?;
    let mut watch = Watch::timing(calls);
    side(&mut watch)?;
    Ok(watch.nanos_per_call())
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, rc::Rc};

    use anyhow::bail;

    use super::*;
    use crate::mixed::SplitMix;

    /// A side that claims to have taken `nanos` a call, give or take a tenth.
    fn takes(nanos: u32, seed: u64) -> impl FnMut(&mut Watch) -> Result<()> {
        let mut random = SplitMix::new(seed);
        move |watch| {
            let tenth = nanos / 10;
            watch.pretend(nanos - tenth + u32::from(random.next_u16()) % (2 * tenth));
            Ok(())
        }
    }

    #[test]
    fn a_planted_slowdown_is_missed_and_equal_work_is_met() {
        let check = |ours: u32, expected: Verdict, ratio: std::ops::Range<f64>| {
            let case = Case::new("planted", "").ours(takes(ours, 1)).floor(1.0, "floor", takes(1000, 2));
            let measured = run(&mut case.limit(1.3), Budget::rounds(31)).unwrap();
            assert_eq!(measured.verdict(), expected, "{measured:?}");
            assert!(ratio.contains(&measured.ratio), "{measured:?}");
            assert!(measured.interval.lower < measured.interval.upper, "{measured:?}");
        };
        check(2000, Verdict::Missed, 1.9..2.1);
        check(1000, Verdict::Met, 0.95..1.05);
        // Near the limit chance is an explanation.
        check(1310, Verdict::Met, 1.25..1.37);
    }

    #[test]
    fn sides_alternate_and_the_order_is_reversed_each_round() {
        let log = Rc::new(RefCell::new(String::new()));
        let note = |letter: char| {
            let log = Rc::clone(&log);
            move |watch: &mut Watch| {
                // Counting and warm-up run before the first round.
                if !watch.is_counting() {
                    watch.pretend(1_000_000);
                    log.borrow_mut().push(letter);
                }
                Ok(())
            }
        };
        // Each sample is a call that isn't timed and one that is.
        let twice = |sides: &str| sides.chars().flat_map(|side| [side, side]).collect::<String>();
        let mut case =
            Case::new("order", "").ours(note('o')).floor(1.0, "a", note('a')).floor(1.0, "b", note('b'));
        run(&mut case, Budget::rounds(4)).unwrap();
        assert_eq!(*log.borrow(), ["ooo", "aaa", "bbb", "oab", "bao", "oab", "bao"].map(twice).concat());
    }

    #[test]
    fn floors_are_weighted_and_summed() {
        let case = Case::new("sum", "two floors")
            .ours(|_| Ok(()))
            .floor(3.0, "a", |_| Ok(()))
            .floor(1.5, "b", |_| Ok(()))
            .limit(1.0);
        let samples = [vec![6.0, 18.0, 24.0], vec![1.0, 2.0, 3.0], vec![2.0, 2.0, 2.0]];
        let measured = summarize(&case, &samples, Vec::new());
        assert!((measured.floor_nanos - 9.0).abs() < 1e-12, "{measured:?}");
        assert!((measured.ratio - 2.0).abs() < 1e-12, "{measured:?}");
        assert_eq!(measured.interval, Interval { lower: 1.0, upper: 2.0 });
        assert_eq!(measured.verdict(), Verdict::Met);
        assert!(measured.is_noisy());
    }

    #[test]
    fn a_limit_below_the_lower_bound_is_missed() {
        let check = |limit: f64, expected: Verdict| {
            let case = Case::new("case", "").ours(|_| Ok(())).floor(1.0, "a", |_| Ok(())).limit(limit);
            let measured = summarize(&case, &[vec![2.0; 9], vec![1.0; 9]], Vec::new());
            assert_eq!(measured.verdict(), expected);
            assert!(!measured.is_noisy());
        };
        check(1.99, Verdict::Missed);
        check(2.0, Verdict::Met);
        check(2.01, Verdict::Met);
    }

    #[test]
    fn bytes_syncs_and_allocations_are_those_of_one_call() {
        let ours = |watch: &mut Watch| {
            watch.each(|| Ok(Box::new(1_u8)))?;
            watch.note_bytes(7);
            watch.note_syncs(2);
            Ok(())
        };
        let mut case = Case::new("counted", "").ours(ours).floor(1.0, "some", takes(100, 1));
        let measured = run(&mut case, Budget::rounds(3)).unwrap();
        assert_eq!((measured.counters.bytes, measured.counters.syncs), (Some(7), 2));
        assert!(measured.counters.allocations >= 1);
        assert_eq!(measured.verdict(), Verdict::NoLimit);
    }

    #[test]
    fn rivals_take_turns_and_the_fastest_is_named() {
        let case = Case::new("case", "").ours(takes(1000, 1)).floor(1.0, "floor", takes(500, 2));
        let mut case = case.rival("slow", takes(9000, 3)).rival("fast", takes(3000, 4));
        let measured = run(&mut case, Budget::rounds(15)).unwrap();
        let best = measured.best_rival().unwrap();
        assert_eq!(best.name, "fast");
        assert!((2.7..3.3).contains(&best.factor), "{best:?}");
        assert!(best.interval.lower <= best.factor && best.factor <= best.interval.upper, "{best:?}");
        assert!((1.8..2.2).contains(&measured.ratio), "no limit is held against a rival: {measured:?}");
    }

    #[test]
    fn the_longest_of_single_calls_is_told() {
        let mut call = 0_u32;
        let ours = move |watch: &mut Watch| {
            call += 1;
            watch.pretend(if call % 100 < 2 { 9_000_000 } else { 1_000_000 });
            Ok(())
        };
        let mut case = Case::new("stalled", "").ours(ours).stalls();
        let stalls = run(&mut case, Budget::rounds(3)).unwrap().stalls.unwrap();
        assert_eq!(stalls.calls, STALLS_MAX);
        assert!((stalls.p50 - 1e6).abs() < 1.0 && (stalls.max - 9e6).abs() < 1.0, "{stalls:?}");
        assert_eq!(run(&mut Case::new("alone", ""), Budget::rounds(3)).unwrap().stalls, None);
    }

    #[test]
    fn a_failing_side_is_named() {
        let mut case = Case::new("broken", "1k").ours(|_| bail!("no disk"));
        let error = run(&mut case, Budget::rounds(3)).unwrap_err();
        assert_eq!(format!("{error:#}"), "measuring broken/1k: no disk");
    }
}
