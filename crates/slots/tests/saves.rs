use std::time::Duration;

use keepstone_slots::{
    Bytes, Codec, Compression, Durability, Error, Keep, Kind, Mod, Overwrite, SaveKind, SaveManager,
    SaveOptions, SaveReader, SaveRequest,
};

use crate::support::{Clock, ROOT, bytes, content, files, latest, open, path_of, quiet, text};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nnot much of a picture";

#[test]
fn what_was_saved_is_loaded_by_this_manager_the_next_and_a_reader() {
    let files = files();
    let manager = open(&files);
    let saved = manager.save("ann", 3, &bytes("one")).unwrap();
    assert_eq!(latest(&manager, "ann", 3), "one");
    let reader = SaveReader::open_with(ROOT, files.clone(), None).unwrap();
    assert_eq!(text(reader.load_latest::<Bytes<'static>>("ann", 3).unwrap().value), "one");
    drop(manager);
    let manager = open(&files);
    let loaded = manager.load::<Bytes<'static>>(saved.id()).unwrap();
    assert_eq!((text(loaded.value).as_str(), loaded.save.id()), ("one", saved.id()));
    assert!(loaded.recovered.is_none());
}

#[test]
fn a_serde_value_comes_back_as_its_type() {
    #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
    struct Game {
        level: u32,
        names: Vec<String>,
        left: Option<f32>,
    }
    let manager = open(&files());
    let game = Game { level: 7, names: vec!["a".into(), String::new()], left: Some(0.5) };
    manager.save("ann", 0, &game).unwrap();
    assert_eq!(manager.load_latest::<Game>("ann", 0).unwrap().value, game);
    // Asked for as something else, it is refused, and nothing is set aside for that.
    let err = manager.load_latest::<Bytes<'static>>("ann", 0).unwrap_err();
    assert_eq!(err.kind(), Kind::Misuse, "{err}");
    let err = manager.load_latest::<Vec<bool>>("ann", 0).unwrap_err();
    assert_eq!(err.kind(), Kind::Misuse, "{err}");
    assert_eq!(manager.load_latest::<Game>("ann", 0).unwrap().value, game);
}

#[test]
fn an_empty_slot_and_an_unknown_player_are_said_to_be_so() {
    let manager = open(&files());
    manager.save("ann", 0, &bytes("one")).unwrap();
    for (player, slot) in [("ann", 1), ("bob", 0)] {
        let err = manager.load_latest::<Bytes<'static>>(player, slot).unwrap_err();
        assert!(
            matches!(&err, Error::EmptySlot { player: p, slot: s } if p == player && *s == slot),
            "{err}"
        );
    }
    assert_eq!(manager.list("bob").unwrap().len(), 0);
    assert_eq!(manager.players().unwrap().len(), 1, "asking makes no player");
    for name in [String::new(), "x".repeat(129)] {
        let err = manager.save(&name, 0, &bytes("one")).unwrap_err();
        assert!(matches!(err, Error::PlayerName { len } if len == name.len()), "{err}");
    }
}

#[test]
fn names_that_look_like_paths_are_players_like_others() {
    let files = files();
    let manager = open(&files);
    let names = ["../../etc", "a/b", "A", "a", "con", ".", "\u{e9}", "e\u{301}", " ", "\0"];
    for name in names {
        manager.save(name, 0, &bytes(name)).unwrap();
    }
    for name in names {
        assert_eq!(latest(&manager, name, 0), name);
    }
    assert_eq!(manager.players().unwrap().len(), names.len());
    assert_eq!(files.list(std::path::Path::new(ROOT)).unwrap().len(), names.len() + 2, "ROOT and LOCK");
}

#[test]
pub(crate) fn the_latest_is_the_last_that_was_saved_whatever_the_clock_says() {
    let files = files();
    let clock = Clock::default();
    let manager = SaveManager::open(ROOT, clock.on(quiet(&files))).unwrap();
    for (n, time) in [1_000, 1_000, i64::MAX, -5, 0, 999].into_iter().enumerate() {
        clock.set(time);
        manager.save("ann", 0, &bytes(&n.to_string())).unwrap();
        assert_eq!(latest(&manager, "ann", 0), n.to_string());
    }
    drop(manager);
    let manager = open(&files);
    assert_eq!(latest(&manager, "ann", 0), "5");
    let times: Vec<_> =
        manager.list("ann").unwrap().iter().map(keepstone_slots::SaveEntry::created_at).collect();
    assert_eq!(times, [Some(999), Some(0), Some(-5)], "newest first, three are kept");
}

#[test]
fn a_slot_keeps_so_many_of_each_kind_and_those_that_are_locked() {
    let files = files();
    let options = quiet(&files).keep(Keep { quick: 1, ..Keep::all(2) });
    let manager = SaveManager::open(ROOT, options).unwrap();
    let save = |text: &str, kind| {
        let request = SaveRequest::new().kind(kind);
        manager.save_with("ann", 0, &bytes(text), &request).unwrap()
    };
    let first = save("m1", SaveKind::Manual);
    manager.lock(first.id()).unwrap();
    for text in ["m2", "m3"] {
        assert_eq!(save(text, SaveKind::Manual).rotated_out, []);
    }
    save("q1", SaveKind::Quick);
    let quick = save("q2", SaveKind::Quick);
    assert_eq!(quick.rotated_out.len(), 1);
    let fourth = save("m4", SaveKind::Manual);
    assert_eq!(fourth.rotated_out.len(), 1);
    let listed: Vec<String> = manager
        .list("ann")
        .unwrap()
        .iter()
        .map(|save| text(manager.load::<Bytes<'static>>(save.id()).unwrap().value))
        .collect();
    assert_eq!(listed, ["m4", "q2", "m3", "m1"]);
    assert!(matches!(manager.delete(first.id()), Err(Error::Locked { .. })));
    manager.unlock(first.id()).unwrap();
    assert_eq!(save("m5", SaveKind::Manual).rotated_out.len(), 2);
}

#[test]
fn what_a_request_says_is_what_a_list_shows() {
    let files = files();
    let options = quiet(&files).application("game", "1.2").schema("game.save", 4);
    let manager = SaveManager::open(ROOT, options).unwrap();
    let request = SaveRequest::new()
        .name("Before the bridge")
        .created_at(77)
        .tick(123)
        .play_time(Duration::from_hours(1))
        .place("Bridge")
        .mods(vec![Mod::new("more-trees", "2.0")])
        .custom("difficulty", "hard")
        .thumbnail(PNG)
        .state_hash(0xABCD)
        .compression(Compression::NONE);
    let saved = manager.save_with("ann", 3, &bytes("state"), &request).unwrap();
    for save in [saved.save.clone(), open_again(manager, &files).list("ann").unwrap().remove(0)] {
        assert_eq!(save.id(), saved.id());
        assert_eq!(save.slot(), Some(3));
        assert_eq!(save.kind(), Some(SaveKind::Manual));
        assert_eq!(save.player(), "ann");
        assert_eq!(save.name(), Some("Before the bridge"));
        assert_eq!(save.created_at(), Some(77));
        assert_eq!(save.tick(), Some(123));
        assert_eq!(save.play_time(), Some(Duration::from_hours(1)));
        assert_eq!(save.place(), Some("Bridge"));
        assert_eq!(save.application(), Some("game"));
        assert_eq!(save.game_version(), Some("1.2"));
        assert_eq!(save.mods(), [Mod::new("more-trees", "2.0")]);
        assert_eq!(save.custom("difficulty"), Some(b"hard".to_vec()));
        assert_eq!(save.thumbnail_len(), u32::try_from(PNG.len()).ok());
        assert_eq!(save.state_hash(), Some(0xABCD));
        assert_eq!(save.codec(), Some(Codec::None));
        assert_eq!(save.payload_len(), Some(5));
        assert_eq!(save.schema().map(|schema| (schema.name, schema.version)), Some(("game.save".into(), 4)));
    }
    let reader = SaveReader::open_with(ROOT, files, None).unwrap();
    assert_eq!(reader.thumbnail(&saved.save).unwrap().as_deref(), Some(PNG));
}

fn open_again(manager: SaveManager, files: &std::sync::Arc<dyn keepstone_storage::Files>) -> SaveManager {
    drop(manager);
    open(files)
}

#[test]
fn a_request_that_cannot_be_served_changes_nothing() {
    let files = files();
    let options = quiet(&files).thumbnail_max(32);
    let manager = SaveManager::open(ROOT, options).unwrap();
    let first = manager.save("ann", 0, &bytes("one")).unwrap();
    let refused = |request: SaveRequest| manager.save_with("ann", 0, &bytes("two"), &request).unwrap_err();
    let err = refused(SaveRequest::new().overwrite(Overwrite::Refuse));
    assert!(matches!(err, Error::SlotTaken { id, slot: 0, .. } if id == first.id()), "{err}");
    let err = refused(SaveRequest::new().thumbnail(*b"GIF89a"));
    assert!(matches!(err, Error::Misuse { .. }), "{err}");
    let err = refused(SaveRequest::new().thumbnail([PNG, &[0; 32]].concat()));
    assert!(matches!(err, Error::TooLong { what: "thumbnail", allowed: 32, .. }), "{err}");
    let err = refused(SaveRequest::new().kind(SaveKind::Profile));
    assert!(matches!(err, Error::Misuse { .. }), "{err}");
    let err = refused(SaveRequest::new().place("x".repeat(5_000)));
    assert!(matches!(err, Error::TooLong { allowed: 4096, .. }), "{err}");
    let err = manager.rename(first.id(), &"x".repeat(5_000)).unwrap_err();
    assert!(matches!(err, Error::TooLong { allowed: 4096, .. }), "{err}");
    assert_eq!(latest(&manager, "ann", 0), "one");
    assert_eq!(manager.list("ann").unwrap().len(), 1);
    let ok = SaveRequest::new().overwrite(Overwrite::Refuse);
    manager.save_with("ann", 1, &bytes("two"), &ok).unwrap();
}

#[test]
fn a_name_stays_with_a_slot_until_it_is_given_another() {
    let manager = open(&files());
    let request = SaveRequest::new().name("Castle");
    let first = manager.save_with("ann", 0, &bytes("1"), &request).unwrap();
    assert_eq!(manager.save("ann", 0, &bytes("2")).unwrap().save.name(), Some("Castle"));
    let third = manager.save("ann", 0, &bytes("3")).unwrap();
    manager.rename(third.id(), "Ruins").unwrap();
    manager.comment(third.id(), "it burnt").unwrap();
    assert_eq!(manager.save("ann", 0, &bytes("4")).unwrap().save.name(), Some("Ruins"));
    let saves = manager.list("ann").unwrap();
    assert_eq!(saves[1].comment(), Some("it burnt"));
    assert!(saves.iter().all(|save| save.id() != first.id()), "three are kept");
}

#[test]
fn automatic_saves_go_round_and_leave_the_slots_of_the_player_alone() {
    let manager = open(&files());
    manager.save("ann", 2, &bytes("mine")).unwrap();
    let slots: Vec<_> = (0..7)
        .map(|n| {
            let saved = manager.autosave("ann", &bytes(&n.to_string()), &SaveRequest::new()).unwrap();
            assert_eq!(saved.save.kind(), Some(SaveKind::Auto));
            saved.save.slot().unwrap()
        })
        .collect();
    assert_eq!(slots, [10, 11, 12, 13, 14, 10, 11]);
    let quick = manager.quicksave("ann", &bytes("q"), &SaveRequest::new()).unwrap();
    assert_eq!((quick.save.slot(), quick.save.kind()), (Some(15), Some(SaveKind::Quick)));
    assert_eq!(latest(&manager, "ann", 2), "mine");
}

#[test]
fn a_quota_is_told_before_it_is_hit_and_refuses_what_is_beyond() {
    let files = files();
    let options = quiet(&files).quota(4_000).keep(Keep::all(1)).compression(Compression::NONE);
    let manager = SaveManager::open(ROOT, options).unwrap();
    let payload = Bytes::from(vec![7; 1_000]);
    let mut used = 0;
    for slot in 0..2 {
        let quota = manager.save("ann", slot, &payload).unwrap().quota.unwrap();
        assert!(quota.used > used && !quota.is_nearly_full());
        used = quota.used;
    }
    let quota = manager.save("ann", 2, &payload).unwrap().quota.unwrap();
    assert!(quota.is_nearly_full(), "{quota:?}");
    let err = manager.save("ann", 3, &payload).unwrap_err();
    assert!(matches!(err, Error::Quota { allowed: 4_000, needs: 4_001.., .. }), "{err}");
    assert_eq!(manager.list("ann").unwrap().len(), 3);
    // What goes makes room for what comes; another player has a quota of their own.
    manager.save("ann", 2, &payload).unwrap();
    manager.save("bob", 0, &payload).unwrap();
}

#[test]
fn buffered_saves_rotate_nothing_out_until_one_is_durable() {
    let files = files();
    let manager = SaveManager::open(ROOT, quiet(&files).keep(Keep::all(1))).unwrap();
    let buffered = SaveRequest::new().durability(Durability::Buffered);
    manager.save("ann", 0, &bytes("1")).unwrap();
    for text in ["2", "3"] {
        assert_eq!(manager.save_with("ann", 0, &bytes(text), &buffered).unwrap().rotated_out, []);
    }
    assert_eq!(latest(&manager, "ann", 0), "3");
    assert_eq!(manager.list("ann").unwrap().len(), 3);
    manager.flush().unwrap();
    assert_eq!(manager.list("ann").unwrap().len(), 1);
    assert_eq!(manager.save("ann", 0, &bytes("4")).unwrap().rotated_out.len(), 1);
    assert_eq!(manager.list("ann").unwrap().len(), 1);
}

#[test]
fn files_of_saves_are_not_touched_by_later_saves_of_their_slot() {
    let files = files();
    let manager = open(&files);
    let first = manager.save("ann", 0, &bytes("one")).unwrap();
    let before = content(&files, &path_of(&first.save));
    for text in ["two", "three"] {
        manager.save("ann", 0, &bytes(text)).unwrap();
        manager.maintain().unwrap();
    }
    assert_eq!(content(&files, &path_of(&first.save)), before);
}

#[test]
fn a_second_writer_is_told_that_the_first_is_there_and_a_reader_is_not_in_the_way() {
    let files = files();
    let manager = open(&files);
    manager.save("ann", 0, &bytes("one")).unwrap();
    let err = SaveManager::open(ROOT, quiet(&files)).unwrap_err();
    assert_eq!(err.kind(), Kind::Busy, "{err}");
    let reader = SaveReader::open_with(ROOT, files.clone(), None).unwrap();
    assert_eq!(reader.list("ann").unwrap().len(), 1);
    manager.save("ann", 0, &bytes("two")).unwrap();
    assert_eq!(text(reader.load_latest::<Bytes<'static>>("ann", 0).unwrap().value), "two");
    drop(manager);
    SaveManager::open(ROOT, quiet(&files)).unwrap();
}

#[test]
fn options_choose_how_each_kind_is_compressed() {
    let options = SaveOptions::default()
        .files(files())
        .background(false)
        .compression_of(SaveKind::Quick, Compression::NONE)
        .compression_of(SaveKind::Checkpoint, Compression::SMALL);
    let manager = SaveManager::open(ROOT, options).unwrap();
    let payload = Bytes::from(vec![7; 100_000]);
    let save = |kind| {
        let request = SaveRequest::new().kind(kind);
        manager.save_with("ann", 0, &payload, &request).unwrap().save
    };
    let (manual, quick, checkpoint) =
        (save(SaveKind::Manual), save(SaveKind::Quick), save(SaveKind::Checkpoint));
    assert_eq!(manual.codec(), Some(Codec::Lz4));
    assert_eq!(quick.codec(), Some(Codec::None));
    assert_eq!(checkpoint.codec(), Some(Codec::Zstd));
    assert!(quick.bytes() > 100_000 && manual.bytes() < 5_000 && checkpoint.bytes() < manual.bytes());
}

#[test]
fn what_files_have_room_for_anyway_is_not_compressed_and_what_is_longer_is() {
    let files = files();
    let manager = open(&files);
    let save = |len: usize, asked: Option<Compression>| {
        let request = SaveRequest::new();
        let request = match asked {
            Some(compression) => request.compression(compression),
            None => request,
        };
        let saved = manager.save_with("ann", 0, &Bytes::from(vec![7; len]), &request).unwrap();
        assert_eq!(manager.load_latest::<Bytes<'static>>("ann", 0).unwrap().value.0, vec![7; len]);
        saved.save.bytes()
    };
    for len in [1_usize, 1000, 16 << 10] {
        assert!(save(len, None) >= len as u64, "{len}");
    }
    assert!(save((16 << 10) + 1, None) < 2000);
    // What a save asks for it gets, and for other machines each byte counts.
    assert!(save(16 << 10, Some(Compression::FAST)) < 2000);
    assert!(save(16 << 10, Some(Compression::SMALL)) < 2000);
    // Several chunks, and threads.
    assert!(save(1 << 20, None) < 20_000);
}

#[test]
fn saves_of_a_type_get_equal_whatever_was_saved_before() {
    let files = files();
    let manager = open(&files);
    let values =
        [Some(vec![(1_u8, None)]), None, Some(Vec::new()), Some(vec![(2, Some("a".to_owned()))]), None];
    for value in values.iter().chain(&values) {
        manager.save("ann", 0, value).unwrap();
        assert_eq!(manager.load_latest::<Option<Vec<(u8, Option<String>)>>>("ann", 0).unwrap().value, *value);
        let reader = SaveReader::open_with(ROOT, files.clone(), None).unwrap();
        let loaded = reader.load_latest::<Option<Vec<(u8, Option<String>)>>>("ann", 0).unwrap();
        assert_eq!(loaded.value, *value);
    }
}
