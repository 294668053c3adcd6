//! Formats of deltas, and chains of migrations.

use std::sync::Arc;

use super::{PersistenceManager, check_name};
use crate::{
    error::Error,
    format::{DeltaFormat, named::Name},
    migrate::MigrationChain,
};

const DELTA: &str = "a format of deltas";
const CHAIN: &str = "a chain of migrations";

/// A chain under the name that it was registered with.
pub(super) struct Chain {
    name: String,
    chain: MigrationChain,
}

impl Name for Chain {
    fn name(&self) -> &str {
        &self.name
    }
}

impl Name for dyn DeltaFormat {
    fn name(&self) -> &str {
        DeltaFormat::name(self)
    }
}

impl PersistenceManager {
    /// Adds a format of deltas. The first one is the default.
    ///
    /// # Errors
    /// [`Error::DuplicatePlugin`] when another has its name, [`Error::BadPluginName`] when that doesn't have 1 to 128 bytes.
    #[doc(alias = "DeltaPersistencePlugin")]
    pub fn register_delta_format(&mut self, format: impl DeltaFormat + 'static) -> Result<(), Error> {
        check_name(DELTA, format.name())?;
        let add = self.deltas.add(Arc::new(format));
        add.map_err(|format| Error::DuplicatePlugin {
            what: DELTA,
            name: DeltaFormat::name(&*format).to_owned(),
        })
    }

    /// Puts a format of deltas in the place of the one with its name and returns that; where there is none, adds it.
    ///
    /// # Errors
    /// [`Error::BadPluginName`].
    pub fn replace_delta_format(
        &mut self,
        format: impl DeltaFormat + 'static,
    ) -> Result<Option<Arc<dyn DeltaFormat>>, Error> {
        check_name(DELTA, format.name())?;
        Ok(self.deltas.replace(Arc::new(format)))
    }

    /// Takes a format of deltas out.
    pub fn remove_delta_format(&mut self, name: &str) -> Option<Arc<dyn DeltaFormat>> {
        self.deltas.remove(name)
    }

    /// The format of deltas with this name.
    ///
    /// # Errors
    /// [`Error::UnknownPlugin`] when there is none.
    pub fn delta_format(&self, name: &str) -> Result<&Arc<dyn DeltaFormat>, Error> {
        self.deltas.get(name).ok_or_else(|| self.unknown_delta(name))
    }

    /// The format of deltas that was registered first.
    ///
    /// # Errors
    /// [`Error::UnknownPlugin`] when there is none.
    pub fn default_delta_format(&self) -> Result<&Arc<dyn DeltaFormat>, Error> {
        self.deltas.first().ok_or_else(|| self.unknown_delta("the default"))
    }

    /// The formats of deltas in the order of registration.
    pub fn delta_formats(&self) -> impl Iterator<Item = &Arc<dyn DeltaFormat>> {
        self.deltas.iter()
    }

    fn unknown_delta(&self, asked: &str) -> Error {
        Error::UnknownPlugin { what: DELTA, asked: asked.to_owned(), known: self.deltas.list() }
    }

    /// Adds a chain of migrations under a name. The first one is the default: a load with this manager takes its steps.
    ///
    /// # Errors
    /// [`Error::DuplicatePlugin`] when another has the name, [`Error::BadPluginName`] when that doesn't have 1 to 128 bytes, and as
    /// [`MigrationChain::check`].
    pub fn register_migrations(&mut self, name: &str, chain: MigrationChain) -> Result<(), Error> {
        check_name(CHAIN, name)?;
        chain.check()?;
        let add = self.migrations.add(Arc::new(Chain { name: name.to_owned(), chain }));
        add.map_err(|chain| Error::DuplicatePlugin { what: CHAIN, name: chain.name.clone() })
    }

    /// Puts a chain in the place of the one with this name and returns that; where there is none, adds it.
    ///
    /// # Errors
    /// As [`PersistenceManager::register_migrations`], another of its name aside.
    pub fn replace_migrations(
        &mut self,
        name: &str,
        chain: MigrationChain,
    ) -> Result<Option<MigrationChain>, Error> {
        check_name(CHAIN, name)?;
        chain.check()?;
        let before = self.migrations.replace(Arc::new(Chain { name: name.to_owned(), chain }));
        Ok(before.map(|before| before.chain.clone()))
    }

    /// Takes a chain out.
    pub fn remove_migrations(&mut self, name: &str) -> Option<MigrationChain> {
        self.migrations.remove(name).map(|found| found.chain.clone())
    }

    /// The chain with this name.
    ///
    /// # Errors
    /// [`Error::UnknownPlugin`] when there is none.
    pub fn migrations(&self, name: &str) -> Result<&MigrationChain, Error> {
        self.migrations.get(name).map(|found| &found.chain).ok_or_else(|| Error::UnknownPlugin {
            what: CHAIN,
            asked: name.to_owned(),
            known: self.migrations.list(),
        })
    }

    /// The chain that was registered first, if there is one.
    pub fn default_migrations(&self) -> Option<&MigrationChain> {
        self.migrations.first().map(|found| &found.chain)
    }

    /// The names of the chains in the order of registration.
    pub fn migration_names(&self) -> impl Iterator<Item = &str> {
        self.migrations.names()
    }
}
