use crate::repair::lost::Lost;
use crate::repair::tables::Tables;

/// Finds what is lost between the parts that are kept.
pub(super) struct Gaps {
    /// Behind the last entity of the parts so far.
    end: u32,
    /// The number of the part that should come next.
    next: u32,
    /// Why the first of the lost ones since then is lost.
    reason: Option<(u16, String)>,
    /// The last number of which a section is known.
    last: Option<u16>,
    /// Whether all sections are known of.
    is_listed: bool,
}

impl Gaps {
    pub(super) fn new(last: Option<u16>, is_listed: bool) -> Self {
        Self { end: 0, next: 0, reason: None, last, is_listed }
    }

    /// Behind the last entity of the parts so far.
    pub(super) fn end(&self) -> u32 {
        self.end
    }

    /// Takes down that a part is lost.
    pub(super) fn lose(&mut self, number: u16, reason: String) {
        self.reason.get_or_insert((number, reason));
    }

    /// Goes on to a part that is kept.
    pub(super) fn close(&mut self, number: u16, tables: &Tables, lost: &mut Vec<Lost>) {
        let before = u32::from(number).checked_sub(1).filter(|before| *before >= self.next);
        self.put(before, tables.first, lost);
        self.end = tables.first.saturating_add(tables.entities);
        self.next = u32::from(number) + 1;
    }

    /// Goes on to the end of the world.
    pub(super) fn finish(mut self, total: u32, lost: &mut Vec<Lost>) {
        let through = self.last.map(u32::from).filter(|number| *number >= self.next);
        if through.is_some() || self.end < total {
            // Without tables nobody knows of parts of which nothing is left.
            self.put(through.filter(|_| self.is_listed), total, lost);
        }
    }

    /// Takes down what is lost up to entity `first`: parts through this one, or some whose number isn't known.
    fn put(&mut self, through: Option<u32>, first: u32, lost: &mut Vec<Lost>) {
        let entities = first.saturating_sub(self.end);
        let reason = self.reason.take();
        if entities == 0 && through.is_none() && reason.is_none() {
            return;
        }
        let message = match reason {
            Some((_, reason)) if through == Some(self.next) => reason,
            Some((number, reason)) => format!("of part {number} {reason}"),
            None => "nothing is left".to_owned(),
        };
        lost.push(Lost::parts(self.next, through, entities, &message));
    }
}
