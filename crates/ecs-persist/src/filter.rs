//! Which part of a world is saved, or loaded.

mod apply;
mod view;

use std::{collections::BTreeSet, fmt, sync::Arc};

use crate::{
    doc::WorldDoc,
    gather::Gathered,
    identity::{IdSource, PersistId},
    persist::Persist,
    report::LeftOut,
};
pub use view::RowView;

type Predicate = Arc<dyn Fn(&RowView<'_>) -> bool + Send + Sync>;

/// A choice of entities and components: what part of a world is saved, or loaded from a file. By default all.
///
/// Every condition has to hold for an entity to stay. An entity of whose components the choice of components leaves none, its
/// [`PersistId`](crate::PersistId) aside, goes too, as in a save of a world that registers no others. References to entities that
/// go lead to nothing and are counted, unless [`Filter::keep_referenced`].
///
/// ```
/// use keepstone_ecs_persist::{Filter, Persist, WorldDoc};
///
/// #[derive(keepstone_derive::Persist, Clone, Copy)]
/// #[persist(crate = "keepstone_ecs_persist", name = "game.position", pod)]
/// #[repr(C)]
/// struct Position { x: f32, y: f32 }
///
/// let nearby = Filter::new()
///     .without(["game.debug_label"])
///     .not_having("game.temporary")
///     .within(|at: &Position| [at.x, at.y], [0.0, 0.0], [64.0, 64.0]);
/// let doc = WorldDoc::default();
/// let filtered = nearby.apply(&doc)?;
/// assert_eq!(filtered.entities_left_out, 0);
/// # Ok::<(), keepstone_ecs_persist::Error>(())
/// ```
#[derive(Clone, Default)]
#[doc(alias = "WhitelistFilter")]
#[doc(alias = "BlacklistFilter")]
#[doc(alias = "whitelist")]
#[doc(alias = "blacklist")]
pub struct Filter {
    only: Option<BTreeSet<String>>,
    without: BTreeSet<String>,
    having: Vec<String>,
    not_having: Vec<String>,
    predicates: Vec<Predicate>,
    keep_referenced: bool,
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter")
            .field("only", &self.only)
            .field("without", &self.without)
            .field("having", &self.having)
            .field("not_having", &self.not_having)
            .field("predicates", &self.predicates.len())
            .field("keep_referenced", &self.keep_referenced)
            .finish()
    }
}

impl Filter {
    /// Takes everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the components and resources of these names alone; called again, those of both calls. keepstone's own, which say
    /// who an entity is and which ids were handed out, stay unless [`Filter::without`] names them.
    #[doc(alias = "whitelist")]
    pub fn only<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.only.get_or_insert_default().extend(names.into_iter().map(Into::into));
        self
    }

    /// Leaves out the components and resources of these names.
    #[doc(alias = "blacklist")]
    pub fn without<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.without.extend(names.into_iter().map(Into::into));
        self
    }

    /// Takes entities that have a component of this name, whether it is saved with them or not.
    pub fn having(mut self, name: impl Into<String>) -> Self {
        self.having.push(name.into());
        self
    }

    /// Takes entities that have no component of this name.
    pub fn not_having(mut self, name: impl Into<String>) -> Self {
        self.not_having.push(name.into());
        self
    }

    /// Takes entities of which this is true. It is asked about those alone that fulfil the conditions about what they have and
    /// the conditions given before it.
    pub fn entities(mut self, predicate: impl Fn(&RowView<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.predicates.push(Arc::new(predicate));
        self
    }

    /// Takes entities that have this component with a value of which this is true.
    pub fn where_value<T: Persist>(self, predicate: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        self.entities(move |row| row.get::<T>().is_some_and(&predicate))
    }

    /// Takes entities in a region: `place` of their component lies in the box of these corners, which belong to it. Entities
    /// without that component, and those whose place isn't a number, lie nowhere and are left out.
    #[doc(alias = "region")]
    pub fn within<T: Persist, const N: usize>(
        self,
        place: impl Fn(&T) -> [f32; N] + Send + Sync + 'static,
        min: [f32; N],
        max: [f32; N],
    ) -> Self {
        self.where_value(move |value: &T| {
            let mut axes = place(value).into_iter().zip(min.into_iter().zip(max));
            axes.all(|(at, (min, max))| min <= at && at <= max)
        })
    }

    /// Keeps entities that are left out while one that stays (or a resource) refers to them, without components but for their `PersistId`,
    /// so that the references lead somewhere. They refer to nothing themselves, so it ends there.
    pub fn keep_referenced(mut self) -> Self {
        self.keep_referenced = true;
        self
    }

    /// Whether a component or resource of this name is taken.
    pub fn takes_component(&self, name: &str) -> bool {
        let own = [PersistId::COMPONENT, IdSource::RESOURCE].contains(&name);
        let listed = self.only.as_ref().is_none_or(|only| own || only.contains(name));
        listed && !self.without.contains(name)
    }
}

/// What a [`Filter`] left of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Filtered<'d> {
    /// The document, borrowing from the old one what didn't change.
    pub doc: WorldDoc<'d>,
    /// The new ordinal of each old one, or [`NONE`](crate::NONE).
    pub ordinals: Vec<u32>,
    /// Values that were left out, by component, with [`Reason::Filtered`](crate::Reason::Filtered).
    pub left_out: Vec<LeftOut>,
    /// Entities that were left out.
    pub entities_left_out: u64,
    /// Entities that stay for references to them alone.
    pub bare: u64,
    /// References that led somewhere, and now are *none*.
    pub dangling: u64,
}

impl<'d> Filtered<'d> {
    /// Copies what is borrowed.
    pub fn into_owned(self) -> Filtered<'static> {
        Filtered {
            doc: self.doc.into_owned(),
            ordinals: self.ordinals,
            left_out: self.left_out,
            entities_left_out: self.entities_left_out,
            bare: self.bare,
            dangling: self.dangling,
        }
    }

    fn new(gathered: Gathered<'d>, left_out: Vec<LeftOut>, bare: u64) -> Self {
        let before = gathered.ordinals.len() as u64;
        Self {
            entities_left_out: before.saturating_sub(gathered.doc.entity_count().into()),
            doc: gathered.doc,
            ordinals: gathered.ordinals,
            left_out,
            bare,
            dangling: gathered.dangling,
        }
    }
}
