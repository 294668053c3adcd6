use super::*;

use keepstone_bevy::AutosaveNow;
use keepstone_slots::{AutosavePolicy, SaveKind};

#[test]
fn it_saves_by_itself_at_intervals() {
    let (seconds, timer) = timer();
    let (mut app, heard) = app(on(&memory()).autosave_every_secs(60).with_timer(timer));
    for at in 0..=120 {
        seconds.store(at, Ordering::Relaxed);
        app.update();
        wait_for_saves(app.world_mut());
    }
    assert_eq!(heard.take(), ["started", "saved", "started", "saved"]);
    let saves = list(&app);
    assert_eq!(saves.iter().map(SaveEntry::slot).collect::<Vec<_>>(), [Some(11), Some(10)]);
    assert!(saves.iter().all(|save| save.kind() == Some(SaveKind::Auto)));
}

#[test]
fn it_saves_when_something_was_worth_it_and_not_too_often() {
    let (seconds, timer) = timer();
    let policy = AutosavePolicy::on_events().throttle(Duration::from_secs(10));
    let (mut app, heard) = app(on(&memory()).autosave(policy).with_timer(timer));
    for (at, saved) in [(0, 1), (5, 1), (10, 2), (40, 3)] {
        seconds.store(at, Ordering::Relaxed);
        if at != 10 {
            app.world_mut().resource_mut::<Saves>().worth_saving();
        }
        app.update();
        wait_for_saves(app.world_mut());
        assert_eq!(list(&app).len(), saved, "at {at}");
    }
    assert_eq!(heard.take().len(), 6);
}

#[test]
fn it_saves_by_itself_when_asked() {
    let (mut app, _) = app(on(&memory()));
    frame(&mut app, AutosaveNow::default());
    assert_eq!((list(&app)[0].slot(), list(&app)[0].kind()), (Some(10), Some(SaveKind::Auto)));
}

#[test]
fn it_does_not_save_by_itself_while_it_is_paused() {
    let (seconds, timer) = timer();
    let (mut app, heard) = app(on(&memory()).autosave_every_secs(1).autosave_on_exit().with_timer(timer));
    app.world_mut().resource_mut::<Saves>().pause_autosave(true);
    seconds.store(100, Ordering::Relaxed);
    frame(&mut app, AppExit::Success);
    assert_eq!(heard.take(), [""; 0]);
    assert!(app.world().resource::<Saves>().is_autosave_paused());
}

#[test]
fn the_end_of_the_app_saves_and_waits() {
    let files = memory();
    let (mut app, heard) = app(on(&files).autosave_on_exit());
    app.world_mut().spawn(Score(3));
    app.add_systems(Update, |mut exit: MessageWriter<AppExit>, mut saves: MessageWriter<SaveGame>| {
        saves.write(SaveGame::slot(1));
        exit.write(AppExit::Success);
    });
    app.update();
    assert_eq!(heard.take(), ["started", "started", "saved", "saved"], "within the frame");
    app.update();
    assert!(!heard.take().contains(&"autosaved".to_owned()));
    let automatic = list(&app).iter().filter(|save| save.kind() == Some(SaveKind::Auto)).count();
    assert_eq!(automatic, 1, "once");
    drop(app);
    // The directory is free again, and the saves are there.
    let (app, _) = super::app(on(&files));
    assert!(app.world().resource::<Saves>().has_save(10) && app.world().resource::<Saves>().has_save(1));
}

#[test]
fn an_app_that_runs_to_its_end_leaves_its_saves() {
    let files = memory();
    let (mut app, heard) = app(on(&files).autosave_on_exit());
    app.set_runner(|mut app| {
        while app.should_exit().is_none() {
            app.update();
        }
        AppExit::Success
    });
    app.add_systems(Update, |mut frames: Local<u32>, mut exit: MessageWriter<AppExit>| {
        *frames += 1;
        if *frames == 5 {
            exit.write(AppExit::Success);
        }
    });
    assert_eq!(app.run(), AppExit::Success);
    assert_eq!(heard.take(), ["started", "saved"]);
}
