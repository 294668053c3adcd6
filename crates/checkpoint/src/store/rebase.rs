//! Checkpoints that go, and what is made anew for those that stay and stand on them.

use std::{collections::HashMap, sync::Arc};

use keepstone_storage::Durability;

use super::{
    Shared, chain,
    prune::{Stage, Watch},
    restore::{Link, limits, links, put_together},
    rewrite::Rewritten,
};
use crate::{
    Error,
    catalog::Catalog,
    checkpoint::Checkpoint,
    delta::{self, Delta, DeltaKind, DeltaRef},
    form::{Body, Form, Place},
    id::Sequence,
    op::Op,
    planted::{self, Plant},
};

impl Shared {
    /// Bodies for what stays and stands on what goes.
    pub(super) fn rebased(
        &self,
        catalog: &Catalog,
        gone: &[Sequence],
        watch: &mut Watch<'_>,
    ) -> Result<Option<HashMap<Sequence, Body>>, Error> {
        let is_gone = |sequence: Sequence| gone.binary_search(&sequence).is_ok();
        let is_due = |checkpoint: &&Arc<Checkpoint>| {
            !is_gone(checkpoint.sequence) && checkpoint.base().is_some_and(is_gone)
        };
        let due: Vec<&Arc<Checkpoint>> = catalog.all().iter().filter(is_due).collect();
        let mut bodies = HashMap::with_capacity(due.len());
        for checkpoint in &due {
            if watch.stops(Stage::Rebase, bodies.len() as u64, due.len() as u64) {
                return Ok(None);
            }
            bodies.insert(checkpoint.sequence, self.rebase(catalog, checkpoint, &is_gone)?);
        }
        Ok(Some(bodies))
    }

    /// Makes a state stand on its nearest ancestor that stays, or on none.
    fn rebase(
        &self,
        catalog: &Catalog,
        checkpoint: &Checkpoint,
        is_gone: &impl Fn(Sequence) -> bool,
    ) -> Result<Body, Error> {
        let all = links(catalog, checkpoint.sequence)?;
        let mut stays = checkpoint.base();
        while let Some(base) = stays.filter(|base| is_gone(*base)) {
            stays = catalog.get(base).and_then(|base| base.base());
        }
        if let Some(base) = stays {
            let from = all.iter().position(|link| link.sequence > base);
            // What is between them; states that are the same as the one before don't count.
            let between = from.and_then(|from| all.get(from..)).unwrap_or_default();
            if let Some(composed) = self.composed(between)? {
                let form = if composed.is_empty() { Form::Same(base) } else { Form::Delta(base) };
                return Ok(Body { form, place: Place::Journal(composed.into()) });
            }
        }
        let (state, _) = put_together(self.ground.backend(), &all, self.options.state_bytes_max)?;
        Ok(chain::whole(&state, &self.options)?.0)
    }

    /// What some differences are together; none if one of them can't be part of another.
    fn composed(&self, links: &[Link]) -> Result<Option<Vec<u8>>, Error> {
        let mut sum: Option<Delta> = None;
        let limits = limits(self.options.state_bytes_max);
        for link in links.iter().filter(|link| !matches!(link.form, Form::Same(_))) {
            let bytes = link.read(self.ground.backend())?;
            let broken = |source: delta::Error| Error::Delta { id: link.id, source: Box::new(source) };
            let delta = DeltaRef::decode(&bytes, limits).map_err(broken)?;
            if delta.kind() == DeltaKind::Prefixed {
                return Ok(None);
            }
            let delta = delta.to_delta();
            sum = Some(match sum {
                None => delta,
                Some(before) => delta::compose(&before, &delta).map_err(broken)?,
            });
        }
        let Some(sum) = sum else { return Ok(Some(Vec::new())) };
        let mut bytes = Vec::new();
        sum.encode_into(self.options.compression.codec(), &mut bytes)
            .map_err(|source| Error::Unencodable { source: Box::new(source) })?;
        Ok(Some(bytes))
    }

    /// Whether the journal may have these bodies as well. A store in memory has no journal.
    pub(super) fn has_room_for(&self, bodies: &HashMap<Sequence, Body>) -> Result<bool, Error> {
        let live = self.live()?;
        let bytes =
            bodies.values().fold(live.journal_bytes, |sum, body| sum.saturating_add(body.place.len()));
        let has_room = bytes <= live.journal_bytes_max(self.options.journal_bytes_max)
            && live.unsealed < live.unsealed_max();
        Ok(has_room && self.ground.is_durable())
    }

    /// Lets go as one commit, with what stays and is made anew, and waits until it is durable; none: it was stopped. A crash half-way leaves all or none of it.
    ///
    /// What was committed before the bodies were made has to be durable: else another checkpoint may get the sequence of one that is lost.
    pub(super) fn prune_in_journal(
        &self,
        bodies: HashMap<Sequence, Body>,
        gone: &[Sequence],
        watch: &mut Watch<'_>,
    ) -> Result<Option<Rewritten>, Error> {
        let mut bodies: Vec<(Sequence, Body)> = bodies.into_iter().collect();
        bodies.sort_unstable_by_key(|(of, _)| *of);
        let total = bodies.len() as u64;
        let mut rewritten = Rewritten { rebased: total, bytes: 0 };
        // Whoever watches is told at least once.
        if bodies.is_empty() && watch.stops(Stage::Write, 0, 0) {
            return Ok(None);
        }
        let mut ops = Vec::with_capacity(bodies.len() + 1);
        for (done, (of, Body { form, place })) in (0..).zip(bodies) {
            if watch.stops(Stage::Write, done, total) {
                return Ok(None);
            }
            let Place::Journal(bytes) = place else { continue };
            rewritten.bytes += bytes.len() as u64;
            ops.push(Op::Rebase { of, form, bytes });
        }
        ops.push(Op::Prune { gone: gone.to_vec() });
        let (number, journal) = {
            let mut live = self.live()?;
            (live.commit(ops), Arc::clone(&live.journal))
        };
        let number = number?;
        let unsynced = planted::is(Plant::UnsyncedPrune);
        self.waited(&journal, number, if unsynced { Durability::Buffered } else { Durability::Durable })?;
        Ok(Some(rewritten))
    }
}
