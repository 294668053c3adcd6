use keepstone_value::Shape;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    doc::WorldDoc,
    edit::{cells, count, failed},
    error::Error,
    schema::{ComponentSchema, Encoding},
};

impl WorldDoc<'_> {
    /// As [`WorldDoc::values`], as a type without references; plain columns are read by it too.
    ///
    /// # Errors
    /// As [`WorldDoc::values`], and [`Error::Edit`] for references and opaque columns.
    pub fn values_as<T: DeserializeOwned>(&self, name: &str) -> Result<Vec<(u32, T)>, Error> {
        let (at, holders) = self.holders_of(name)?;
        let values = match self.columns.get(at) {
            Some(column) => cells::read_as(column, count(&holders))?,
            None => Vec::new(),
        };
        Ok(holders.into_iter().zip(values).collect())
    }
}

impl WorldDoc<'static> {
    /// Replaces each value of a component: `edit` gets it as the type that it was, and gives one of the type that it is to be. Neither has references.
    ///
    /// A plain column stays plain if every value still fits its layout.
    ///
    /// ```
    /// use keepstone_ecs_persist::{Table, WorldDoc};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize)]
    /// struct Name(String);
    /// #[derive(Serialize, Deserialize)]
    /// struct FullName { first: String, last: String }
    ///
    /// let mut doc = WorldDoc::default();
    /// doc.tables = vec![Table { rows: 1, components: vec![] }];
    /// doc.insert_component_as("game.name", 1, [(0, Name("ann lee".into()))])?;
    /// doc.edit_values_as("game.name", |_, Name(name)| {
    ///     let (first, last) = name.split_once(' ').ok_or("a name has two words")?;
    ///     Ok(FullName { first: first.into(), last: last.into() })
    /// })?;
    /// let (_, name) = doc.values("game.name")?.next().unwrap();
    /// assert_eq!(name.to_string(), r#"FullName { first: "ann", last: "lee" }"#);
    /// # Ok::<(), keepstone_ecs_persist::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`WorldDoc::edit_values`], and [`Error::Edit`] for references and opaque columns.
    pub fn edit_values_as<T: DeserializeOwned, U: Serialize>(
        &mut self,
        name: &str,
        mut edit: impl FnMut(u32, T) -> Result<U, String>,
    ) -> Result<(), Error> {
        let (at, holders) = self.holders_of(name)?;
        let column = self.column_at(at)?;
        let values = cells::read_as(column, count(&holders))?;
        let edited = holders.iter().zip(values).map(|(ordinal, value)| {
            edit(*ordinal, value).map_err(|reason| failed(name, Some(*ordinal), reason))
        });
        let edited = edited.collect::<Result<Vec<U>, _>>()?;
        let column = cells::write_as(&column.schema, &edited)?;
        self.replace(at, &holders, column, None)
    }

    /// As [`WorldDoc::insert_component`], of a type without references.
    ///
    /// # Errors
    /// As [`WorldDoc::insert_column`].
    pub fn insert_component_as<T: Serialize>(
        &mut self,
        name: &str,
        version: u32,
        values: impl IntoIterator<Item = (u32, T)>,
    ) -> Result<(), Error> {
        self.check_new(name)?;
        if version == 0 {
            return Err(failed(name, None, "versions start at 1"));
        }
        let (holders, values) = self.sorted(name, values)?;
        let encoding = Encoding::Rows { shape: Shape::default(), human_readable: false };
        let schema = ComponentSchema::new(name, version, false, encoding);
        self.add(cells::write_as(&schema, &values)?, &holders)
    }
}
