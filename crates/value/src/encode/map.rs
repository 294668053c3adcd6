use std::cmp::Ordering;

use serde::ser::{self, Serialize};

use crate::encode::compound::correct_count;
use crate::encode::writer::{Sink, Writer};
use crate::entities::NONE;
use crate::error::Problem;
use crate::fault::Fault;
use crate::plan;
use crate::wire::put_len;

/// Where the parts of a map's entry stand; the value ends where the next entry starts.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    key: Place,
    value: Option<Place>,
}

#[derive(Clone, Copy)]
struct Place {
    bytes: usize,
    target: usize,
}

/// A map that is being written: entries as they come, put in order at its end.
pub(super) struct Map<'w, 'p, 'e> {
    writer: &'w mut Writer<'p, 'e>,
    plan: &'p plan::Map,
    /// Where the count stands.
    start: usize,
    said: usize,
    /// How many entries belong to outer maps.
    base: usize,
}

impl<'w, 'p, 'e> Map<'w, 'p, 'e> {
    pub(super) fn new(writer: &'w mut Writer<'p, 'e>, map: &'p plan::Map, len: Option<usize>) -> Self {
        let start = writer.sink.out.len();
        let said = len.unwrap_or_default();
        put_len(&mut writer.sink.out, said);
        let base = writer.sink.entries.len();
        Self { writer, plan: map, start, said, base }
    }
}

impl Sink<'_> {
    fn place(&self) -> Place {
        Place { bytes: self.out.len(), target: self.targets.len() }
    }

    /// What entries ascend by.
    fn key(&self, entry: &Entry) -> (&[u32], &[u8]) {
        let end = entry.value.unwrap_or(entry.key);
        let targets = self.targets.get(entry.key.target..end.target).unwrap_or_default();
        (targets, self.out.get(entry.key.bytes..end.bytes).unwrap_or_default())
    }

    /// The first bytes of the key as a number that ascends as they do.
    fn start(&self, entry: &Entry) -> u64 {
        let (_, bytes) = self.key(entry);
        bytes
            .iter()
            .copied()
            .chain(std::iter::repeat(0))
            .take(8)
            .fold(0, |start, byte| start << 8 | u64::from(byte))
    }

    /// Puts the entries of the innermost map in order.
    fn sort(&mut self, entries: &[Entry]) -> Result<(), Fault> {
        let Some(first) = entries.first().map(|entry| entry.key) else { return Ok(()) };
        let ends = entries.iter().skip(1).map(|entry| entry.key).chain([self.place()]);
        let mut sorted: Vec<_> =
            entries.iter().zip(ends).map(|(entry, end)| (self.start(entry), entry, end)).collect();
        let compare = |a: &(u64, &Entry, Place), b: &(u64, &Entry, Place)| {
            a.0.cmp(&b.0).then_with(|| self.key(a.1).cmp(&self.key(b.1)))
        };
        // Without references keys ascend as their first bytes do, which are quicker to compare.
        if self.targets.len() > first.target {
            for (start, _, _) in &mut sorted {
                *start = 0;
            }
        }
        sorted.sort_unstable_by(compare);
        // Keys that refer to nothing may be equal: what they referred to was not.
        let twice = |a: &(u64, &Entry, Place), b: &(u64, &Entry, Place)| {
            compare(a, b) == Ordering::Equal && !self.key(a.1).0.contains(&NONE)
        };
        if sorted.windows(2).any(|pair| matches!(pair, [a, b] if twice(a, b))) {
            return Err(Problem::DuplicateKey.into());
        }
        let (mut bytes, mut targets) = std::mem::take(&mut self.scratch);
        bytes.clear();
        targets.clear();
        for (_, entry, end) in sorted {
            bytes.extend_from_slice(self.out.get(entry.key.bytes..end.bytes).unwrap_or_default());
            targets.extend_from_slice(self.targets.get(entry.key.target..end.target).unwrap_or_default());
        }
        self.out.truncate(first.bytes);
        self.out.extend_from_slice(&bytes);
        self.targets.truncate(first.target);
        self.targets.extend_from_slice(&targets);
        self.scratch = (bytes, targets);
        Ok(())
    }
}

impl ser::SerializeMap for Map<'_, '_, '_> {
    type Ok = ();
    type Error = Fault;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Fault> {
        let sink = &mut self.writer.sink;
        let mine = sink.entries.get(self.base..).unwrap_or_default();
        if mine.last().is_some_and(|entry| entry.value.is_none()) {
            return Err(Problem::Unpaired.into());
        }
        sink.entries.push(Entry { key: sink.place(), value: None });
        self.writer.value(key, &self.plan.key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        let sink = &mut self.writer.sink;
        let place = sink.place();
        match sink.entries.get_mut(self.base..).unwrap_or_default().last_mut() {
            Some(entry) if entry.value.is_none() => entry.value = Some(place),
            _ => return Err(Problem::Unpaired.into()),
        }
        self.writer.value(value, &self.plan.value)
    }

    fn end(self) -> Result<(), Fault> {
        let sink = &mut self.writer.sink;
        sink.leave();
        let mine = sink.entries.get(self.base..).unwrap_or_default();
        if mine.last().is_some_and(|entry| entry.value.is_none()) {
            return Err(Problem::Unpaired.into());
        }
        let count = mine.len();
        let ascends = |pair: &[Entry]| match pair {
            [a, b] => sink.key(a).cmp(&sink.key(b)) == Ordering::Less,
            _ => true,
        };
        if mine.windows(2).all(ascends) {
            sink.entries.truncate(self.base);
        } else {
            let mine = sink.entries.split_off(self.base);
            sink.sort(&mine)?;
        }
        if count != self.said {
            correct_count(&mut sink.out, self.start, self.said, count);
        }
        Ok(())
    }
}
