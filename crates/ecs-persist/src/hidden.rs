use keepstone_value::Suspects;

use crate::report::{LeftOut, Reason};

/// Counts numbers that have the bits of living entities while columns are encoded, component by component; for adapters.
#[derive(Debug, Default)]
pub struct HiddenReferences {
    /// In rows of which nobody has said whose they are.
    pending: u64,
    found: Vec<LeftOut>,
}

impl HiddenReferences {
    /// Takes note of numbers in rows that are being encoded.
    pub fn suspect(&mut self, suspects: Suspects) {
        self.pending = self.pending.saturating_add(suspects.count.into());
    }

    /// Says which component the rows belong to that were just encoded.
    pub fn settle(&mut self, component: &str) {
        let count = std::mem::take(&mut self.pending);
        if count == 0 {
            return;
        }
        match self.found.iter_mut().find(|known| known.component == component) {
            Some(known) => known.count = known.count.saturating_add(count),
            None => self.found.push(LeftOut::new(component.to_owned(), count, Reason::HiddenReference)),
        }
    }

    /// What was found.
    pub fn take(&mut self) -> Vec<LeftOut> {
        std::mem::take(&mut self.found)
    }
}
