use keepstone_value::{Shape, Value};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    doc::{Column, WorldDoc},
    edit::{cells, failed},
    error::Error,
    schema::{ComponentSchema, Encoding},
};

impl WorldDoc<'_> {
    /// The value of a resource, read by what the file says of it; none if there is no such resource.
    ///
    /// # Errors
    /// [`Error::Value`] if it can't be read.
    pub fn resource(&self, name: &str) -> Result<Option<Value<'_>>, Error> {
        match self.resource_column(name) {
            Some(column) => Ok(cells::read(column, 1)?.pop()),
            None => Ok(None),
        }
    }

    /// The value of a resource as a type without references; none if there is no such resource.
    ///
    /// # Errors
    /// [`Error::Value`] if it can't be read as `T`.
    pub fn resource_as<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        match self.resource_column(name) {
            Some(column) => Ok(cells::read_as(column, 1)?.pop()),
            None => Ok(None),
        }
    }

    fn resource_column(&self, name: &str) -> Option<&Column<'_>> {
        self.column(name).filter(|column| column.schema.resource)
    }
}

impl WorldDoc<'static> {
    /// Gives a resource a value, one that is not there as well. It keeps its encoding if the value fits it.
    ///
    /// # Errors
    /// [`Error::Edit`] if the name is a component's, the version is 0 or a reference leads to no entity; [`Error::Value`] if the value can't be
    /// written.
    pub fn set_resource(&mut self, name: &str, version: u32, value: Value<'_>) -> Result<(), Error> {
        let schema = self.resource_schema(name, version)?;
        self.put_resource(cells::write(&schema, &[value])?)
    }

    /// As [`WorldDoc::set_resource`], of a type without references.
    ///
    /// # Errors
    /// As [`WorldDoc::set_resource`].
    pub fn set_resource_as<T: Serialize>(&mut self, name: &str, version: u32, value: T) -> Result<(), Error> {
        let schema = self.resource_schema(name, version)?;
        self.put_resource(cells::write_as(&schema, &[value])?)
    }

    fn resource_schema(&self, name: &str, version: u32) -> Result<ComponentSchema, Error> {
        if version == 0 {
            return Err(failed(name, None, "versions start at 1"));
        }
        match self.column(name) {
            Some(column) if column.schema.resource => {
                Ok(ComponentSchema { version, ..column.schema.clone() })
            }
            Some(_) => Err(failed(name, None, "it is a component, not a resource")),
            None => {
                let encoding = Encoding::Rows { shape: Shape::default(), human_readable: false };
                Ok(ComponentSchema::new(name, version, true, encoding))
            }
        }
    }

    fn put_resource(&mut self, column: Column<'static>) -> Result<(), Error> {
        if let Ok(at) = self.place(&column.schema.name) {
            self.check_targets(&column)?;
            *self.column_at(at)? = column;
            return Ok(());
        }
        self.check_new(&column.schema.name)?;
        self.add(column, &[])
    }
}
