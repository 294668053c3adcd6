mod background;
mod bulk;
mod link;
mod progress;
mod work;

use std::{any::Any, collections::BTreeMap, error::Error as StdError, fmt, marker::PhantomData, sync::Arc};

use keepstone_store::{Dynamic, FromPayload, Shapes};

pub use background::BackgroundMigration;
pub use bulk::BulkMigration;
pub use progress::{Progress, Step};

use crate::{Error, entry::SaveEntry, manager::Container, options::Schema};
use link::{Link, Type};

/// The way from earlier versions of a payload to the one that a program has now: `T`.
///
/// Each step leads from one version to the next. A save is read as what it was saved as, and then goes through the steps that it needs, in order and each
/// once; one of the current version goes through none. The version is that of [`SaveOptions::schema`](crate::SaveOptions::schema) when it was saved.
///
/// ```
/// use keepstone_slots::Migrations;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Deserialize)]
/// struct GameV1 { gold: u32 }
/// #[derive(Deserialize)]
/// struct GameV2 { copper: u32 }
/// #[derive(Serialize, Deserialize)]
/// struct Game { copper: u64, lives: u8 }
///
/// let migrations = Migrations::<Game>::new("game.save", 3)
///     .try_step(1, |old: GameV1| {
///         let copper = old.gold.checked_mul(100).ok_or("more gold than there can be")?;
///         Ok::<_, &str>(GameV2 { copper })
///     })
///     .step(2, |old: GameV2| Game { copper: old.copper.into(), lives: 3 });
/// migrations.check()?;
/// # Ok::<(), keepstone_slots::Error>(())
/// ```
///
/// It is used by [`load_latest_migrated`](crate::SaveManager::load_latest_migrated), which leaves files as they are, and by
/// [`migrate`](crate::SaveManager::migrate), which writes them anew. Cloning it copies no step.
#[doc(alias = "MigrationChain")]
pub struct Migrations<T> {
    chain: Arc<Chain>,
    target: PhantomData<fn() -> T>,
}

#[derive(Clone)]
struct Chain {
    schema: Schema,
    unversioned: u32,
    /// By the version that each leads from.
    links: BTreeMap<u32, Arc<Link>>,
    target: Type,
    /// The version of the first step that was given where there was one already.
    twice: Option<u32>,
}

impl<T: FromPayload + 'static> Migrations<T> {
    /// Starts a chain that leads to `version` of the type `name`: those that the program saves with. Without a step it reads this version alone.
    pub fn new(name: impl Into<String>, version: u32) -> Self {
        let schema = Schema { name: name.into(), version };
        let chain =
            Chain { schema, unversioned: 0, links: BTreeMap::new(), target: Type::read::<T>(), twice: None };
        Self { chain: Arc::new(chain), target: PhantomData }
    }

    /// Adds the step from version `from` to the next.
    ///
    /// What a save holds is read as an `A`. It may be any type that reads it: fields that the step doesn't look at can be left out.
    pub fn step<A, B>(self, from: u32, step: impl Fn(A) -> B + Send + Sync + 'static) -> Self
    where
        A: FromPayload + 'static,
        B: 'static,
    {
        self.link(from, Link::new(move |old| Ok(step(old))))
    }

    /// Adds a step that may fail. A save for which it does is not loaded and stays as it is: [`Error::Step`].
    pub fn try_step<A, B, E>(
        self,
        from: u32,
        step: impl Fn(A) -> Result<B, E> + Send + Sync + 'static,
    ) -> Self
    where
        A: FromPayload + 'static,
        B: 'static,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        self.link(from, Link::new(move |old| step(old).map_err(Into::into)))
    }

    /// Adds a step that changes a value without a type, for versions whose types the program has no longer.
    ///
    /// It has to be the first step of the chain or to follow another such one, and payloads have to be serde values. After the last of them the value
    /// is read as what the next step takes, or as `T`.
    ///
    /// ```
    /// use keepstone_slots::{Dynamic, Migrations, value::{Fields, Value}};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Game { copper: u64 }
    ///
    /// // Version 1 had `gold: u32`.
    /// let migrations = Migrations::<Game>::new("game.save", 2).dynamic_step(1, |old: &mut Dynamic| {
    ///     let Value::Struct(game) = &mut old.value else { return Err("not a struct") };
    ///     let Fields::Named(fields) = &mut game.fields else { return Err("no named fields") };
    ///     for (name, value) in fields {
    ///         if let ("gold", Value::Int(gold)) = (&**name, &mut *value) {
    ///             (*name, *gold) = ("copper".into(), *gold * 100);
    ///         }
    ///     }
    ///     Ok(())
    /// });
    /// migrations.check()?;
    /// # Ok::<(), keepstone_slots::Error>(())
    /// ```
    pub fn dynamic_step<E>(
        self,
        from: u32,
        step: impl Fn(&mut Dynamic) -> Result<(), E> + Send + Sync + 'static,
    ) -> Self
    where
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        let step = move |mut old: Dynamic| step(&mut old).map(|()| old).map_err(Into::into);
        self.link(from, Link::new(step))
    }

    /// Says of which version saves without one are. By default 0.
    pub fn unversioned_is(mut self, version: u32) -> Self {
        Arc::make_mut(&mut self.chain).unversioned = version;
        self
    }

    /// Sees that the steps fit each other and lead to `T`. Everything that uses the chain does it first.
    ///
    /// # Errors
    /// [`Error::StepType`] if what a step gives isn't what goes on takes; [`Error::StepVersion`] for a second step from one version, and for one that leads beyond
    /// the current version.
    pub fn check(&self) -> Result<(), Error> {
        self.chain.check()
    }

    fn link(mut self, from: u32, link: Link) -> Self {
        let chain = Arc::make_mut(&mut self.chain);
        if chain.links.insert(from, Arc::new(link)).is_some() {
            chain.twice.get_or_insert(from);
        }
        self
    }

    /// Makes a value of a save, and says which version was migrated.
    pub(crate) fn read(
        &self,
        entry: &SaveEntry,
        reader: &Container,
        shapes: &Shapes,
    ) -> Result<(T, Option<u32>), Error> {
        let Chain { target, schema, .. } = &*self.chain;
        let found = self.chain.version_of(entry)?;
        if found == schema.version {
            let value = T::from_payload_with(reader, shapes);
            let value = value.map_err(|source| Error::loading(entry, source))?;
            return Ok((value, None));
        }
        let links = self.chain.links_from(found).ok_or_else(|| Error::NoMigration {
            id: entry.id(),
            name: schema.name.clone(),
            found,
            wanted: schema.version,
        })?;
        let mut value: Option<Box<dyn Any>> = None;
        for (from, link) in links {
            let input = match value {
                Some(value) => link.takes.fit(value),
                None => link.takes.load(reader),
            };
            let input = input.map_err(|source| Error::loading(entry, source))?;
            let output = link.run(input).ok_or_else(|| self.chain.misfit(from, &link.takes))?;
            value = Some(output.map_err(|source| Error::Step { id: entry.id(), from, source })?);
        }
        let value = match value {
            Some(value) => target.fit(value),
            None => target.load(reader),
        };
        let value = value.map_err(|source| Error::loading(entry, source))?;
        match value.downcast() {
            Ok(value) => Ok((*value, Some(found))),
            Err(_) => Err(self.chain.misfit(schema.version, target)),
        }
    }
}

impl<T> Migrations<T> {
    /// The type and version that it leads to.
    pub(crate) fn schema(&self) -> &Schema {
        &self.chain.schema
    }

    /// Whether a save is of this type and of an earlier version. One without a type is, if it belongs to payloads of this type.
    pub(crate) fn is_outdated(&self, entry: &SaveEntry, known: Option<&Schema>) -> bool {
        let Schema { name, version } = self.schema();
        if let Some(found) = entry.schema() {
            return found.name == *name && found.version < *version;
        }
        // Profiles are of a type of their own.
        let is_of_type = known.map_or(entry.slot().is_some(), |known| known.name == *name);
        is_of_type && self.chain.unversioned < *version
    }
}

impl Chain {
    fn check(&self) -> Result<(), Error> {
        let name = || self.schema.name.clone();
        if let Some(from) = self.twice {
            return Err(Error::StepVersion {
                name: name(),
                from,
                what: "is there twice; remove one of them",
            });
        }
        for (&from, link) in &self.links {
            if from >= self.schema.version {
                let what = "leads beyond the current version; raise that, or remove the step";
                return Err(Error::StepVersion { name: name(), from, what });
            }
            let to = from + 1;
            let next = match self.links.get(&to) {
                Some(next) => &next.takes,
                None if to == self.schema.version => &self.target,
                None => continue,
            };
            if !link.gives.becomes(next) {
                let (found, wanted) = (link.gives.name(), next.name());
                return Err(Error::StepType { name: name(), version: to, found, wanted });
            }
        }
        Ok(())
    }

    /// The version of a save, unless it can't be read.
    fn version_of(&self, entry: &SaveEntry) -> Result<u32, Error> {
        self.check()?;
        let id = entry.id();
        let Some(Schema { name, version: found }) = entry.schema() else {
            let known = self.schema.version;
            if self.unversioned > known {
                let what = "is that of saves without one, and above the current version; lower it";
                return Err(Error::StepVersion {
                    name: self.schema.name.clone(),
                    from: self.unversioned,
                    what,
                });
            }
            return Ok(self.unversioned);
        };
        if name != self.schema.name {
            return Err(Error::OtherType { id, found: name, wanted: self.schema.name.clone() });
        }
        if found > self.schema.version {
            return Err(Error::Newer { id, name, found, known: self.schema.version });
        }
        Ok(found)
    }

    /// The steps from a version to the current one; none if one is missing.
    fn links_from(&self, version: u32) -> Option<Vec<(u32, &Link)>> {
        // Compared first: a version in a file may be billions of steps away.
        let needed = usize::try_from(self.schema.version - version).ok()?;
        let links: Vec<_> =
            self.links.range(version..self.schema.version).map(|(from, link)| (*from, &**link)).collect();
        (links.len() == needed).then_some(links)
    }

    fn misfit(&self, version: u32, wanted: &Type) -> Error {
        let before = version.checked_sub(1).and_then(|from| self.links.get(&from));
        let found = before.map_or("nothing", |link| link.gives.name());
        Error::StepType { name: self.schema.name.clone(), version, found, wanted: wanted.name() }
    }
}

impl<T> Clone for Migrations<T> {
    fn clone(&self) -> Self {
        Self { chain: Arc::clone(&self.chain), target: PhantomData }
    }
}

impl<T> fmt::Debug for Migrations<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Migrations")
            .field("schema", &self.chain.schema)
            .field("from", &self.chain.links.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
