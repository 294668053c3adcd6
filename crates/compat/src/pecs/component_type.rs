use std::collections::{BTreeMap, HashSet};

use keepstone_format::limits::NAME_LEN_MAX;

use crate::pecs::{Id, Warning};

/// A component type of a file, and how often it is used.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentType<'a> {
    /// By which components name it.
    pub type_id: Id,
    /// Its name, which may be empty; none if it is not in the registry of the file.
    pub name: Option<&'a str>,
    /// The version of its definition; 0 if it is not in the registry.
    pub version: u32,
    /// The name of its column in a world; none if a later entry with the same id replaces this one, or if it names the block of
    /// [`File::extended`](crate::pecs::File::extended).
    pub column: Option<String>,
    /// How many entities have it.
    pub components: u64,
    /// How many bytes their data has.
    pub data_len: u64,
}

impl<'a> ComponentType<'a> {
    pub(super) fn new(type_id: u128, name: Option<&'a str>, version: u32) -> Self {
        Self { type_id: Id(type_id), name, version, column: None, components: 0, data_len: 0 }
    }

    fn usable_name(&self) -> Option<&'a str> {
        self.name.filter(|name| (1..=NAME_LEN_MAX).contains(&name.len()))
    }
}

/// Gives each type that counts a column name of its own, and says where that is not its name. What only names something else
/// has no column.
pub(super) fn name_columns(
    types: &mut [ComponentType<'_>],
    by_id: &BTreeMap<u128, u16>,
    is_other: impl Fn(&ComponentType<'_>) -> bool,
) -> Vec<Warning> {
    let counts = |index: usize, one: &ComponentType<'_>| {
        by_id.get(&one.type_id.0).is_some_and(|last| usize::from(*last) == index) && !is_other(one)
    };
    let mut warnings = Vec::new();
    let mut taken = HashSet::new();
    for (index, one) in types.iter_mut().enumerate() {
        if !counts(index, one) {
            warnings.extend((!is_other(one)).then(|| replaced(one)));
        } else if let Some(name) = one.usable_name()
            && taken.insert(name.to_owned())
        {
            one.column = Some(name.to_owned());
        }
    }
    for (index, one) in types.iter_mut().enumerate() {
        if one.column.is_some() || !counts(index, one) {
            continue;
        }
        let by_id = format!("pecs:{}", one.type_id);
        let free = (2_u32..).map(|n| format!("{by_id}#{n}"));
        let column = std::iter::once(by_id.clone()).chain(free).find(|name| !taken.contains(name));
        one.column.clone_from(&column);
        taken.extend(column);
        warnings.extend(renamed(one));
    }
    warnings
}

fn replaced(one: &ComponentType<'_>) -> Warning {
    let name = one.name.unwrap_or_default();
    let end = name.floor_char_boundary(NAME_LEN_MAX);
    Warning::ReplacedType {
        type_id: one.type_id,
        name: name.get(..end).unwrap_or_default().to_owned(),
        version: one.version,
    }
}

/// An empty name is legal and no reason for a warning.
fn renamed(one: &ComponentType<'_>) -> Option<Warning> {
    let type_id = one.type_id;
    match (one.name, one.usable_name()) {
        (None, _) => Some(Warning::UnregisteredType { type_id, components: one.components }),
        (Some(_), Some(name)) => Some(Warning::DuplicateTypeName { type_id, name: name.to_owned() }),
        (Some(""), None) => None,
        (Some(name), None) => Some(Warning::LongTypeName { type_id, len: name.len() as u64 }),
    }
}
