//! Documents of earlier versions of a program, changed step by step into what it has now.

mod apply;
mod components;
mod plan;

use std::{fmt, sync::Arc};

use keepstone_value::Value;

pub use self::{
    apply::MigrationReport,
    plan::{MigrationPlan, MigrationStep},
};
use crate::{doc::WorldDoc, error::Error};

/// A step from one world version to a later one: a change of a whole document.
///
/// A step is written once and has to work for as long as there are files of its version. So it sees the components as the file has them, not as the program has them
/// today; what it asks for with [`Migration::components`] is brought to the version that it was written for, and no further.
pub trait Migration: Send + Sync {
    /// The world version that it begins at.
    fn source_version(&self) -> u32;

    /// The world version that it leads to: a later one, not necessarily the next.
    fn target_version(&self) -> u32;

    /// What it is called in plans, reports and errors.
    fn name(&self) -> String {
        format!("world {} -> {}", self.source_version(), self.target_version())
    }

    /// The components whose values it reads or writes, and the version of each that it was written for. If a file has an earlier one and the
    /// chain has steps to it, they run before. By default none.
    fn components(&self) -> Vec<(String, u32)> {
        Vec::new()
    }

    /// Changes the document. What it leaves has to pass [`WorldDoc::check`].
    ///
    /// # Errors
    /// Whatever keeps it from that: the document that it was given is dropped then.
    fn migrate(&self, doc: &mut WorldDoc<'static>) -> Result<(), Error>;
}

/// The steps from earlier versions of a program's worlds and components to the present ones.
///
/// World steps go by the *world version* in the metadata of a document, component steps by the version of each column. Both stand in the file, so each step runs once.
///
/// World steps run first, in the order of their versions, and see the components as the file has them, unless they name versions: those components
/// are brought there before. Then the component steps run, as far as they lead. So a step that was written for the components of its time stays valid whatever steps come later.
///
/// ```
/// use keepstone_ecs_persist::{MigrationChain, Table, WorldDoc};
/// use keepstone_value::Value;
///
/// let chain = MigrationChain::new()
///     .step(1, 2, "everybody gets a level", |doc| {
///         let all = 0..doc.entity_count();
///         doc.insert_component("game.level", 1, all.map(|ordinal| (ordinal, Value::Int(1))))
///     })
///     .component("game.health", 1, 2, |health| {
///         health.rename_field("hp", "current");
///         Ok(())
///     });
///
/// let mut doc = WorldDoc::default();
/// doc.tables = vec![Table { rows: 3, components: vec![] }];
/// doc.meta.world_version = Some(1);
/// assert_eq!(chain.plan_of(&doc)?.to_string(), "everybody gets a level (world 1 -> 2)");
/// chain.apply(&mut doc)?;
/// assert_eq!(doc.values("game.level")?.len(), 3);
/// assert_eq!(doc.meta.world_version, Some(2));
/// # Ok::<(), keepstone_ecs_persist::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct MigrationChain {
    worlds: Vec<Arc<dyn Migration>>,
    components: Vec<ComponentStep>,
    unversioned: u32,
}

/// A step from one version of a component to another.
#[derive(Clone)]
struct ComponentStep {
    from: (String, u32),
    into: (String, u32),
    edit: Arc<Edit>,
}

type Edit = dyn Fn(&mut Value<'_>) -> Result<(), String> + Send + Sync;

/// A world step that is a closure.
struct Closure<F> {
    versions: (u32, u32),
    name: String,
    components: Vec<(String, u32)>,
    migrate: F,
}

impl<F: Fn(&mut WorldDoc<'static>) -> Result<(), Error> + Send + Sync> Migration for Closure<F> {
    fn source_version(&self) -> u32 {
        self.versions.0
    }

    fn target_version(&self) -> u32 {
        self.versions.1
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn components(&self) -> Vec<(String, u32)> {
        self.components.clone()
    }

    fn migrate(&self, doc: &mut WorldDoc<'static>) -> Result<(), Error> {
        (self.migrate)(doc)
    }
}

impl MigrationChain {
    /// A chain without steps.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a world step.
    #[expect(clippy::should_implement_trait, reason = "a chain and a step make a chain, which is no sum")]
    pub fn add(mut self, step: impl Migration + 'static) -> Self {
        self.worlds.push(Arc::new(step));
        self
    }

    /// Adds a world step that is a closure.
    pub fn step(
        self,
        source_version: u32,
        target_version: u32,
        name: &str,
        migrate: impl Fn(&mut WorldDoc<'static>) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Self {
        self.step_with(source_version, target_version, name, &[], migrate)
    }

    /// As [`MigrationChain::step`], with the versions of the components that it reads or writes: see [`Migration::components`].
    pub fn step_with(
        self,
        source_version: u32,
        target_version: u32,
        name: &str,
        components: &[(&str, u32)],
        migrate: impl Fn(&mut WorldDoc<'static>) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Self {
        let components = components.iter().map(|(name, version)| ((*name).to_owned(), *version)).collect();
        let versions = (source_version, target_version);
        self.add(Closure { versions, name: name.to_owned(), components, migrate })
    }

    /// Adds a step that changes each value of a component or resource, from one version of it to a later one.
    ///
    /// It is for what the program has no type for any more, and for values that are easier to change than to declare. Steps of one
    /// component that follow each other go over its values once.
    pub fn component(
        self,
        name: &str,
        from_version: u32,
        into_version: u32,
        edit: impl Fn(&mut Value<'_>) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.component_into((name, from_version), (name, into_version), edit)
    }

    /// As [`MigrationChain::component`], to a component of another name: one type replaces another. Entities that have the other one already are
    /// left alone; one that has both is an error.
    pub fn component_into(
        mut self,
        (from, from_version): (&str, u32),
        (into, into_version): (&str, u32),
        edit: impl Fn(&mut Value<'_>) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        let (from, into) = ((from.to_owned(), from_version), (into.to_owned(), into_version));
        self.components.push(ComponentStep { from, into, edit: Arc::new(edit) });
        self
    }

    /// Says which world version a document without one is of. By default 0.
    pub fn unversioned(mut self, version: u32) -> Self {
        self.unversioned = version;
        self
    }

    /// The world version that the chain leads to; none without world steps.
    pub fn newest(&self) -> Option<u32> {
        self.worlds.iter().map(|step| step.target_version()).max()
    }

    /// Whether it has no steps.
    pub fn is_empty(&self) -> bool {
        self.worlds.is_empty() && self.components.is_empty()
    }

    /// Checks that the steps don't contradict each other, whatever they are applied to.
    ///
    /// # Errors
    /// [`Error::BadMigration`] for two steps that begin at one version, for a step that doesn't lead to a later one, and for components that replace
    /// each other in a circle.
    pub fn check(&self) -> Result<(), Error> {
        for (at, step) in self.worlds.iter().enumerate() {
            let (source, target) = (step.source_version(), step.target_version());
            if target <= source {
                return Err(bad(step.name(), format!("leads from world version {source} back to {target}")));
            }
            let mut before = self.worlds.iter().take(at);
            if let Some(other) = before.find(|other| other.source_version() == source) {
                let reason = format!("begins at world version {source}, as does {}", other.name());
                return Err(bad(step.name(), reason));
            }
        }
        for (at, step) in self.components.iter().enumerate() {
            let name = step.name();
            if step.from.1 == 0 || step.into.1 == 0 {
                return Err(bad(name, "versions of components start at 1".to_owned()));
            }
            if step.from.0 == step.into.0 && step.into.1 <= step.from.1 {
                return Err(bad(name, "doesn't lead to a later version".to_owned()));
            }
            if self.components.iter().take(at).any(|other| other.from == step.from) {
                return Err(bad(name, "begins where another step does".to_owned()));
            }
            self.path(&step.from)?;
        }
        Ok(())
    }
}

impl fmt::Debug for MigrationChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let worlds: Vec<_> = self.worlds.iter().map(|step| step.name()).collect();
        let components: Vec<_> = self.components.iter().map(ComponentStep::name).collect();
        f.debug_struct("MigrationChain")
            .field("worlds", &worlds)
            .field("components", &components)
            .field("unversioned", &self.unversioned)
            .finish()
    }
}

fn bad(step: String, reason: String) -> Error {
    Error::BadMigration { step, reason }
}
