use serde::Serialize;

use crate::encode::writer::{Sink, Totals, Writer};
use crate::encode::{MISSES_MAX, failed};
use crate::entities::Entities;
use crate::error::{Error, Problem};
use crate::options::Options;
use crate::plan::{BackTable, Plan};
use crate::record::Recorder;
use crate::shape::Shape;

/// What all rows of a column have in common, learnt before any of them is kept.
///
/// Made by a [`Learner`]; [`Batches`](crate::Batches) writes rows with it.
#[derive(Debug, Clone, Default)]
pub struct Learned {
    pub(super) shape: Shape,
    pub(super) backs: BackTable,
}

impl Learned {
    /// The shape of the rows, the one that [`encode`](crate::encode) finds for all of them at once.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }
}

/// Learns the shape of a column whose rows come in batches, for a writer that can't hold them all.
///
/// The memory it takes depends on the shape and on the longest row, not on how many rows there are.
///
/// ```
/// use keepstone_value::{Batches, Learner, Options, encode};
///
/// let rows: Vec<Option<u32>> = (0..1000).map(|row| (row % 3 > 0).then_some(row)).collect();
/// let options = Options::default();
///
/// let mut learner = Learner::new(&options);
/// for batch in rows.chunks(64) {
///     learner.add(batch.iter(), None)?;
/// }
/// let learned = learner.finish()?;
///
/// let mut batches = Batches::new(&learned, &options);
/// let mut data = Vec::new();
/// for batch in rows.chunks(100) {
///     data.extend(batches.encode(batch.iter(), None)?.data);
/// }
/// assert_eq!(data, encode(rows.iter(), None, &options)?.data);
/// # Ok::<(), keepstone_value::Error>(())
/// ```
pub struct Learner {
    knowledge: Knowledge,
    before: Totals,
    empties: u64,
    options: Options,
}

impl Learner {
    /// Starts with no rows. They have to be encoded with the same options.
    pub fn new(options: &Options) -> Self {
        Self {
            knowledge: Knowledge::new(options),
            before: Totals::default(),
            empties: 0,
            options: options.clone(),
        }
    }

    /// Learns from more rows of the column.
    ///
    /// `entities` is asked for the ordinal of each reference, maybe more than once, as it will be when the rows are encoded; what it
    /// answers has no effect. So it can find out here which entities are referred to and give them ordinals. All batches have to come
    /// with the same entity type.
    ///
    /// # Errors
    ///
    /// As [`encode`](crate::encode), but that some faults show only when the rows are encoded. The learner is of no more use then.
    pub fn add<'t, T: Serialize + 't>(
        &mut self,
        rows: impl Iterator<Item = &'t T>,
        entities: Option<&mut dyn Entities>,
    ) -> Result<(), Error> {
        self.knowledge.recorder.recognize(entities.as_deref().map(Entities::entity));
        let mut sink = Sink::new(entities, &self.options);
        sink.learn();
        (sink.before, sink.empties) = (self.before, self.empties);
        let sink = self.knowledge.learn(rows, sink, &self.options)?;
        (self.before, self.empties) = (sink.before, sink.empties);
        if u32::try_from(self.before.rows).is_err() {
            return Err(failed(self.before.rows, Problem::Rows));
        }
        Ok(())
    }

    /// What was learnt so far; more rows may follow.
    ///
    /// # Errors
    ///
    /// `Error::Unshaped` if the shape breaks a limit.
    pub fn learned(&self) -> Result<Learned, Error> {
        self.knowledge.learned()
    }

    /// Ends with what was learnt.
    ///
    /// # Errors
    ///
    /// `Error::Unshaped` if the shape breaks a limit.
    pub fn finish(self) -> Result<Learned, Error> {
        self.knowledge.learned()
    }
}

/// What is known of the rows so far.
pub(super) struct Knowledge {
    pub(super) recorder: Recorder,
    /// The shape of all rows, unless there were too many misses.
    pub(super) plan: Learned,
    /// Rows that added something.
    pub(super) misses: u32,
}

impl Knowledge {
    pub(super) fn new(options: &Options) -> Self {
        Self { recorder: Recorder::new(options), plan: Learned::default(), misses: 0 }
    }

    /// The shape of all rows.
    pub(super) fn learned(&self) -> Result<Learned, Error> {
        let (shape, backs) = self.recorder.shape().map_err(|problem| Error::Unshaped { problem })?;
        Ok(Learned { shape, backs })
    }

    /// Records a row that doesn't fit the plan.
    pub(super) fn add<T: Serialize>(&mut self, value: &T, row: usize) -> Result<(), Error> {
        self.recorder.row(value).map_err(|problem| failed(row, problem))?;
        self.plan = self.learned()?;
        self.misses += 1;
        Ok(())
    }

    /// Learns from rows without keeping them; the sink has to be one that learns.
    pub(super) fn learn<'t, 'e, T: Serialize + 't>(
        &mut self,
        mut rows: impl Iterator<Item = &'t T>,
        mut sink: Sink<'e>,
        options: &Options,
    ) -> Result<Sink<'e>, Error> {
        let mut missed: Option<&'t T> = None;
        while self.misses <= MISSES_MAX {
            let plan = Plan::new(&self.plan.shape, &self.plan.backs);
            sink.forget_edges();
            let start = sink.before.rows;
            let todo = missed.into_iter().chain(rows.by_ref());
            let miss;
            (sink, miss) = try_rows(todo, Writer { plan: &plan, sink }, &mut self.recorder, options)?;
            let Some(value) = miss else { return Ok(sink) };
            let row = sink.before.rows;
            if missed.is_some() && row == start {
                return Err(failed(row, Problem::Unstable));
            }
            self.add(value, row)?;
            missed = Some(value);
        }
        // Rows that keep adding something are cheaper to record than to compile plans for.
        for value in missed.into_iter().chain(rows) {
            let row = sink.before.rows;
            self.recorder.row(value).map_err(|problem| failed(row, problem))?;
            for bits in self.recorder.references() {
                sink.ask(*bits);
            }
            sink.before.rows = row.saturating_add(1);
        }
        Ok(sink)
    }
}

/// Writes rows and forgets them, until one doesn't fit the plan; that one is returned.
///
/// A row that fits adds nothing to the shape, but it may have optional fields in a sequence that no recorded row had, and
/// the order of fields depends on all sequences.
fn try_rows<'t, 'e, T: Serialize + 't>(
    rows: impl Iterator<Item = &'t T>,
    mut writer: Writer<'_, 'e>,
    recorder: &mut Recorder,
    options: &Options,
) -> Result<(Sink<'e>, Option<&'t T>), Error> {
    let root = &writer.plan.root;
    for value in rows {
        let start = writer.sink.mark();
        let row = writer.sink.before.rows;
        if let Err(fault) = writer.value(value, root) {
            let Some(problem) = fault.into_problem() else {
                writer.sink.rewind(start);
                return Ok((writer.sink, Some(value)));
            };
            return Err(failed(row, problem));
        }
        writer
            .sink
            .close(start, options)
            .map_err(|fault| failed(row, fault.into_problem().unwrap_or(Problem::Rows)))?;
        writer.sink.forget();
        if writer.sink.has_news() {
            recorder.row(value).map_err(|problem| failed(row, problem))?;
        }
    }
    Ok((writer.sink, None))
}
