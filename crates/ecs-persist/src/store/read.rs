use std::collections::{BTreeMap, HashMap, HashSet};

use keepstone_format::wire::Input;

use crate::{
    check::invalid,
    doc::WorldDoc,
    error::Error,
    identity::PersistId,
    schema::{ComponentSchema, Encoding, Schema},
    store::{join::Joined, record::EntityRecord},
};

/// Entities that were read from records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredDocs {
    /// The entities, in as few documents as the definitions of their components allow. None where there are no records.
    pub docs: Vec<StoredDoc>,
    /// Entities that are referred to and have no record among those read, ascending.
    pub pending: Vec<PersistId>,
}

/// Entities of a store as a document, to spawn or to look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredDoc {
    /// Its first `whole` entities are those with records, with all that they have; behind them stand the entities that these refer to and that are
    /// pending or in another document, with a [`PersistId`] alone.
    pub doc: WorldDoc<'static>,
    /// How many entities have a record.
    pub whole: u32,
    /// The id of each entity, by ordinal.
    pub ids: Vec<PersistId>,
}

/// Joins records into documents; `records` are ids and what was kept under them.
///
/// Records that were written at different times may define a component differently. Shapes of serde rows are joined: where they differ, the rows are
/// read as dynamic values and written anew. For another version, layout or encoding there is another document, as a component is
/// one column in one: each entity stands in the first that has no other definition of one of its components. Entities with the same components make a table,
/// in which those that were saved together follow each other in the order of the records; under one target of a relationship they keep their order.
///
/// Memory is proportional to the bytes of the records.
///
/// # Errors
/// [`Error::DuplicateId`] when an id stands twice; the rule of FORMAT.md, section 12, that doesn't hold; [`Error::NewerFormat`] for a record of a later
/// version; [`Error::Value`] when a serde row with references can't be read; [`Error::Limit`].
pub fn from_records(records: &[(PersistId, &[u8])]) -> Result<StoredDocs, Error> {
    let groups = grouped(records)?;
    let mut docs = Vec::new();
    for plan in planned(groups) {
        docs.push(joined(plan)?);
    }
    let whole: HashSet<PersistId> = records.iter().map(|(id, _)| *id).collect();
    let bare = docs.iter().flat_map(|stored| stored.ids.get(stored.whole as usize..).unwrap_or_default());
    let mut pending: Vec<PersistId> = bare.copied().filter(|id| !whole.contains(id)).collect();
    pending.sort_unstable();
    pending.dedup();
    Ok(StoredDocs { docs, pending })
}

/// Records with the same schema.
struct Group<'a> {
    schema: Schema,
    entities: Vec<(PersistId, Input<'a>)>,
}

fn grouped<'a>(records: &[(PersistId, &'a [u8])]) -> Result<Vec<Group<'a>>, Error> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut places: HashMap<&[u8], usize> = HashMap::new();
    let mut seen: HashSet<PersistId> = HashSet::with_capacity(records.len());
    for &(id, bytes) in records {
        let record = EntityRecord::decode(bytes)?;
        if record.id() != id {
            return Err(invalid(
                "id of an entity record",
                record.id(),
                format!("{id}, which it was kept under"),
            ));
        }
        if !seen.insert(id) {
            return Err(Error::DuplicateId { id, place: "both are among the records" });
        }
        let place = *places.entry(record.schema_bytes()).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Group { schema: record.schema()?, entities: Vec::new() });
        }
        if let Some(group) = groups.get_mut(place) {
            group.entities.push((id, record.values()));
        }
    }
    Ok(groups)
}

/// Groups that go into one document.
#[derive(Default)]
struct Plan<'a> {
    components: BTreeMap<String, ComponentSchema>,
    groups: Vec<Group<'a>>,
}

impl Plan<'_> {
    fn has_room(&self, schema: &Schema) -> bool {
        let fits =
            |new: &ComponentSchema| self.components.get(&new.name).is_none_or(|known| are_one(known, new));
        schema.components().iter().all(fits)
    }
}

/// Whether rows of both can be one column.
fn are_one(known: &ComponentSchema, new: &ComponentSchema) -> bool {
    let same = match (&known.encoding, &new.encoding) {
        (Encoding::Rows { human_readable: a, .. }, Encoding::Rows { human_readable: b, .. }) => a == b,
        (a, b) => a == b,
    };
    same && known.version == new.version
}

/// Of so many documents one is looked for: hostile records could else make the search longer than the square of their number.
const SEARCHED_MAX: usize = 64;

fn planned(groups: Vec<Group<'_>>) -> Vec<Plan<'_>> {
    let mut plans: Vec<Plan<'_>> = Vec::new();
    for group in groups {
        let first = plans.len().saturating_sub(SEARCHED_MAX);
        let place = plans.iter().skip(first).position(|plan| plan.has_room(&group.schema));
        let place = place.map_or(plans.len(), |place| first + place);
        if place == plans.len() {
            plans.push(Plan::default());
        }
        if let Some(plan) = plans.get_mut(place) {
            for component in group.schema.components() {
                if !plan.components.contains_key(&component.name) {
                    plan.components.insert(component.name.clone(), component.clone());
                }
            }
            plan.groups.push(group);
        }
    }
    plans
}

fn joined(plan: Plan<'_>) -> Result<StoredDoc, Error> {
    let mut joined = Joined::new(plan.components)?;
    // Groups with the same components side by side: they are one table.
    let mut tables: Vec<Vec<Group<'_>>> = Vec::new();
    let mut places: HashMap<Vec<String>, usize> = HashMap::new();
    for group in plan.groups {
        let names = group.schema.components().iter().map(|component| component.name.clone()).collect();
        let place = *places.entry(names).or_insert(tables.len());
        if place == tables.len() {
            tables.push(Vec::new());
        }
        if let Some(table) = tables.get_mut(place) {
            table.push(group);
        }
    }
    for group in tables.into_iter().flatten() {
        joined.push(&group.schema, group.entities)?;
    }
    joined.finish()
}
