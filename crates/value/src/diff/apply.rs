use std::{
    collections::HashSet,
    hash::{BuildHasher, Hash, RandomState},
};

use super::{Change, Step, ValueDiff, What};
use crate::{
    error::Error,
    value::{Fields, Value},
};

type Done = Result<(), Error>;

impl ValueDiff {
    /// Makes the second value of the first. What was added to a map or a struct comes at its end.
    ///
    /// # Errors
    /// [`Error::Partial`] if not all changes were kept; [`Error::Unfit`] if the value is not the first one where something has changed.
    pub fn apply(&self, value: &Value<'_>) -> Result<Value<'static>, Error> {
        let kept = self.changes.len() as u64;
        if kept != self.total {
            return Err(Error::Partial { kept, total: self.total });
        }
        let mut value = value.clone().into_owned();
        if !self.changes.is_empty() {
            apply(&mut value, &self.changes, 0)?;
        }
        Ok(value)
    }
}

/// Changes a value to which all changes lead after `depth` steps.
fn apply(value: &mut Value<'static>, changes: &[Change], depth: usize) -> Done {
    if let [Change { path, what: What::Changed { from, to } }] = changes
        && path.steps.len() == depth
        && value == from
    {
        value.clone_from(to);
        return Ok(());
    }
    match value {
        Value::Option(Some(inner)) => apply(inner, changes, depth),
        Value::Seq(items) | Value::Tuple(items) => in_list(items, changes, depth),
        Value::Map(entries) => {
            let is_key = |step: &Step, key: &Value<'_>| matches!(step, Step::Key(other) if other == key);
            let key = |step: &Step| if let Step::Key(key) = step { Some(key.clone()) } else { None };
            named(entries, changes, depth, is_key, key)
        }
        Value::Struct(found) => in_fields(&mut found.fields, changes, depth),
        Value::Variant(found) => {
            let is_there = |step: &Step| matches!(step, Step::Variant(name) if **name == *found.name);
            match changes.first().and_then(|change| change.path.steps.get(depth)) {
                Some(step) if is_there(step) => in_fields(&mut found.fields, changes, depth + 1),
                _ => Err(unfit(changes)),
            }
        }
        _ => Err(unfit(changes)),
    }
}

fn in_fields(fields: &mut Fields<'static>, changes: &[Change], depth: usize) -> Done {
    match fields {
        Fields::Unit => Err(unfit(changes)),
        Fields::Newtype(value) => apply(value, changes, depth),
        Fields::Tuple(items) => in_list(items, changes, depth),
        Fields::Named(named_fields) => {
            let is_name = |step: &Step, name: &std::borrow::Cow<'_, str>| matches!(step, Step::Field(other) if **other == **name);
            let name = |step: &Step| {
                if let Step::Field(name) = step { Some(name.to_string().into()) } else { None }
            };
            named(named_fields, changes, depth, is_name, name)
        }
    }
}

/// Changes the entries of a map, or fields with names.
fn named<K: Hash>(
    entries: &mut Vec<(K, Value<'static>)>,
    changes: &[Change],
    depth: usize,
    is_key: impl Fn(&Step, &K) -> bool,
    key: impl Fn(&Step) -> Option<K>,
) -> Done {
    // What goes leaves its place empty until the end, so that nothing moves for each.
    let mut places: Vec<Option<(K, Value<'static>)>> =
        std::mem::take(entries).into_iter().map(Some).collect();
    let mut known: Option<Known> = None;
    // Changes stand in the order of the entries, so the next one is mostly right behind.
    let mut next = 0;
    for group in groups(changes, depth) {
        let Some(step) = step(group, depth) else { return Err(unfit(group)) };
        let end = end(group, depth);
        if let Some(What::Added(value)) = end {
            let key = key(step).ok_or_else(|| unfit(group))?;
            let known = known.get_or_insert_with(|| Known::of(places.iter().flatten().map(|(key, _)| key)));
            if known.may_have(&key) && place_of(&places, next, |key| is_key(step, key)).is_some() {
                return Err(unfit(group));
            }
            known.add(&key);
            places.push(Some((key, value.clone())));
            continue;
        }
        let place = place_of(&places, next, |key| is_key(step, key)).ok_or_else(|| unfit(group))?;
        let Some(entry) = places.get_mut(place) else { return Err(unfit(group)) };
        match (end, &mut *entry) {
            (Some(What::Removed(value)), Some((_, found))) if found == value => *entry = None,
            (None | Some(What::Changed { .. }), Some((_, value))) => apply(value, group, depth + 1)?,
            _ => return Err(unfit(group)),
        }
        next = place + 1;
    }
    entries.extend(places.into_iter().flatten());
    Ok(())
}

/// Where a key stands: it is looked for from a place on, and then in front of it.
fn place_of<K>(
    places: &[Option<(K, Value<'static>)>],
    from: usize,
    is_it: impl Fn(&K) -> bool,
) -> Option<usize> {
    let is_it = |place: &Option<(K, _)>| place.as_ref().is_some_and(|(key, _)| is_it(key));
    let (front, behind) = places.split_at_checked(from).unwrap_or((places, &[]));
    let found = behind.iter().position(&is_it).map(|place| from + place);
    found.or_else(|| front.iter().position(is_it))
}

/// The hashes of keys, so that one that is not there need not be looked for among all.
struct Known {
    state: RandomState,
    hashes: HashSet<u64>,
}

impl Known {
    fn of<'k, K: Hash + 'k>(keys: impl Iterator<Item = &'k K>) -> Self {
        let state = RandomState::new();
        let hashes = keys.map(|key| state.hash_one(key)).collect();
        Self { state, hashes }
    }

    fn may_have<K: Hash>(&self, key: &K) -> bool {
        self.hashes.contains(&self.state.hash_one(key))
    }

    fn add<K: Hash>(&mut self, key: &K) {
        self.hashes.insert(self.state.hash_one(key));
    }
}

fn in_list(items: &mut Vec<Value<'static>>, changes: &[Change], depth: usize) -> Done {
    let mut old = std::mem::take(items).into_iter();
    let mut taken = 0;
    for group in groups(changes, depth) {
        let Some(Step::Item { before, after }) = step(group, depth) else { return Err(unfit(group)) };
        // What is in front of it stays as it is.
        let stays = match (before, after) {
            (Some(before), _) => before.checked_sub(taken),
            (None, Some(after)) => after.checked_sub(items.len()),
            (None, None) => None,
        };
        let stays = stays.filter(|stays| *stays <= old.len()).ok_or_else(|| unfit(group))?;
        items.extend(old.by_ref().take(stays));
        taken += stays;
        match (end(group, depth), before) {
            (Some(What::Added(value)), None) => items.push(value.clone()),
            (Some(What::Removed(value)), Some(_)) if old.next().as_ref() == Some(value) => taken += 1,
            (None | Some(What::Changed { .. }), Some(_)) => {
                let mut item = old.next().ok_or_else(|| unfit(group))?;
                taken += 1;
                apply(&mut item, group, depth + 1)?;
                items.push(item);
            }
            _ => return Err(unfit(group)),
        }
    }
    items.extend(old);
    Ok(())
}

/// Changes that share the step at this depth.
fn groups(changes: &[Change], depth: usize) -> impl Iterator<Item = &[Change]> {
    changes.chunk_by(move |a, b| {
        let at = |change: &'_ Change| change.path.steps.get(depth).cloned();
        at(a) == at(b)
    })
}

fn step(group: &[Change], depth: usize) -> Option<&Step> {
    group.first()?.path.steps.get(depth).map(|step| &**step)
}

/// What happens at the step at this depth, if it is the last one.
fn end(group: &[Change], depth: usize) -> Option<&What> {
    match group {
        [change] if change.path.steps.len() == depth + 1 => Some(&change.what),
        _ => None,
    }
}

fn unfit(changes: &[Change]) -> Error {
    Error::Unfit { path: changes.first().map(|change| change.path.to_string()).unwrap_or_default() }
}
