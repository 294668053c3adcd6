use std::collections::VecDeque;

use keepstone_ecs_persist::Mark;

/// Marks of the last moments, to save what changed since a tick or a time.
///
/// It holds a bounded number and forgets the oldest: what a peer missed for longer than that, it gets as a base.
#[derive(Debug, Clone)]
pub struct Marks<D> {
    marks: VecDeque<Moment<D>>,
    marks_max: usize,
}

#[derive(Debug, Clone)]
struct Moment<D> {
    tick: u64,
    at_ns: i64,
    mark: Mark<D>,
}

impl<D: Clone> Marks<D> {
    /// Keeps so many marks, at least one.
    pub fn new(marks_max: usize) -> Self {
        Self { marks: VecDeque::new(), marks_max: marks_max.max(1) }
    }

    /// Keeps the mark of a moment: a tick of the program's simulation, and a time in nanoseconds UTC since 1970 as its clock has it.
    /// Moments come in their order; one whose tick or time is earlier than the last is found by the other alone.
    pub fn push(&mut self, tick: u64, at_ns: i64, mark: &Mark<D>) {
        if self.marks.len() == self.marks_max {
            self.marks.pop_front();
        }
        self.marks.push_back(Moment { tick, at_ns, mark: mark.clone() });
    }

    /// The last mark at or before a tick: a delta since it holds all that changed since the tick. None when that is too long ago.
    pub fn at_tick(&self, tick: u64) -> Option<&Mark<D>> {
        self.marks.iter().rev().find(|moment| moment.tick <= tick).map(|moment| &moment.mark)
    }

    /// The last mark at or before a time.
    pub fn at_time(&self, at_ns: i64) -> Option<&Mark<D>> {
        self.marks.iter().rev().find(|moment| moment.at_ns <= at_ns).map(|moment| &moment.mark)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use keepstone_ecs_persist::{Mark, StateId};

    use super::Marks;

    #[test]
    fn the_last_mark_that_is_not_later_is_found_until_it_is_forgotten() {
        let mark = |rows| Mark::base(StateId::default(), rows, ());
        let mut marks = Marks::new(2);
        for (tick, rows) in [(10, 1), (20, 2), (30, 3)] {
            marks.push(tick, i64::try_from(tick * 1000).expect("small"), &mark(rows));
        }
        let rows = |found: Option<&Mark<()>>| found.map(|mark| mark.rows);
        assert_eq!(rows(marks.at_tick(30)), Some(3));
        assert_eq!(rows(marks.at_tick(29)), Some(2));
        assert_eq!(rows(marks.at_time(20_000)), Some(2));
        assert_eq!(rows(marks.at_tick(19)), None, "the first was forgotten");
        assert_eq!((marks.len(), marks.is_empty()), (2, false));
    }
}
