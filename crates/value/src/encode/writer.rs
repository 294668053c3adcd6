use std::collections::HashSet;

use serde::Serialize;

use crate::encode::gather::Piece;
use crate::encode::map::Entry;
use crate::encode::serializer::Slot;
use crate::encode::{Rows, Suspects, failed};
use crate::entities::{Entities, EntityType, NONE};
use crate::error::{Error, Problem};
use crate::fault::Fault;
use crate::options::Options;
use crate::plan::{FieldNode, Fields, Node, Plan};
use crate::shape::Shape;

/// Writes values along a plan.
pub(super) struct Writer<'p, 'e> {
    pub(super) plan: &'p Plan<'p>,
    pub(super) sink: Sink<'e>,
}

/// What is written so far; it outlives the plan.
pub(super) struct Sink<'e> {
    pub(super) out: Vec<u8>,
    pub(super) lens: Vec<u32>,
    pub(super) targets: Vec<u32>,
    /// Entries of the maps that are being written, inner ones last.
    pub(super) entries: Vec<Entry>,
    /// Fields of the structs that are being written out of order, inner ones last.
    pub(super) pieces: Vec<Piece>,
    pub(super) scratch: (Vec<u8>, Vec<u32>),
    /// Elements without bytes, those of earlier batches too.
    pub(super) empties: u64,
    /// What stood before `out`, `lens` and `targets`.
    pub(super) before: Totals,
    /// Bytes of `out` that are no rows.
    foreign: usize,
    /// Numbers that look like references.
    suspects: u32,
    /// The first row with one.
    suspect: Option<u32>,
    pub(super) entity: EntityType,
    /// Whether marked fields are references.
    marks: bool,
    entities: Option<&'e mut dyn Entities>,
    pub(super) human_readable: bool,
    pub(super) depth_max: u32,
    /// Levels that the value may still go down.
    pub(super) depth_left: u32,
    /// What the next u64 is.
    pub(super) number: Number,
    /// What a u64 is unless serde named the entity type just now.
    idle: Number,
    learning: Option<Learning>,
}

/// What a u64 is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// A number.
    Plain,
    /// A number that may be a reference in disguise.
    Watched,
    /// A reference.
    Reference,
}

/// What a column had before the rows at hand.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    bytes: usize,
    targets: usize,
    pub(super) rows: usize,
}

/// What rows that fit the plan may still tell about the order of fields.
#[derive(Default)]
struct Learning {
    /// Optional fields that were met behind another one: where the struct's fields lie, and both places.
    edges: HashSet<(usize, usize, usize)>,
    /// Whether the row has fields in a sequence that no row had.
    news: bool,
}

/// Where a row starts.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    bytes: usize,
    targets: usize,
    empties: u64,
    suspects: u32,
}

impl<'e> Sink<'e> {
    pub(super) fn new(entities: Option<&'e mut dyn Entities>, options: &Options) -> Self {
        let kind = entities.as_deref().map(Entities::entity);
        let watched = options.report_hidden && entities.is_some();
        let idle = if watched { Number::Watched } else { Number::Plain };
        Self {
            out: Vec::new(),
            lens: Vec::new(),
            targets: Vec::new(),
            entries: Vec::new(),
            pieces: Vec::new(),
            scratch: (Vec::new(), Vec::new()),
            empties: 0,
            before: Totals::default(),
            foreign: 0,
            suspects: 0,
            suspect: None,
            entity: kind.unwrap_or_else(EntityType::none),
            marks: kind.is_some(),
            entities,
            human_readable: options.human_readable,
            depth_max: options.depth(),
            depth_left: options.depth(),
            number: idle,
            idle,
            learning: None,
        }
    }

    /// One whose rows come behind other bytes, without references.
    pub(super) fn behind(bytes: Vec<u8>, options: &Options) -> Self {
        Self { foreign: bytes.len(), out: bytes, ..Self::new(None, options) }
    }

    #[inline(always)]
    pub(super) fn leave(&mut self) {
        self.depth_left += 1;
    }

    #[inline]
    pub(super) fn mark(&self) -> Mark {
        Mark {
            bytes: self.out.len(),
            targets: self.targets.len(),
            empties: self.empties,
            suspects: self.suspects,
        }
    }

    pub(super) fn rewind(&mut self, mark: Mark) {
        self.out.truncate(mark.bytes);
        self.targets.truncate(mark.targets);
        self.empties = mark.empties;
        self.depth_left = self.depth_max;
        self.number = self.idle;
        self.suspects = mark.suspects;
        self.entries.clear();
        self.pieces.clear();
    }

    pub(super) fn clear(&mut self) {
        self.rewind(Mark { bytes: 0, targets: 0, empties: 0, suspects: 0 });
        self.suspect = None;
        self.lens.clear();
    }

    /// Ends the row that starts at `mark`.
    #[inline]
    pub(super) fn close(&mut self, mark: Mark, options: &Options) -> Result<(), Fault> {
        let bytes = self.out.len() - mark.bytes;
        let Ok(len) = u32::try_from(bytes) else {
            return Err(Problem::Long { bytes: u64::try_from(bytes).unwrap_or(u64::MAX) }.into());
        };
        self.lens.push(len);
        if self.suspects > mark.suspects && self.suspect.is_none() {
            let row = self.before.rows.saturating_add(self.lens.len() - 1);
            self.suspect = Some(u32::try_from(row).unwrap_or(u32::MAX));
        }
        if self.empties > mark.empties { self.check_empties(options) } else { Ok(()) }
    }

    fn check_empties(&self, options: &Options) -> Result<(), Fault> {
        let all = self.totals();
        let allowed = options.elements(all.bytes, all.targets, all.rows);
        if self.empties > allowed { Err(Problem::Elements { allowed }.into()) } else { Ok(()) }
    }

    /// What the column has up to here.
    pub(super) fn totals(&self) -> Totals {
        Totals {
            bytes: self.before.bytes.saturating_add(self.out.len().saturating_sub(self.foreign)),
            targets: self.before.targets.saturating_add(self.targets.len()),
            rows: self.before.rows.saturating_add(self.lens.len()),
        }
    }

    pub(super) fn reference(&mut self, bits: u64) {
        self.number = self.idle;
        let ordinal = self.ask(bits);
        // Ordinals may not be final while rows are learnt, so that keys may seem alike.
        self.targets.push(if self.learning.is_some() { NONE } else { ordinal });
    }

    pub(super) fn ask(&mut self, bits: u64) -> u32 {
        self.entities.as_mut().map_or(NONE, |entities| entities.ordinal(bits))
    }

    #[inline(never)]
    pub(super) fn watch(&mut self, bits: u64) {
        let live = self.entities.as_mut().is_some_and(|entities| entities.is_live(bits));
        self.suspects = self.suspects.saturating_add(u32::from(live));
    }

    /// What was written, as rows of this shape.
    pub(super) fn into_rows(self, shape: Shape) -> Result<Rows, Error> {
        let rows = self.totals().rows;
        if u32::try_from(rows).is_err() {
            return Err(failed(rows, Problem::Rows));
        }
        let suspects = self.suspect.map(|first_row| Suspects { count: self.suspects, first_row });
        Ok(Rows { shape, data: self.out, lens: self.lens, targets: self.targets, suspects })
    }

    /// One that goes on behind this one's last row to learn, and asks nobody.
    pub(super) fn learning(&self, options: &Options) -> Sink<'static> {
        let mut sink = Sink::new(None, options);
        (sink.entity, sink.marks) = (self.entity, self.marks);
        (sink.before, sink.empties) = (self.totals(), self.empties);
        sink.learn();
        sink
    }

    /// From here on rows are not kept, and what they tell about the order of fields is.
    pub(super) fn learn(&mut self) {
        self.learning = Some(Learning::default());
    }

    /// Drops the rows, but for their number and size.
    pub(super) fn forget(&mut self) {
        self.before = self.totals();
        self.out.clear();
        self.targets.clear();
        self.lens.clear();
    }

    /// Starts anew with another plan, whose fields lie elsewhere.
    pub(super) fn forget_edges(&mut self) {
        self.learning = self.learning.take().map(|_| Learning::default());
    }

    /// Whether the row written last has fields in a sequence that no row had.
    pub(super) fn has_news(&mut self) -> bool {
        self.learning.as_mut().is_some_and(|learning| std::mem::take(&mut learning.news))
    }

    /// Takes note that a field which may be missing was written; `before` and `after` are the fields behind the ones in question.
    #[inline]
    pub(super) fn note(&mut self, fields: &Fields<'_>, before: &[FieldNode<'_>], after: &[FieldNode<'_>]) {
        if let Some(learning) = &mut self.learning
            && learning.edges.insert((fields.list.as_ptr().addr(), before.len(), after.len()))
        {
            learning.news = true;
        }
    }

    /// Takes note that fields were written out of order.
    pub(super) fn note_disorder(&mut self) {
        if let Some(learning) = &mut self.learning {
            learning.news = true;
        }
    }
}

impl<'p> Writer<'p, '_> {
    #[inline(always)]
    pub(super) fn value<T: Serialize + ?Sized>(&mut self, value: &T, node: &'p Node) -> Result<(), Fault> {
        if self.sink.entity.names(value) {
            return self.entity(value, node);
        }
        value.serialize(Slot { writer: self, node })
    }

    #[inline(never)]
    fn entity<T: Serialize + ?Sized>(&mut self, value: &T, node: &'p Node) -> Result<(), Fault> {
        self.sink.number = Number::Reference;
        value.serialize(Slot { writer: self, node })?;
        if self.sink.number == Number::Reference { Err(Problem::EntityForm.into()) } else { Ok(()) }
    }

    /// Writes what the program says is a reference.
    #[inline(never)]
    pub(super) fn marked<T: Serialize + ?Sized>(&mut self, value: &T, node: &'p Node) -> Result<(), Fault> {
        if self.sink.marks {
            return self.entity(value, node);
        }
        value.serialize(Slot { writer: self, node })
    }

    /// Writes what an option, newtype or variant holds, and leaves that.
    #[inline(always)]
    pub(super) fn inner<T: Serialize + ?Sized>(&mut self, value: &T, node: &'p Node) -> Result<(), Fault> {
        self.value(value, node)?;
        self.sink.leave();
        Ok(())
    }
}
