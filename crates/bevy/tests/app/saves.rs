use super::*;

use keepstone_bevy::{QuickSave, has_save, idle, saving};
use keepstone_slots::{SaveKind, SaveRequest};

#[test]
fn a_save_is_told_of_when_it_is_captured_and_when_it_is_on_the_disk() {
    let (mut app, heard) = app(on(&memory()));
    app.world_mut().spawn(Score(7));
    app.world_mut().write_message(SaveGame::slot(3).name("bridge"));
    app.update();
    // What observers heard is a resource, which nobody has registered.
    assert_eq!(heard.lines(), ["started: slot 3: saving 1 entities with 1 values, 1 left out"]);
    // The thread writes while frames go on.
    while app.world().resource::<Saves>().is_saving() {
        app.update();
        std::thread::yield_now();
    }
    assert_eq!(heard.take(), ["started", "saved"]);
    let saves = list(&app);
    assert_eq!((saves.len(), saves[0].slot(), saves[0].name()), (1, Some(3), Some("bridge")));
    assert_eq!((saves[0].kind(), saves[0].created_at()), (Some(SaveKind::Manual), Some(5)));
}

#[test]
fn what_is_saved_is_the_end_of_the_frame_that_asked() {
    let files = memory();
    let (mut app, _) = app(on(&files));
    let id = app.world_mut().spawn(Score(1)).id();
    app.world_mut().write_message(SaveGame::slot(0));
    app.add_systems(Update, |mut scores: Query<&mut Score>| scores.iter_mut().for_each(|mut it| it.0 *= 10));
    app.update();
    app.world_mut().despawn(id);
    frame(&mut app, keepstone_bevy::LoadGame::slot(0));
    assert_eq!(scores(&mut app), [10]);
}

#[test]
fn quick_saves_have_a_slot_of_their_own() {
    let (mut app, heard) = app(on(&memory()));
    frame(&mut app, QuickSave::default());
    assert_eq!(heard.take(), ["started", "saved"]);
    assert_eq!((list(&app)[0].slot(), list(&app)[0].kind()), (Some(15), Some(SaveKind::Quick)));
}

#[test]
fn more_saves_than_the_queue_holds_are_all_made() {
    let (mut app, heard) = app(on(&memory()));
    for slot in 0..10 {
        app.world_mut().write_message(SaveGame::slot(slot));
    }
    app.update();
    wait_for_saves(app.world_mut());
    assert_eq!(heard.take().iter().filter(|what| *what == "saved").count(), 10);
    assert_eq!(list(&app).len(), 10);
}

#[test]
fn every_save_is_described() {
    let plugin = on(&memory()).describe(|world, request| {
        let entities = world.query_filtered_count();
        request.tick(entities).place("the bridge")
    });
    let (mut app, _) = app(plugin);
    app.world_mut().spawn(Score(1));
    frame(&mut app, SaveGame::slot(1).request(SaveRequest::default().name("mine")));
    let save = &list(&app)[0];
    assert_eq!((save.name(), save.place(), save.tick()), (Some("mine"), Some("the bridge"), Some(1)));
}

trait Counted {
    fn query_filtered_count(&self) -> u64;
}

impl Counted for World {
    fn query_filtered_count(&self) -> u64 {
        self.try_query::<&Score>().map_or(0, |mut query| query.iter(self).count() as u64)
    }
}

#[test]
fn conditions_tell_whether_a_save_is_on_its_way_and_which_slots_have_one() {
    #[derive(Resource, Default)]
    struct Ran(Vec<&'static str>);
    let (mut app, _) = app(on(&memory()));
    app.init_resource::<Ran>().add_systems(
        Update,
        (
            (|mut ran: ResMut<Ran>| ran.0.push("saving")).run_if(saving),
            (|mut ran: ResMut<Ran>| ran.0.push("idle")).run_if(idle),
            (|mut ran: ResMut<Ran>| ran.0.push("has")).run_if(has_save(2)),
            (|mut ran: ResMut<Ran>| ran.0.push("has another")).run_if(has_save(3)),
        )
            .chain(),
    );
    app.update();
    assert_eq!(std::mem::take(&mut app.world_mut().resource_mut::<Ran>().0), ["idle"]);
    frame(&mut app, SaveGame::slot(2));
    app.world_mut().resource_mut::<Ran>().0.clear();
    app.update();
    assert_eq!(app.world().resource::<Ran>().0, ["idle", "has"]);
    app.world_mut().write_message(SaveGame::slot(2));
    app.update();
    let saves = app.world().resource::<Saves>();
    assert!(saves.is_saving(), "nobody was told of its end yet");
}

#[test]
fn another_player_has_other_saves() {
    let (mut app, _) = app(on(&memory()));
    frame(&mut app, SaveGame::slot(0));
    app.world_mut().resource_mut::<Saves>().set_player("bob");
    assert_eq!(app.world().resource::<Saves>().player(), "bob");
    assert!(list(&app).is_empty());
    frame(&mut app, SaveGame::slot(0));
    assert_eq!(list(&app)[0].player(), "bob");
}

#[test]
fn what_the_program_says_of_saving_counts() {
    let (mut app, _) = app(on(&memory()).saving(|options| options.state_hash(true)));
    frame(&mut app, SaveGame::slot(0));
    assert!(list(&app)[0].state_hash().is_some());
}

#[test]
fn an_app_is_saved_strictly_where_all_of_the_game_is_registered() {
    #[derive(Component)]
    struct Forgotten;
    let mut app = App::new();
    app.add_plugins(on(&memory()).saving(|options| options.strict(true)));
    app.world_mut().spawn(Score(1));
    frame(&mut app, SaveGame::slot(0));
    assert_eq!(list(&app).len(), 1);
    app.world_mut().spawn((Score(2), Forgotten));
    frame(&mut app, SaveGame::slot(0));
    assert_eq!(list(&app).len(), 1, "the plugin is no loss, a component is one");
}
