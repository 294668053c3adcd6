use crate::edgevec::{Entry, Vector, Warning};

/// Counts what is odd about entries, with the first place of each kind.
#[derive(Debug, Default)]
pub(super) struct Odd {
    next_sequence: Option<u64>,
    dimensions: Option<u64>,
    sequences: Option<Warning>,
    paddings: Option<Warning>,
    types: Option<Warning>,
    payloads: Option<Warning>,
    lengths: Option<Warning>,
}

impl Odd {
    /// Behind damage any sequence may come.
    pub(super) fn see(&mut self, entry: &Entry<'_>, is_behind_damage: bool) {
        let (offset, found) = (entry.offset, entry.sequence);
        let expected = self.next_sequence.unwrap_or(0);
        self.next_sequence = Some(found.wrapping_add(1));
        if found != expected && !is_behind_damage {
            note(&mut self.sequences, Warning::Sequence { count: 0, offset, expected, found });
        }
        if entry.padding != [0; 3] {
            note(&mut self.paddings, Warning::Padding { count: 0, offset });
        }
        let entry_type = entry.entry_type;
        match entry.insert().map(|insert| insert.vector) {
            None if entry_type > 2 => {
                note(&mut self.types, Warning::UnknownType { count: 0, offset, entry_type });
            }
            None => {
                let len = entry.payload.len() as u64;
                note(&mut self.payloads, Warning::Payload { count: 0, offset, entry_type, len });
            }
            Some(Vector::F32(numbers)) => {
                let found = numbers.len() as u64;
                let expected = *self.dimensions.get_or_insert(found);
                if found != expected {
                    note(&mut self.lengths, Warning::Dimensions { count: 0, offset, expected, found });
                }
            }
            Some(_) => {}
        }
    }

    pub(super) fn warnings(self) -> impl Iterator<Item = Warning> {
        let all = [self.sequences, self.paddings, self.types, self.payloads, self.lengths];
        all.into_iter().flatten()
    }
}

/// Counts one more; the first of a kind stays.
fn note(slot: &mut Option<Warning>, first: Warning) {
    slot.get_or_insert(first).count_one();
}
