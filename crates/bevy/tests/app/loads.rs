use super::*;

use keepstone_bevy::{
    LoadGame, PersistId, PersistIds as _, QuickLoad, QuickSave, Registry, RegistryExt as _,
};
use keepstone_world::LoadMode;

#[test]
fn a_load_makes_the_world_what_it_was_and_leaves_alone_what_is_not_saved() {
    let (mut app, heard) = app(on(&memory()));
    app.world_mut().spawn(Score(1));
    app.world_mut().spawn(Camera);
    frame(&mut app, SaveGame::slot(0));
    app.world_mut().spawn(Score(2));
    frame(&mut app, LoadGame::slot(0));
    assert_eq!(scores(&mut app), [1]);
    let world = app.world_mut();
    assert_eq!(world.query::<&Camera>().iter(world).count(), 1);
    assert_eq!(heard.take(), ["started", "saved", "loaded"]);
}

#[test]
fn a_load_sees_the_saves_of_its_frame() {
    let (mut app, heard) = app(on(&memory()));
    app.world_mut().spawn(Score(4));
    app.world_mut().write_message(QuickSave::default());
    frame(&mut app, QuickLoad);
    assert_eq!(scores(&mut app), [4]);
    assert_eq!(heard.take(), ["started", "saved", "loaded"]);
}

#[test]
fn a_backup_is_loaded_by_its_id() {
    let (mut app, _) = app(on(&memory()));
    let id = app.world_mut().spawn(Score(1)).id();
    frame(&mut app, SaveGame::slot(0));
    app.world_mut().entity_mut(id).insert(Score(2));
    frame(&mut app, SaveGame::slot(0));
    let first = list(&app).last().unwrap().id();
    frame(&mut app, LoadGame::Save(first));
    assert_eq!(scores(&mut app), [1]);
}

#[test]
fn a_damaged_save_is_told_of_and_the_one_before_it_loaded() {
    let files = memory();
    let (mut app, heard) = app(on(&files));
    let id = app.world_mut().spawn(Score(1)).id();
    frame(&mut app, SaveGame::slot(0));
    app.world_mut().entity_mut(id).insert(Score(2));
    frame(&mut app, SaveGame::slot(0));
    damage(&*files, &list(&app)[0]);
    heard.take();
    frame(&mut app, LoadGame::slot(0));
    assert_eq!(scores(&mut app), [1]);
    assert_eq!(heard.take(), ["recovered", "loaded"]);
}

#[test]
fn a_load_of_an_empty_slot_fails_and_changes_nothing() {
    let (mut app, heard) = app(on(&memory()));
    app.world_mut().spawn(Score(9));
    frame(&mut app, LoadGame::slot(7));
    frame(&mut app, QuickLoad);
    assert_eq!(scores(&mut app), [9]);
    let lines = heard.lines();
    assert!(lines[0].starts_with("not loaded: slot 7: not loaded: "), "{lines:?}");
    assert_eq!(heard.take(), ["not loaded", "not loaded"]);
}

#[test]
fn a_merge_adds_to_the_world() {
    let (mut app, _) = app(on(&memory()).load_mode(LoadMode::Merge));
    app.world_mut().spawn(Score(1));
    frame(&mut app, SaveGame::slot(0));
    frame(&mut app, LoadGame::slot(0));
    assert_eq!(scores(&mut app), [1, 1]);
}

#[test]
fn only_the_components_of_the_chosen_registry_are_saved() {
    #[derive(Component, Persist, Clone, Copy)]
    #[persist(crate = "keepstone_bevy", name = "app.other", pod)]
    #[repr(C)]
    struct Other(u32);
    let mut registry = Registry::default();
    registry.add::<Other>().unwrap();
    let (mut app, _) = app(on(&memory()).with_registry(registry));
    app.world_mut().spawn((Score(1), Other(2)));
    frame(&mut app, SaveGame::slot(0));
    let world = app.world_mut();
    let ids: Vec<Entity> = world.query_filtered::<Entity, With<Other>>().iter(world).collect();
    for id in ids {
        assert!(world.despawn(id));
    }
    frame(&mut app, LoadGame::slot(0));
    let world = app.world_mut();
    assert_eq!(world.query::<&Other>().single(world).unwrap().0, 2);
    assert!(scores(&mut app).is_empty());
}

#[test]
fn an_entity_with_an_id_keeps_across_a_load_what_is_not_saved_of_it() {
    let (mut app, _) = app(on(&memory()));
    app.world_mut().spawn_with_id(PersistId(500), (Score(1), Camera)).unwrap();
    frame(&mut app, SaveGame::slot(0));
    let world = app.world_mut();
    world.query::<&mut Score>().single_mut(world).unwrap().0 = 2;
    frame(&mut app, LoadGame::slot(0));
    let world = app.world_mut();
    let kept: Vec<u64> = world.query_filtered::<&Score, With<Camera>>().iter(world).map(|it| it.0).collect();
    assert_eq!(kept, [1]);
}
