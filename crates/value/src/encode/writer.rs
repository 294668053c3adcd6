use serde::Serialize;

use crate::encode::gather::Piece;
use crate::encode::map::Entry;
use crate::encode::serializer::Slot;
use crate::entity::{Entities, EntityType, NONE};
use crate::error::Problem;
use crate::fault::Fault;
use crate::options::Options;
use crate::plan::{Node, Plan};

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
    /// Elements without bytes.
    pub(super) empties: u64,
    pub(super) entity: EntityType,
    entities: Option<&'e mut dyn Entities>,
    pub(super) human_readable: bool,
    pub(super) depth_max: u32,
    /// Levels that the value may still go down.
    pub(super) depth_left: u32,
    /// Whether serde named the entity type just now.
    pub(super) reference: bool,
}

/// Where a row starts.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    bytes: usize,
    targets: usize,
    empties: u64,
}

impl<'e> Sink<'e> {
    pub(super) fn new(entity: EntityType, entities: Option<&'e mut dyn Entities>, options: &Options) -> Self {
        Self {
            out: Vec::new(),
            lens: Vec::new(),
            targets: Vec::new(),
            entries: Vec::new(),
            pieces: Vec::new(),
            scratch: (Vec::new(), Vec::new()),
            empties: 0,
            entity,
            entities,
            human_readable: options.human_readable,
            depth_max: options.depth(),
            depth_left: options.depth(),
            reference: false,
        }
    }

    #[inline(always)]
    pub(super) fn leave(&mut self) {
        self.depth_left += 1;
    }

    #[inline]
    pub(super) fn mark(&self) -> Mark {
        Mark { bytes: self.out.len(), targets: self.targets.len(), empties: self.empties }
    }

    pub(super) fn rewind(&mut self, mark: Mark) {
        self.out.truncate(mark.bytes);
        self.targets.truncate(mark.targets);
        self.empties = mark.empties;
        self.depth_left = self.depth_max;
        self.reference = false;
        self.entries.clear();
        self.pieces.clear();
    }

    pub(super) fn clear(&mut self) {
        self.rewind(Mark { bytes: 0, targets: 0, empties: 0 });
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
        if self.empties > mark.empties { self.check_empties(options) } else { Ok(()) }
    }

    fn check_empties(&self, options: &Options) -> Result<(), Fault> {
        let allowed = options.elements(self.out.len(), self.targets.len(), self.lens.len());
        if self.empties > allowed { Err(Problem::Elements { allowed }.into()) } else { Ok(()) }
    }

    pub(super) fn reference(&mut self, bits: u64) {
        let ordinal = self.entities.as_mut().map_or(NONE, |entities| entities.ordinal(bits));
        self.targets.push(ordinal);
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
        self.sink.reference = true;
        value.serialize(Slot { writer: self, node })?;
        if std::mem::take(&mut self.sink.reference) { Err(Problem::EntityForm.into()) } else { Ok(()) }
    }

    /// Writes what an option, newtype or variant holds, and leaves that.
    #[inline(always)]
    pub(super) fn inner<T: Serialize + ?Sized>(&mut self, value: &T, node: &'p Node) -> Result<(), Fault> {
        self.value(value, node)?;
        self.sink.leave();
        Ok(())
    }
}
