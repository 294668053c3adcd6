use std::path::Path;

use anyhow::Result;
use keepstone::{
    Codec, SaveOptions,
    ecs::{EntityStore, Keep, MemoryStore, PersistId, Selection, StoreBatch, WorldDoc, records},
    format::{Limits, Reader},
    prelude::*,
};
use keepstone_backends::redb::RedbStore;

use super::{Removed, capture::with_ids};
use crate::case::{Case, Plan};

/// Records of all entities and one batch into memory, beside an entity at a time: each made by itself and saved.
pub(super) fn in_memory(plan: &Plan, _: &Path) -> Result<Case> {
    let stores = [InMemory(MemoryStore::new()), InMemory(MemoryStore::new())];
    Ok(batched(plan, stores, plan.amount)?.limit(0.1))
}

/// The same into a database, where each save is durable.
pub(super) fn in_redb(plan: &Plan, dir: &Path) -> Result<Case> {
    let [batch, single] = ["batch.redb", "single.redb"].map(|name| Removed(dir.join(name)));
    let stores = [OnDisk::open(batch)?, OnDisk::open(single)?];
    // One of each hundred by itself, as each costs as much as a sync.
    Ok(batched(plan, stores, plan.amount / 100)?.limit(0.1))
}

/// A store, and behind it its file, which goes when it is closed.
struct OnDisk(RedbStore, #[expect(dead_code, reason = "it is there to be dropped")] Removed);

impl OnDisk {
    fn open(file: Removed) -> Result<Self> {
        Ok(Self(RedbStore::open(file.path())?, file))
    }
}

impl AsRef<dyn EntityStore> for OnDisk {
    fn as_ref(&self) -> &(dyn EntityStore + 'static) {
        &self.0
    }
}

struct InMemory(MemoryStore);

impl AsRef<dyn EntityStore> for InMemory {
    fn as_ref(&self) -> &(dyn EntityStore + 'static) {
        &self.0
    }
}

/// Bytes that are there already, in a batch and one by one: what a store itself makes of it.
pub(super) fn bytes_in_memory(plan: &Plan, _: &Path) -> Result<Case> {
    let made = all_records(&document(plan.amount)?, plan.amount)?;
    let same = made.clone();
    let [batch, single] = [MemoryStore::new(), MemoryStore::new()];
    let case = plan.case().per("entity", plan.amount).ours(move |watch| {
        let lent: Vec<(PersistId, &[u8])> =
            made.iter().map(|(id, record)| (*id, record.as_slice())).collect();
        watch.together(|| Ok(batch.save_batch(&lent)?))
    });
    Ok(case.floor(1.0, "save, one by one", move |watch| {
        watch.together(|| same.iter().try_for_each(|(id, record)| Ok(single.save(*id, record)?)))
    }))
}

fn batched<S: AsRef<dyn EntityStore> + 'static>(
    plan: &Plan,
    [batch, single]: [S; 2],
    alone: u32,
) -> Result<Case> {
    let doc = document(plan.amount)?;
    let apart: Vec<WorldDoc<'static>> =
        (0..alone).map(|ordinal| one(&doc, ordinal)).collect::<Result<_>>()?;
    let entities = plan.amount;
    let case = plan.case().per("entity", entities).ours(move |watch| {
        watch.together(|| Ok(batch.as_ref().apply(&StoreBatch::from(all_records(&doc, entities)?))?))
    });
    let weight = f64::from(entities) / f64::from(alone.max(1));
    Ok(case.floor(weight, "records + save, one by one", move |watch| {
        watch.together(|| {
            for doc in &apart {
                for (id, record) in records(doc, 1)? {
                    single.as_ref().save(id, &record)?;
                }
            }
            Ok(())
        })
    }))
}

fn all_records(doc: &WorldDoc<'_>, entities: u32) -> Result<Vec<(PersistId, Vec<u8>)>> {
    Ok(records(doc, entities)?)
}

fn document(entities: u32) -> Result<WorldDoc<'static>> {
    let world = with_ids(entities)?;
    let mut bytes = Vec::new();
    world.save_to_with(&mut bytes, &SaveOptions::default().codec(Codec::None))?;
    let reader = Reader::open(bytes.as_slice(), Limits::for_file_len(bytes.len() as u64))?;
    Ok(WorldDoc::decode(&reader, 0)?.into_owned())
}

/// An entity without the others.
fn one(doc: &WorldDoc<'_>, ordinal: u32) -> Result<WorldDoc<'static>> {
    let keep = (0..doc.entity_count()).map(|at| if at == ordinal { Keep::Whole } else { Keep::Drop });
    let mut selection = Selection::all().entities(keep.collect());
    for (at, column) in doc.columns.iter().enumerate() {
        if column.schema.resource {
            selection = selection.without(at);
        }
    }
    Ok(doc.gather(&selection)?.doc.into_owned())
}
