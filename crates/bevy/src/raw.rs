//! Whole columns in and out of bevy's storage: the only unsafe code of this crate.
#![expect(unsafe_code, reason = "bevy offers whole columns and untyped insertion as unsafe functions")]

use std::{
    any::TypeId,
    cell::UnsafeCell,
    marker::PhantomData,
    ops::Range,
    panic::Location,
    ptr::NonNull,
    sync::{Mutex, PoisonError},
    thread,
};

use bevy_ecs::{
    bundle::{Bundle, BundleFromComponents, NoBundleEffect},
    change_detection::{AtomicTick, MaybeLocation, Tick},
    component::{Component, ComponentId, ComponentInfo, ComponentMutability, StorageType},
    entity::Entity,
    ptr::OwningPtr,
    storage::TableId,
    world::{World, WorldId},
};

use crate::identity;

/// The column of `T` in a table, if the table has it.
pub(crate) fn table_column<T: Component>(world: &World, table: TableId) -> Option<&[T]> {
    let id = world.component_id::<T>()?;
    let table = world.storages().tables.get(table)?;
    // SAFETY: `id` is the id that this world gave to `T`, so the column's elements are `T`; the function reads as many as the
    // table has entities.
    let cells = unsafe { table.get_data_slice_for::<T>(id) }?;
    // SAFETY: `UnsafeCell<T>` has the layout of `T`. The world is borrowed for as long as the slice lives, so nobody
    // holds or makes a mutable reference into its tables.
    Some(unsafe { &*(std::ptr::from_ref(cells) as *const [T]) })
}

/// When each value of a column of a table was changed, if the table has the column.
pub(crate) fn changed_ticks(world: &World, table: TableId, id: ComponentId) -> Option<&[Tick]> {
    let cells = world.storages().tables.get(table)?.get_changed_ticks_slice_for(id)?;
    // SAFETY: `UnsafeCell<Tick>` has the layout of `Tick`. The world is borrowed for as long as the slice lives, so nobody holds or makes
    // a mutable reference to its ticks.
    Some(unsafe { &*(std::ptr::from_ref(cells) as *const [Tick]) })
}

/// The column of `T` in a table, to be written row by row as change detection wants it.
pub(crate) struct ColumnMut<'w, T> {
    cells: &'w [UnsafeCell<T>],
    changed: &'w [UnsafeCell<Tick>],
    changed_by: MaybeLocation<Option<&'w [UnsafeCell<&'static Location<'static>>]>>,
    summary: Option<&'w AtomicTick>,
    now: Tick,
    caller: MaybeLocation,
}

impl<'w, T: Component> ColumnMut<'w, T> {
    /// The column of a component that may be changed in its place, if the table has it.
    pub(crate) fn new(world: &'w mut World, table: TableId) -> Option<Self> {
        if !T::Mutability::MUTABLE {
            return None;
        }
        let id = world.component_id::<T>()?;
        let now = world.change_tick();
        let world = world.as_unsafe_world_cell();
        // SAFETY: the cell was made from the only reference to the world, which stays borrowed for `'w`: while this value lives,
        // nobody else reaches its storages.
        let table = unsafe { world.storages() }.tables.get(table)?;
        // SAFETY: `id` is the id that this world gave to `T`, so the column's elements are `T`.
        let cells = unsafe { table.get_data_slice_for::<T>(id) }?;
        Some(Self {
            cells,
            changed: table.get_changed_ticks_slice_for(id)?,
            changed_by: table.get_changed_by_slice_for(id),
            summary: table.get_summary_tick(id),
            now,
            caller: MaybeLocation::caller(),
        })
    }

    /// The values in the order of the rows, and what marks those that are changed.
    pub(crate) fn split(&mut self) -> (&mut [T], Marks<'_>) {
        // SAFETY: the cells are reached through this value alone (see `new`), which stays borrowed for as long as the slice.
        let values = unsafe { exclusive(self.cells) };
        // SAFETY: as above, for the ticks of the same column.
        let changed = unsafe { exclusive(self.changed) };
        // SAFETY: as above, for the places of the same column.
        let changed_by = self.changed_by.map(|places| places.map(|places| unsafe { exclusive(places) }));
        (values, Marks { changed, changed_by, summary: self.summary, now: self.now, caller: self.caller })
    }
}

/// The contents of cells.
///
/// # Safety
/// Nobody reaches the cells in another way while the slice lives.
#[expect(
    clippy::mut_from_ref,
    reason = "cells are for that; the caller knows that they are reached in no other way"
)]
unsafe fn exclusive<U>(cells: &[UnsafeCell<U>]) -> &mut [U] {
    let first = UnsafeCell::raw_get(cells.as_ptr());
    // SAFETY: `UnsafeCell<U>` has the layout of `U`, so these are as many initialised values side by side, which cells allow to be
    // written through a shared reference; the caller promises that nobody else has one.
    unsafe { std::slice::from_raw_parts_mut(first, cells.len()) }
}

/// What bevy notes of the rows of a column that is written.
pub(crate) struct Marks<'c> {
    changed: &'c mut [Tick],
    changed_by: MaybeLocation<Option<&'c mut [&'static Location<'static>]>>,
    summary: Option<&'c AtomicTick>,
    now: Tick,
    caller: MaybeLocation,
}

impl Marks<'_> {
    /// Marks rows as changed now.
    #[inline]
    pub(crate) fn mark(&mut self, rows: Range<usize>) {
        let Some(changed) = self.changed.get_mut(rows.clone()) else { return };
        changed.fill(self.now);
        self.changed_by.as_mut().zip(self.caller).map(|(places, caller)| {
            if let Some(places) = places.as_deref_mut().and_then(|places| places.get_mut(rows)) {
                places.fill(caller);
            }
        });
        if let Some(summary) = self.summary {
            summary.set(self.now);
        }
    }
}

/// Decoded values of one component, waiting to be moved into a world.
pub(crate) trait Values {
    /// How many are left.
    fn count(&self) -> usize;
    /// Their type.
    fn value_type(&self) -> TypeId;
    /// Bytes from one value to the next.
    fn stride(&self) -> usize;
    /// Hands all values over: whoever calls this owns them, and their memory lives as long as `self`.
    fn release(&mut self) -> NonNull<u8>;
    /// The function that drops one value.
    fn drop_value(&self) -> unsafe fn(NonNull<u8>);
}

impl<T: 'static> Values for Vec<T> {
    fn count(&self) -> usize {
        self.len()
    }

    fn value_type(&self) -> TypeId {
        TypeId::of::<T>()
    }

    fn stride(&self) -> usize {
        size_of::<T>()
    }

    fn release(&mut self) -> NonNull<u8> {
        // SAFETY: zero is within the capacity, and no element of an empty vector needs to be initialised. The elements
        // are leaked by this; dropping the vector frees their memory alone.
        unsafe { self.set_len(0) };
        // An empty vector's pointer may be used for as many elements as it has capacity.
        NonNull::from(self.spare_capacity_mut()).cast()
    }

    fn drop_value(&self) -> unsafe fn(NonNull<u8>) {
        /// # Safety
        /// `value` points to a `T` that nobody uses afterwards.
        unsafe fn drop_one<T>(value: NonNull<u8>) {
            // SAFETY: by this function's own contract.
            unsafe { value.cast::<T>().drop_in_place() }
        }
        drop_one::<T>
    }
}

/// Values on their way into a world, front to back.
pub(crate) struct Moving {
    id: ComponentId,
    value_type: TypeId,
    next: NonNull<u8>,
    stride: usize,
    left: usize,
    drop_value: unsafe fn(NonNull<u8>),
    // Owns the memory that `next` points into.
    _values: Box<dyn Values>,
}

impl Moving {
    /// Takes values that `id` stands for in the world they will be moved into.
    pub(crate) fn new(id: ComponentId, mut values: Box<dyn Values>) -> Self {
        let (value_type, left, stride, drop_value) =
            (values.value_type(), values.count(), values.stride(), values.drop_value());
        Self { id, value_type, next: values.release(), stride, left, drop_value, _values: values }
    }

    /// Takes the next value: the caller owns what the pointer points to.
    #[inline]
    fn take(&mut self) -> NonNull<u8> {
        assert!(self.left > 0, "a column has as many values as its tables have rows");
        let value = self.next;
        self.left -= 1;
        // SAFETY: `value` points to one of the remaining elements, so one stride further is at most one past the last.
        self.next = unsafe { value.add(self.stride) };
        value
    }

    /// The component that the values are of, in the world they will be moved into.
    pub(crate) fn id(&self) -> ComponentId {
        self.id
    }

    /// Drops the next values.
    pub(crate) fn skip(&mut self, count: usize) {
        for _ in 0..count {
            let value = self.take();
            // SAFETY: `take` hands over a value that was never dropped, of the type that `drop_value` was made for.
            unsafe { (self.drop_value)(value) };
        }
    }

    /// Panics when the world uses the id for another type: then these values must not go there.
    fn assert_fits(&self, world: &World) {
        let info = world.components().get_info(self.id);
        assert_eq!(
            info.and_then(ComponentInfo::type_id),
            Some(self.value_type),
            "component id of another world"
        );
    }
}

impl Drop for Moving {
    fn drop(&mut self) {
        self.skip(self.left);
    }
}

/// Component sets whose cached storage list was lost to a panic: bevy takes the list out while it inserts and puts it back
/// afterwards, and without it would insert nothing while saying it did.
static LOST_LISTS: Mutex<Vec<(WorldId, Vec<ComponentId>)>> = Mutex::new(Vec::new());

/// Notes a component set if a hook panics while it is inserted.
struct Guard<'i> {
    world: WorldId,
    ids: &'i [ComponentId],
}

impl Guard<'_> {
    /// Whether the set was inserted without a panic so far.
    fn is_intact(&self) -> bool {
        let lost = LOST_LISTS.lock().unwrap_or_else(PoisonError::into_inner);
        !lost.iter().any(|(world, ids)| *world == self.world && ids == self.ids)
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if thread::panicking() && self.is_intact() {
            let mut lost = LOST_LISTS.lock().unwrap_or_else(PoisonError::into_inner);
            lost.push((self.world, self.ids.to_vec()));
        }
    }
}

/// Panics when this is another world: commands of hooks run between the rows, and ids mean something in one world alone.
fn assert_same(world: &World, of: WorldId) {
    assert_eq!(world.id(), of, "a hook put another world in the place of the one that is loaded into");
}

/// Moves the next value of each of these columns onto each of these entities, with hooks and observers.
///
/// An entity that isn't spawned yet is; one that a hook has despawned again loses its values. `ids_known` says that the index has
/// the [`PersistId`](crate::PersistId)s of these rows already.
///
/// # Panics
/// When a hook puts another world in the place of this one, or panics itself.
pub(crate) fn insert_rows(
    world: &mut World,
    columns: &mut [&mut Moving],
    entities: &[Entity],
    ids_known: bool,
) {
    // bevy caches the component set by this list, best when sorted.
    columns.sort_by_key(|column| column.id);
    for column in columns.iter() {
        column.assert_fits(world);
    }
    let ids: Vec<ComponentId> = columns.iter().map(|column| column.id).collect();
    let guard = Guard { world: world.id(), ids: &ids };
    let together = guard.is_intact();
    for &entity in entities {
        assert_same(world, guard.world);
        let spawned = world.entities().is_index_spawned(entity.index());
        let target =
            if spawned { world.get_entity_mut(entity).ok() } else { world.spawn_empty_at(entity).ok() };
        let Some(mut target) = target else {
            for column in columns.iter_mut() {
                column.skip(1);
            }
            continue;
        };
        if ids.is_empty() {
            continue;
        }
        if ids_known {
            identity::expect(guard.world, entity);
        }
        let values = columns.iter_mut().map(|column| {
            // SAFETY: the pointer is aligned and points to a value that `take` handed over; nobody else uses it, and its memory lives
            // as long as the column, which is borrowed here.
            unsafe { OwningPtr::new(column.take()) }
        });
        if together {
            // SAFETY: `assert_fits` checked that each id stands for the type of its column in this world, and the values come in
            // the order of the ids.
            unsafe { target.insert_by_ids(&ids, values) };
        } else {
            for (&id, value) in ids.iter().zip(values) {
                // SAFETY: as above, for one component.
                unsafe { target.insert_by_id(id, value) };
            }
        }
    }
}

/// Moves the next value of each of these columns onto an entity, or drops it where it is not wanted. What the entity has already
/// is changed in its place if its type allows that; everything else is inserted, with hooks and observers.
///
/// # Panics
/// As [`insert_rows`].
pub(crate) fn write_row(world: &mut World, columns: &mut [(&mut Moving, bool)], entity: Entity) {
    let mut inserted: Vec<&mut Moving> = Vec::with_capacity(columns.len());
    for (column, wanted) in columns {
        if !*wanted {
            column.skip(1);
        } else if !replace(world, column, entity) {
            inserted.push(column);
        }
    }
    if !inserted.is_empty() {
        insert_rows(world, &mut inserted, &[entity], false);
    }
}

/// Moves the next values of this column over those in these rows of a table, with what change detection wants. False, and nothing is moved,
/// if the type does not allow that or the table has no such column.
pub(crate) fn replace_in_table<T: Component>(
    world: &mut World,
    column: &mut Moving,
    table: TableId,
    rows: &[u32],
) -> bool {
    column.assert_fits(world);
    if column.value_type != TypeId::of::<T>() || T::STORAGE_TYPE != StorageType::Table {
        return false;
    }
    let Some(mut places) = ColumnMut::<T>::new(world, table) else { return false };
    let (values, mut marks) = places.split();
    for &row in rows {
        let value = column.take().cast::<T>();
        // SAFETY: `take` hands over a value of the column's type, which is `T` as was checked above; nobody else uses it.
        let value = unsafe { value.read() };
        let row = row as usize;
        if let Some(place) = values.get_mut(row) {
            *place = value;
            marks.mark(row..row + 1);
        }
    }
    true
}

/// Changes a value in its place to the next of this column, if the entity has one and its type allows that.
fn replace(world: &mut World, column: &mut Moving, entity: Entity) -> bool {
    column.assert_fits(world);
    let mutable = world.components().get_info(column.id).is_some_and(ComponentInfo::mutable);
    let Ok(mut target) = world.get_entity_mut(entity) else { return false };
    if !mutable || !target.contains_id(column.id) {
        return false;
    }
    let Ok(mut place) = target.get_mut_by_id(column.id) else { return false };
    let (value, place) = (column.take(), place.as_mut().as_ptr());
    // SAFETY: both point to values of the type that `assert_fits` checked, the one in the world and the one that `take` handed
    // over; they don't overlap, and a stride is the size of such a value.
    unsafe { std::ptr::swap_nonoverlapping(place, value.as_ptr(), column.stride) };
    // SAFETY: this is now the old value, which nobody else has.
    unsafe { (column.drop_value)(value) };
    true
}

/// Moves the next value of each of these columns onto each of these entities as bundles of type `B`, and says whether it did: the columns
/// have to be those of `B`, and none of the entities spawned.
pub(crate) fn spawn_bundles<B>(
    world: &mut World,
    columns: &mut [&mut Moving],
    entities: &[Entity],
    ids_known: bool,
) -> bool
where
    B: Bundle<Effect: NoBundleEffect> + BundleFromComponents,
{
    if entities.iter().any(|entity| world.entities().is_index_spawned(entity.index())) {
        return false;
    }
    let Some(rows) = Rows::<B>::new(world, columns, entities.len()) else { return false };
    let of = world.id();
    for (&entity, bundle) in entities.iter().zip(rows) {
        assert_same(world, of);
        if ids_known {
            identity::expect(of, entity);
        }
        // None of them was spawned above; one that a hook took since is its own.
        let _ = world.spawn_at(entity, bundle);
    }
    true
}

/// Spawns an entity with the next value of each of these columns for each of these places, as bundles of type `B`, and says whether it
/// did: the columns have to be those of `B`. What hooks queue is done behind the last of them.
pub(crate) fn spawn_batch<B>(world: &mut World, columns: &mut [&mut Moving], places: &mut [Entity]) -> bool
where
    B: Bundle<Effect: NoBundleEffect> + BundleFromComponents,
{
    let of = world.id();
    let Some(rows) = Rows::<B>::new(world, columns, places.len()) else { return false };
    for (place, entity) in places.iter_mut().zip(world.spawn_batch(rows)) {
        *place = entity;
    }
    assert_same(world, of);
    true
}

/// The next values of some columns, as bundles. The columns are those of `B`, in its order.
struct Rows<'r, 'c, B> {
    columns: &'r mut [&'c mut Moving],
    left: usize,
    /// Whether the thread panicked already before.
    panicking: bool,
    bundle: PhantomData<fn() -> B>,
}

impl<'r, 'c, B: Bundle> Rows<'r, 'c, B> {
    /// So many rows, if the columns are those of the bundle; their order becomes the bundle's.
    fn new(world: &mut World, columns: &'r mut [&'c mut Moving], left: usize) -> Option<Self> {
        let ids = world.register_bundle::<B>().explicit_components();
        columns.sort_by_key(|column| ids.iter().position(|&id| id == column.id));
        if !ids.iter().copied().eq(columns.iter().map(|column| column.id)) {
            return None;
        }
        for column in columns.iter() {
            column.assert_fits(world);
            assert!(column.left >= left, "a column has as many values as its tables have rows");
        }
        Some(Self { columns, left, panicking: thread::panicking(), bundle: PhantomData })
    }
}

/// Takes the next value of the next column: the caller owns it.
#[inline]
fn take_next<'r>(row: &'r mut std::slice::IterMut<'_, &mut Moving>) -> OwningPtr<'r> {
    let column = row.next().expect("a bundle asks once for each of its components");
    // SAFETY: as in `insert_rows`: a value that `Moving::take` handed over, whose memory lives as long as the column, and the caller
    // moves it into the bundle at once.
    unsafe { OwningPtr::new(column.take()) }
}

impl<B: BundleFromComponents> Iterator for Rows<'_, '_, B> {
    type Item = B;

    fn next(&mut self) -> Option<B> {
        // Behind a hook that panicked bevy would spawn the rest while it unwinds, and a second panic ends the program.
        if thread::panicking() && !self.panicking {
            return None;
        }
        self.left = self.left.checked_sub(1)?;
        let mut row = self.columns.iter_mut();
        // SAFETY: `Rows::new` checked that the columns have the ids of the bundle's components in its order, and `assert_fits` that
        // each column's values are of the type that the id stands for; so each call gets an owned value of the type it asks for.
        Some(unsafe { B::from_components(&mut row, &mut take_next) })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

/// Sets a resource to the next value of this column.
pub(crate) fn insert_resource(world: &mut World, column: &mut Moving) {
    column.assert_fits(world);
    let (id, value) = (column.id, column.take());
    // SAFETY: as in `insert_rows`: a value that `take` handed over, of the type that the id stands for.
    unsafe { world.insert_resource_by_id(id, OwningPtr::new(value), MaybeLocation::caller()) };
}
