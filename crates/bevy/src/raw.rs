//! Whole columns in and out of bevy's storage: the only unsafe code of this crate.
#![expect(unsafe_code, reason = "bevy offers whole columns and untyped insertion as unsafe functions")]

use bevy_ecs::{
    change_detection::MaybeLocation,
    component::{Component, ComponentId, ComponentInfo},
    entity::Entity,
    ptr::OwningPtr,
    storage::TableId,
    world::{World, WorldId},
};
use std::{
    any::TypeId,
    ptr::NonNull,
    sync::{Mutex, PoisonError},
};

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
    fn take(&mut self) -> NonNull<u8> {
        assert!(self.left > 0, "a column has as many values as its tables have rows");
        let value = self.next;
        self.left -= 1;
        // SAFETY: `value` points to one of the remaining elements, so one stride further is at most one past the last.
        self.next = unsafe { value.add(self.stride) };
        value
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
        while self.left > 0 {
            let value = self.take();
            // SAFETY: `take` hands over a value that was never dropped, of the type that `drop_value` was made for.
            unsafe { (self.drop_value)(value) };
        }
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
        if std::thread::panicking() && self.is_intact() {
            let mut lost = LOST_LISTS.lock().unwrap_or_else(PoisonError::into_inner);
            lost.push((self.world, self.ids.to_vec()));
        }
    }
}

/// Moves the next value of each of these columns onto each of these entities, with hooks and observers.
///
/// An entity that isn't spawned yet is; one that a hook has despawned again loses its values.
///
/// # Panics
/// When a hook puts another world in the place of this one, or panics itself.
pub(crate) fn insert_rows(world: &mut World, columns: &mut [&mut Moving], entities: &[Entity]) {
    // bevy caches the component set by this list, best when sorted.
    columns.sort_by_key(|column| column.id);
    for column in columns.iter() {
        column.assert_fits(world);
    }
    let ids: Vec<ComponentId> = columns.iter().map(|column| column.id).collect();
    let guard = Guard { world: world.id(), ids: &ids };
    let together = guard.is_intact();
    for &entity in entities {
        // Commands of hooks run between the rows, and the ids mean something in this world alone.
        assert_eq!(
            world.id(),
            guard.world,
            "a hook put another world in the place of the one that is loaded into"
        );
        let spawned = world.entities().is_index_spawned(entity.index());
        let target =
            if spawned { world.get_entity_mut(entity).ok() } else { world.spawn_empty_at(entity).ok() };
        let Some(mut target) = target else {
            for column in columns.iter_mut() {
                let value = column.take();
                // SAFETY: as in `Moving::drop`.
                unsafe { (column.drop_value)(value) };
            }
            continue;
        };
        if ids.is_empty() {
            continue;
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

/// Sets a resource to the next value of this column.
pub(crate) fn insert_resource(world: &mut World, column: &mut Moving) {
    column.assert_fits(world);
    let (id, value) = (column.id, column.take());
    // SAFETY: as in `insert_rows`: a value that `take` handed over, of the type that the id stands for.
    unsafe { world.insert_resource_by_id(id, OwningPtr::new(value), MaybeLocation::caller()) };
}
