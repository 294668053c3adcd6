use std::slice;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess};

use crate::decode::reader::Reader;
use crate::decode::slot::{Slot, leftover};
use crate::error::Problem;
use crate::fault::Fault;
use crate::plan::{FieldNode, Fields, Node};
use crate::wire::take_flag;

/// Reads one part of a value.
#[inline(always)]
pub(super) fn part<'a, S: DeserializeSeed<'a>>(slot: Slot<'_, '_, 'a>, seed: S) -> Result<S::Value, Fault> {
    slot.check_entity::<S::Value>()?;
    seed.deserialize(slot)
}

/// The elements of a sequence.
pub(super) struct Elements<'x, 'd, 'a> {
    pub(super) reader: &'x mut Reader<'d, 'a>,
    pub(super) node: &'d Node,
    pub(super) left: &'x mut u64,
    pub(super) count: u64,
}

impl<'a> SeqAccess<'a> for Elements<'_, '_, 'a> {
    type Error = Fault;

    #[inline(always)]
    fn next_element_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        if *self.left == 0 {
            return Ok(None);
        }
        *self.left -= 1;
        let slot = Slot { reader: self.reader, node: self.node };
        match part(slot, seed) {
            Ok(value) => Ok(Some(value)),
            Err(fault) => Err(fault.index(self.count - *self.left - 1)),
        }
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        usize::try_from(*self.left).ok()
    }
}

/// The elements of a tuple.
pub(super) struct ItemSeq<'x, 'd, 'a> {
    pub(super) reader: &'x mut Reader<'d, 'a>,
    pub(super) rest: &'x mut slice::Iter<'d, Node>,
    pub(super) count: usize,
}

impl<'a> SeqAccess<'a> for ItemSeq<'_, '_, 'a> {
    type Error = Fault;

    #[inline(always)]
    fn next_element_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let Some(node) = self.rest.next() else { return Ok(None) };
        let slot = Slot { reader: self.reader, node };
        match part(slot, seed) {
            Ok(value) => Ok(Some(value)),
            Err(fault) => {
                let index = self.count - self.rest.len() - 1;
                Err(fault.index(u64::try_from(index).unwrap_or(u64::MAX)))
            }
        }
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// The fields of a struct that the program reads in the same order.
pub(super) struct FieldSeq<'x, 'd, 'a> {
    pub(super) reader: &'x mut Reader<'d, 'a>,
    pub(super) rest: &'x mut slice::Iter<'d, FieldNode<'a>>,
}

impl<'a> SeqAccess<'a> for FieldSeq<'_, '_, 'a> {
    type Error = Fault;

    #[inline(always)]
    fn next_element_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let Some(field) = self.rest.next() else { return Ok(None) };
        let slot = Slot { reader: self.reader, node: &field.node };
        match part(slot, seed) {
            Ok(value) => Ok(Some(value)),
            Err(fault) => Err(fault.field(field.name.text)),
        }
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// The fields of a struct, each with its name.
pub(super) struct FieldMap<'x, 'd, 'a> {
    reader: &'x mut Reader<'d, 'a>,
    rest: slice::Iter<'d, FieldNode<'a>>,
    /// The field whose name was read last.
    field: Option<&'d FieldNode<'a>>,
}

impl<'x, 'd, 'a> FieldMap<'x, 'd, 'a> {
    pub(super) fn new(reader: &'x mut Reader<'d, 'a>, fields: &'d Fields<'a>) -> Self {
        Self { reader, rest: fields.list.iter(), field: None }
    }

    /// Fields without a value may be left; their presence bytes are read.
    pub(super) fn finish(mut self) -> Result<(), Fault> {
        let half = self.field.is_some();
        leftover(u64::from(half || self.advance()?))
    }

    /// Goes to the next field that is there.
    fn advance(&mut self) -> Result<bool, Fault> {
        for field in self.rest.by_ref() {
            if field.required
                || take_flag(&mut self.reader.rest).map_err(|fault| fault.field(field.name.text))?
            {
                self.field = Some(field);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl<'a> MapAccess<'a> for FieldMap<'_, '_, 'a> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        if !self.advance()? {
            return Ok(None);
        }
        let name = self.field.map_or("", |field| field.name.text);
        seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let Some(field) = self.field.take() else { return Err(Problem::Unpaired.into()) };
        let slot = Slot { reader: self.reader, node: &field.node };
        part(slot, seed).map_err(|fault| fault.field(field.name.text))
    }

    fn size_hint(&self) -> Option<usize> {
        self.rest.as_slice().iter().all(|field| field.required).then_some(self.rest.len())
    }
}
