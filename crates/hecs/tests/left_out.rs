use hecs::World;
use keepstone_ecs_persist::Reason;
use keepstone_hecs::EcsWorld;

use crate::support::{Label, Player, Position, Unregistered, full, little};

#[test]
fn what_is_not_registered_is_counted_and_placed_by_its_neighbours() {
    let mut world = World::new();
    for _ in 0..3 {
        world.spawn((Label("kept".into()), Unregistered));
    }
    world.spawn((Unregistered,));
    let capture = world.capture(full()).unwrap();
    let [left] = capture.left_out.as_slice() else { panic!("{:?}", capture.left_out) };
    assert_eq!((left.count, left.reason), (4, Reason::NotRegistered));
    // One archetype is enough to find the type by.
    let said = &left.component;
    assert!(said.starts_with("TypeId(") && said.ends_with("on entities with test.label"), "{said}");
    assert_eq!((capture.doc.entity_count(), capture.entities_left_out), (3, 1));
}

#[test]
fn a_derived_type_that_another_registry_lacks_is_called_by_its_name() {
    let mut world = World::new();
    world.spawn((Label("a".into()), Player));
    world.spawn((Position { x: 1.0, y: 2.0, z: 3.0 },));
    let capture = world.capture(&little()).unwrap();
    let mut names: Vec<&str> = capture.left_out.iter().map(|left| left.component.as_str()).collect();
    names.sort_unstable();
    assert!(names[0].ends_with("support::Player") && names[1].ends_with("support::Position"), "{names:?}");
}
