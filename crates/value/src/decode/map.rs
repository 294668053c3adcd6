use serde::de::{DeserializeSeed, MapAccess};

use crate::decode::access::part;
use crate::decode::reader::Reader;
use crate::decode::slot::Slot;
use crate::error::Problem;
use crate::fault::Fault;
use crate::plan::Map;

/// What entries ascend by: the references in the key, then its bytes.
pub(super) type Key<'a> = (&'a [u32], &'a [u8]);

/// The entries of a map.
pub(super) struct Entries<'x, 'd, 'a> {
    pub(super) reader: &'x mut Reader<'d, 'a>,
    pub(super) map: &'d Map,
    pub(super) left: u64,
    /// The key read last.
    pub(super) before: Option<Key<'a>>,
}

/// What a reader was at.
#[derive(Clone, Copy)]
pub(super) struct Start<'a>(Key<'a>);

impl<'a> Reader<'_, 'a> {
    pub(super) fn start(&self) -> Start<'a> {
        Start((self.targets, self.rest))
    }

    /// What was read since `start`; it has to ascend.
    pub(super) fn ascend(&self, start: Start<'a>, before: &mut Option<Key<'a>>) -> Result<(), Fault> {
        let Start((targets, bytes)) = start;
        let targets = targets.get(..targets.len().saturating_sub(self.targets.len())).unwrap_or_default();
        let bytes = bytes.get(..bytes.len().saturating_sub(self.rest.len())).unwrap_or_default();
        if !targets.is_empty() {
            // Whoever renumbers entities leaves the entries where they are.
            *before = None;
            return Ok(());
        }
        let key = (targets, bytes);
        if before.is_some_and(|before| before >= key) {
            return Err(Problem::Order.into());
        }
        *before = Some(key);
        Ok(())
    }
}

impl<'a> MapAccess<'a> for Entries<'_, '_, 'a> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let start = self.reader.start();
        let slot = Slot { reader: self.reader, node: &self.map.key };
        let key = part(slot, seed).map_err(|fault| fault.field("key"))?;
        self.reader.ascend(start, &mut self.before)?;
        Ok(Some(key))
    }

    fn next_value_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let slot = Slot { reader: self.reader, node: &self.map.value };
        part(slot, seed).map_err(|fault| fault.field("value"))
    }

    fn size_hint(&self) -> Option<usize> {
        usize::try_from(self.left).ok()
    }
}
