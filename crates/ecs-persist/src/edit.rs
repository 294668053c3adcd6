//! Changes to a document, for those who write migrations.
//!
//! All of them keep the ordinals of the entities, but for `despawn`, and leave a document that passes `check`; one that fails changes
//! nothing.

mod cells;
mod entities;
mod join;
mod plain;
mod resource;
mod tables;
mod typed;

use keepstone_value::{Shape, Value};

use crate::{
    doc::{Column, ColumnData, NONE, WorldDoc},
    error::Error,
    foreign::ForeignId,
    gather::Index,
    schema::{ComponentSchema, Encoding},
};

pub(crate) fn failed(component: &str, ordinal: Option<u32>, reason: impl Into<String>) -> Error {
    Error::Edit { component: component.to_owned(), ordinal, reason: reason.into() }
}

/// Changes for those who write migrations. They keep the ordinals of the entities, but for [`WorldDoc::despawn`]; what fails changes nothing. A
/// document that passes [`WorldDoc::check`] passes it afterwards.
///
/// A change of values reads all values of the column and writes them anew, some times what a load of the column costs. Each value takes 32 bytes
/// and more meanwhile, whatever it takes in its row.
impl WorldDoc<'static> {
    /// Gives a component or resource another name. Its version stays.
    ///
    /// # Errors
    /// [`Error::Edit`] if there is none of this name, or one of the other.
    pub fn rename_component(&mut self, from: &str, to: &str) -> Result<(), Error> {
        let at = self.place(from)?;
        if from == to {
            return Ok(());
        }
        self.check_new(to)?;
        let mut column = self.columns.remove(at);
        to.clone_into(&mut column.schema.name);
        let new = self.columns.partition_point(|other| other.schema.name.as_str() < to);
        self.columns.insert(new, column);
        tables::rename(&mut self.tables, |old| {
            if old == at {
                return new;
            }
            let between = old - usize::from(old > at);
            between + usize::from(between >= new)
        });
        Ok(())
    }

    /// Takes a component away from all entities, or a resource from the world; false if there was none.
    pub fn remove_component(&mut self, name: &str) -> bool {
        let Ok(at) = self.place(name) else { return false };
        self.columns.remove(at);
        for table in &mut self.tables {
            table.components.retain(|component| usize::from(*component) != at);
        }
        tables::rename(&mut self.tables, |old| old - usize::from(old > at));
        tables::join(&mut self.tables);
        true
    }

    /// Says of which version the definition is that the values of a component or resource follow.
    ///
    /// # Errors
    /// [`Error::Edit`] if there is none of this name, or the version is 0.
    pub fn set_component_version(&mut self, name: &str, version: u32) -> Result<(), Error> {
        let at = self.place(name)?;
        if version == 0 {
            return Err(failed(name, None, "versions start at 1"));
        }
        self.column_at(at)?.schema.version = version;
        Ok(())
    }

    /// Changes the values of a component, one after the other in the order of the ordinals.
    ///
    /// The column keeps its encoding where every value still fits it: numbers may change, and stay in the range of their types. Otherwise its rows are serde
    /// values from then on. Integers that outgrow their type get one that holds all of their position, see
    /// [`encode_values_like`](keepstone_value::encode_values_like). Rows of a relationship keep their order among those with their target; those that
    /// get another one come last.
    ///
    /// ```
    /// use keepstone_ecs_persist::{Table, WorldDoc};
    /// use keepstone_value::Value;
    ///
    /// let mut doc = WorldDoc::default();
    /// doc.tables = vec![Table { rows: 2, components: vec![] }];
    /// doc.insert_component("game.level", 1, [(0, Value::Int(3)), (1, Value::Int(4))])?;
    ///
    /// doc.edit_values("game.level", |_, value| {
    ///     let level = value.as_int().ok_or("a level is a number")?;
    ///     *value = Value::Int(level * 10);
    ///     Ok(())
    /// })?;
    /// let levels: Vec<_> = doc.values("game.level")?.collect();
    /// assert_eq!(levels, [(0, Value::Int(30)), (1, Value::Int(40))]);
    /// # Ok::<(), keepstone_ecs_persist::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Edit`] if there is no such component, with what `edit` says, or if a reference leads to no entity; [`Error::Value`] if a value can't
    /// be read or written.
    pub fn edit_values(
        &mut self,
        name: &str,
        mut edit: impl FnMut(u32, &mut Value<'_>) -> Result<(), String>,
    ) -> Result<(), Error> {
        let (at, holders) = self.holders_of(name)?;
        let column = self.column_at(at)?;
        let mut values = cells::read(column, count(&holders))?;
        for (ordinal, value) in holders.iter().zip(&mut values) {
            edit(*ordinal, value).map_err(|reason| failed(name, Some(*ordinal), reason))?;
        }
        let column = cells::write(&column.schema, &values)?;
        drop(values);
        self.replace(at, &holders, column, None)
    }

    /// Adds a component that no entity has yet, with serde rows. See [`WorldDoc::insert_column`].
    ///
    /// # Errors
    /// As [`WorldDoc::insert_column`].
    pub fn insert_component<'v>(
        &mut self,
        name: &str,
        version: u32,
        values: impl IntoIterator<Item = (u32, Value<'v>)>,
    ) -> Result<(), Error> {
        let encoding = Encoding::Rows { shape: Shape::default(), human_readable: false };
        self.insert_column(&ComponentSchema::new(name, version, false, encoding), values)
    }

    /// Adds a component that no entity has yet, with the values of the entities that get it.
    ///
    /// It has the encoding of the schema if every value fits it: [`Value::Entity`] fits references, which relationships are. Otherwise its
    /// rows are serde values. Tables are cut where some of their entities get it.
    ///
    /// # Errors
    /// [`Error::Edit`] if there is a column of this name, the schema is of a resource or of version 0, an ordinal is too large or there twice, or a
    /// reference leads to no entity; [`Error::Value`] if a value can't be written, [`Error::Limit`] beyond the components and tables that a world may have.
    pub fn insert_column<'v>(
        &mut self,
        schema: &ComponentSchema,
        values: impl IntoIterator<Item = (u32, Value<'v>)>,
    ) -> Result<(), Error> {
        let name = schema.name.as_str();
        self.check_new(name)?;
        if schema.resource || schema.version == 0 {
            return Err(failed(name, None, "a component is no resource, and its versions start at 1"));
        }
        let (holders, values) = self.sorted(name, values)?;
        self.add(cells::write(schema, &values)?, &holders)
    }

    /// Gives entities values of a component that is there: those that have one get another, the others their first.
    ///
    /// # Errors
    /// As [`WorldDoc::insert_column`], and [`Error::Edit`] if there is no such component.
    pub fn set_values<'v>(
        &mut self,
        name: &str,
        values: impl IntoIterator<Item = (u32, Value<'v>)>,
    ) -> Result<(), Error> {
        let (at, before) = self.holders_of(name)?;
        let (ordinals, values) = self.sorted(name, values)?;
        let column = self.column_at(at)?;
        let old = cells::read(column, count(&before))?;
        let old =
            before.iter().copied().zip(old).filter(|(ordinal, _)| ordinals.binary_search(ordinal).is_err());
        let mut all: Vec<(u32, Value<'_>)> = old.chain(ordinals.iter().copied().zip(values)).collect();
        all.sort_by_key(|(ordinal, _)| *ordinal);
        let (holders, values): (Vec<_>, Vec<_>) = all.into_iter().unzip();
        let column = cells::write(&column.schema, &values)?;
        drop(values);
        self.replace(at, &before, column, Some(&holders))
    }

    /// Takes a component away from these entities. The component stays, whether an entity has it or not.
    ///
    /// # Errors
    /// [`Error::Edit`] if there is no such component, or one of the entities hasn't it; [`Error::Value`] if a value can't be read.
    pub fn remove_values(&mut self, name: &str, ordinals: &[u32]) -> Result<(), Error> {
        let (at, before) = self.holders_of(name)?;
        if let Some(ordinal) = ordinals.iter().find(|ordinal| before.binary_search(ordinal).is_err()) {
            return Err(failed(name, Some(*ordinal), "the entity has no such component"));
        }
        let mut gone = ordinals.to_vec();
        gone.sort_unstable();
        let column = self.column_at(at)?;
        let old = before.iter().copied().zip(cells::read(column, count(&before))?);
        let left = old.filter(|(ordinal, _)| gone.binary_search(ordinal).is_err());
        let (holders, values): (Vec<_>, Vec<_>) = left.unzip();
        let column = cells::write(&column.schema, &values)?;
        drop(values);
        self.replace(at, &before, column, Some(&holders))
    }

    fn column_at(&mut self, at: usize) -> Result<&mut Column<'static>, Error> {
        self.columns.get_mut(at).ok_or_else(|| failed("", None, "the component is gone"))
    }

    /// Puts a column in the place of one; `holders` are the entities that have it from now on, if not those `before`.
    fn replace(
        &mut self,
        at: usize,
        before: &[u32],
        mut column: Column<'static>,
        holders: Option<&[u32]>,
    ) -> Result<(), Error> {
        self.check_targets(&column)?;
        let tables = match holders {
            Some(holders) => Some(tables::with_holders(self, at, holders)?),
            None => None,
        };
        let entities = self.entity_count();
        let slot = self.column_at(at)?;
        let links = cells::links(slot, before);
        cells::order(&mut column, holders.unwrap_or(before), &links, entities);
        *slot = column;
        if let Some(tables) = tables {
            self.tables = tables;
        }
        Ok(())
    }

    /// Adds a column that is not there.
    fn add(&mut self, column: Column<'static>, holders: &[u32]) -> Result<(), Error> {
        tables::check_room(self)?;
        self.check_targets(&column)?;
        let at = self.columns.partition_point(|other| other.schema.name < column.schema.name);
        let before = self.tables.clone();
        tables::rename(&mut self.tables, |old| old + usize::from(old >= at));
        match if column.schema.resource {
            Ok(None)
        } else {
            tables::with_holders(self, at, holders).map(Some)
        } {
            Ok(tables) => {
                self.columns.insert(at, column);
                self.tables = tables.unwrap_or_else(|| std::mem::take(&mut self.tables));
                Ok(())
            }
            Err(error) => {
                self.tables = before;
                Err(error)
            }
        }
    }

    /// Checks the name of a column that is to come.
    fn check_new(&self, name: &str) -> Result<(), Error> {
        if name.is_empty() || name.len() > NAME_MAX {
            return Err(failed(name, None, format!("names have 1 to 255 bytes, this one {}", name.len())));
        }
        if self.column(name).is_some() {
            return Err(failed(name, None, "there is a component of this name already"));
        }
        if name == ForeignId::COMPONENT && self.foreign_ids.is_some() {
            return Err(failed(name, None, "the entities have foreign ids already"));
        }
        Ok(())
    }

    /// Checks that references lead to entities that are there.
    fn check_targets(&self, column: &Column<'_>) -> Result<(), Error> {
        let targets = match &column.data {
            ColumnData::Rows { targets, .. } | ColumnData::References { targets, .. } => targets.as_ref(),
            ColumnData::Plain(_) | ColumnData::Opaque { .. } => &[],
        };
        let entities = self.entity_count();
        match targets.iter().find(|target| **target >= entities && **target != NONE) {
            Some(target) => {
                let reason = format!("a value refers to entity {target}, and there are {entities}");
                Err(failed(&column.schema.name, None, reason))
            }
            None => Ok(()),
        }
    }

    /// The values by their ordinals.
    fn sorted<V>(
        &self,
        name: &str,
        values: impl IntoIterator<Item = (u32, V)>,
    ) -> Result<(Vec<u32>, Vec<V>), Error> {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_by_key(|(ordinal, _)| *ordinal);
        let (ordinals, values): (Vec<u32>, Vec<V>) = values.into_iter().unzip();
        let twice = ordinals.windows(2).find_map(|pair| pair.first().filter(|a| pair.last() == Some(*a)));
        if let Some(ordinal) = twice {
            return Err(failed(name, Some(*ordinal), "the entity is given two values"));
        }
        let entities = self.entity_count();
        match ordinals.last() {
            Some(last) if *last >= entities => {
                Err(failed(name, Some(*last), format!("there are {entities} entities")))
            }
            _ => Ok((ordinals, values)),
        }
    }
}

impl WorldDoc<'_> {
    /// The entities that have a component, ascending, and their values, read by what the file says of them.
    ///
    /// Structs of plain columns have numbers for names, as a layout has no names. A reference is a [`Value::Entity`], a row of an opaque column [`Value::Bytes`].
    /// Each value takes 32 bytes and more, whatever it takes in its row.
    ///
    /// # Errors
    /// [`Error::Edit`] if there is no such component, [`Error::Value`] if a value can't be read.
    pub fn values(&self, name: &str) -> Result<impl ExactSizeIterator<Item = (u32, Value<'_>)>, Error> {
        let (at, holders) = self.holders_of(name)?;
        let values = match self.columns.get(at) {
            Some(column) => cells::read(column, count(&holders))?,
            None => Vec::new(),
        };
        Ok(holders.into_iter().zip(values))
    }

    fn place(&self, name: &str) -> Result<usize, Error> {
        let found = self.columns.binary_search_by(|column| column.schema.name.as_str().cmp(name));
        found.map_err(|_| failed(name, None, "the document has none of this name"))
    }

    /// Where a component stands, and the entities that have it.
    fn holders_of(&self, name: &str) -> Result<(usize, Vec<u32>), Error> {
        let at = self.place(name)?;
        if self.columns.get(at).is_some_and(|column| column.schema.resource) {
            return Err(failed(name, None, "it is a resource, not a component"));
        }
        Ok((at, Index::of(self).holders(at).collect()))
    }
}

/// Bytes that a name may have: its length takes one.
const NAME_MAX: usize = 255;

fn count(holders: &[u32]) -> u32 {
    u32::try_from(holders.len()).unwrap_or(u32::MAX)
}
