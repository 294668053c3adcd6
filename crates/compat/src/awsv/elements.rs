//! Counts the elements of lists and maps before they are built, and keeps none.

use std::{fmt, marker::PhantomData};

use keepstone_format::limits::ELEMENTS_MAX;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::awsv::{CompanionProfile, PlayerInventory, SaveFields};

/// A type that has a smaller twin, which is read from the same row and says how many elements it has.
pub(super) trait Weighed {
    type Twin: for<'de> Deserialize<'de> + Elements;
}

pub(super) trait Elements {
    fn elements(&self) -> u64;
}

/// How many elements a list has, with those in them.
pub(super) struct List<T>(u64, PhantomData<T>);

/// How many entries a map has.
pub(super) struct Entries(u64);

#[derive(Deserialize)]
pub(super) struct Companion {
    skills: List<IgnoredAny>,
    facts: List<IgnoredAny>,
    episodes_summarized: List<IgnoredAny>,
}

#[derive(Deserialize)]
pub(super) struct Inventory {
    items: List<Item>,
}

#[derive(Deserialize)]
pub(super) struct Item {
    attrs: Entries,
}

impl Weighed for SaveFields {
    type Twin = IgnoredAny;
}

impl Weighed for Vec<CompanionProfile> {
    type Twin = List<Companion>;
}

impl Weighed for PlayerInventory {
    type Twin = Inventory;
}

impl Weighed for std::collections::BTreeMap<String, String> {
    type Twin = Entries;
}

impl Elements for IgnoredAny {
    fn elements(&self) -> u64 {
        0
    }
}

impl<T> Elements for List<T> {
    fn elements(&self) -> u64 {
        self.0
    }
}

impl Elements for Entries {
    fn elements(&self) -> u64 {
        self.0
    }
}

impl Elements for Companion {
    fn elements(&self) -> u64 {
        let Self { skills, facts, episodes_summarized } = self;
        skills.0.saturating_add(facts.0).saturating_add(episodes_summarized.0)
    }
}

impl Elements for Inventory {
    fn elements(&self) -> u64 {
        self.items.0
    }
}

impl Elements for Item {
    fn elements(&self) -> u64 {
        self.attrs.0
    }
}

impl<'de, T: Deserialize<'de> + Elements> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let count = deserializer.deserialize_seq(Count::<T>(PhantomData))?;
        Ok(Self(count, PhantomData))
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Count::<IgnoredAny>(PhantomData)).map(Self)
    }
}

struct Count<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Elements> Visitor<'de> for Count<T> {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or a map")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<u64, A::Error> {
        let mut count = 0;
        while let Some(element) = list.next_element::<T>()? {
            count = add(count, &element)?;
        }
        Ok(count)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<u64, A::Error> {
        let mut count = 0;
        while let Some((IgnoredAny, value)) = map.next_entry::<IgnoredAny, T>()? {
            count = add(count, &value)?;
        }
        Ok(count)
    }
}

/// Counts one more. Without an end, elements that take no bytes could take for ever.
fn add<E: Error>(count: u64, element: &impl Elements) -> Result<u64, E> {
    let count = count.saturating_add(1).saturating_add(element.elements());
    if count > u64::from(ELEMENTS_MAX) {
        return Err(E::custom(format_args!("a list has more than {ELEMENTS_MAX} elements")));
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Weighed>(json: &str, count: u64) {
        assert_eq!(serde_json::from_str::<T::Twin>(json).unwrap().elements(), count, "{json}");
    }

    #[test]
    fn elements_of_all_levels_are_counted_and_fields_are_not() {
        check::<Vec<CompanionProfile>>("[]", 0);
        let echo =
            r#"{"id": "e", "level": 1, "skills": ["a", "b"], "facts": [], "episodes_summarized": ["c"]}"#;
        check::<Vec<CompanionProfile>>(&format!("[{echo}, {echo}]"), 8);
        check::<PlayerInventory>(
            r#"{"credits": 7, "items": [{"attrs": {}}, {"attrs": {"a": 1, "b": 2}}]}"#,
            4,
        );
        check::<std::collections::BTreeMap<String, String>>(r#"{"a": "1", "b": "2", "c": "3"}"#, 3);
        check::<SaveFields>(r#"{"tick": 7}"#, 0);
    }
}
