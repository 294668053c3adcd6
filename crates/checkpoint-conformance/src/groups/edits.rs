//! Tags, annotations, messages and locks, given afterwards.

use keepstone_checkpoint::{CheckpointId, Error, Query, Selection};

use crate::{
    check::{Bench, Checked, Stop},
    stand::{Stand, commit},
};

checks![
    tags_that_are_given_are_there_once_and_in_order,
    tags_that_are_taken_are_gone_and_others_stay,
    a_checkpoint_has_64_tags_at_most,
    an_annotation_has_the_value_that_was_said_last,
    an_annotation_that_is_taken_back_is_gone,
    annotations_under_several_names_do_not_disturb_each_other,
    a_message_is_the_one_that_was_said_last,
    a_lock_holds_until_it_is_taken_off,
    the_same_edit_again_changes_nothing,
    an_edit_is_kept_over_openings_and_moves_to_packs,
    an_edit_of_a_checkpoint_in_a_pack_leaves_its_state_alone,
    an_edit_of_one_checkpoint_leaves_the_others_alone,
    an_edit_of_what_is_not_there_is_an_error,
    an_edit_that_is_too_long_is_refused_and_changes_nothing,
    edits_go_along_with_a_copy,
    edits_survive_a_prune,
];

/// A store with three checkpoints, and the id of the second.
fn made(bench: &Bench<'_>) -> Result<(Stand, CheckpointId), Stop> {
    let stand = bench.stand()?;
    let session = stand.store.session("main")?;
    commit(&session, b"one")?;
    let second = commit(&session, b"two")?.id;
    commit(&session, b"three")?;
    drop(session);
    Ok((stand, second))
}

fn tags(stand: &Stand, id: CheckpointId) -> Result<Vec<String>, Error> {
    Ok(stand.store.checkpoint(id)?.tags.iter().map(ToString::to_string).collect())
}

fn annotations(stand: &Stand, id: CheckpointId) -> Result<Vec<(String, String)>, Error> {
    Ok(stand.store.checkpoint(id)?.annotations.clone().into_iter().collect())
}

fn tags_that_are_given_are_there_once_and_in_order(bench: &Bench<'_>) -> Checked {
    let (stand, id) = made(bench)?;
    stand.store.tag(id, &["b", "a", "b"])?;
    stand.store.tag(id, &["c", "a"])?;
    same!(tags(&stand, id)?, ["a", "b", "c"], "the tags");
    same!(stand.store.list(&Query::new().tag("a").tag("c"))?.len(), 1, "checkpoints with two of them");
    Ok(())
}

fn tags_that_are_taken_are_gone_and_others_stay(bench: &Bench<'_>) -> Checked {
    let (stand, id) = made(bench)?;
    stand.store.tag(id, &["a", "b", "c"])?;
    stand.store.untag(id, &["b", "never there"])?;
    same!(tags(&stand, id)?, ["a", "c"], "the tags");
    same!(stand.store.list(&Query::new().tag("b"))?.len(), 0, "checkpoints with the one that was taken");
    Ok(())
}

fn a_checkpoint_has_64_tags_at_most(bench: &Bench<'_>) -> Checked {
    let (stand, id) = made(bench)?;
    for n in 0..64 {
        stand.store.tag(id, &[&format!("tag {n}")])?;
    }
    let more = stand.store.tag(id, &["one more"]);
    ensure!(matches!(more, Err(Error::Tags { needs: 65, .. })), "a 65th tag: {more:?}");
    // One that it has already takes no room.
    stand.store.tag(id, &["tag 3"])?;
    same!(tags(&stand, id)?.len(), 64, "tags");
    Ok(())
}

fn an_annotation_has_the_value_that_was_said_last(bench: &Bench<'_>) -> Checked {
    let (stand, id) = made(bench)?;
    for value in ["1", "", "3"] {
        stand.store.annotate(id, "task", Some(value))?;
        same!(annotations(&stand, id)?, [("task".to_owned(), value.to_owned())], "the annotations");
    }
    Ok(())
}

fn an_annotation_that_is_taken_back_is_gone(bench: &Bench<'_>) -> Checked {
    let (stand, id) = made(bench)?;
    stand.store.annotate(id, "task", Some("1"))?;
    stand.store.annotate(id, "task", None)?;
    stand.store.annotate(id, "never there", None)?;
    same!(annotations(&stand, id)?, [], "the annotations");
    same!(stand.store.list(&Query::new().annotation("task", None))?.len(), 0, "checkpoints that have it");
    Ok(())
}

fn annotations_under_several_names_do_not_disturb_each_other(bench: &Bench<'_>) -> Checked {
    let (stand, id) = made(bench)?;
    for n in 0..20 {
        stand.store.annotate(id, &format!("note {n:02}"), Some(&n.to_string()))?;
    }
    stand.store.annotate(id, "note 07", Some("seven"))?;
    stand.store.annotate(id, "note 08", None)?;
    let stand = stand.reopen()?;
    let found = annotations(&stand, id)?;
    same!(found.len(), 19, "annotations");
    for (key, value) in found {
        let expected =
            if key == "note 07" { "note seven".to_owned() } else { key.replace("note 0", "note ") };
        same!(format!("note {value}"), expected, "the annotation {key}");
    }
    Ok(())
}

fn a_message_is_the_one_that_was_said_last(bench: &Bench<'_>) -> Checked {
    let (stand, id) = made(bench)?;
    for message in ["first", "", "a longer one than before"] {
        stand.store.set_message(id, message)?;
        same!(&*stand.store.checkpoint(id)?.message, message, "the message");
    }
    Ok(())
}

fn a_lock_holds_until_it_is_taken_off(bench: &Bench<'_>) -> Checked {
    let (mut stand, id) = made(bench)?;
    for is_locked in [true, true, false, false, true] {
        stand.store.lock(id, is_locked)?;
        stand = stand.reopen()?;
        same!(stand.store.checkpoint(id)?.locked, is_locked, "the lock");
    }
    stand.store.compact(1)?;
    ensure!(stand.store.checkpoint(id).is_ok(), "a locked checkpoint is gone");
    Ok(())
}

fn the_same_edit_again_changes_nothing(bench: &Bench<'_>) -> Checked {
    let (stand, id) = made(bench)?;
    for _ in 0..3 {
        stand.store.tag(id, &["a"])?;
        stand.store.annotate(id, "task", Some("1"))?;
        stand.store.set_message(id, "said")?;
        stand.store.lock(id, true)?;
        let found = stand.store.checkpoint(id)?;
        same!(
            (found.tags.len(), found.annotations.len(), &*found.message, found.locked),
            (1, 1, "said", true),
            "it"
        );
    }
    Ok(())
}

fn an_edit_is_kept_over_openings_and_moves_to_packs(bench: &Bench<'_>) -> Checked {
    let (mut stand, id) = made(bench)?;
    for round in 0..4 {
        stand.store.tag(id, &[&format!("tag {round}")])?;
        stand.store.annotate(id, "round", Some(&round.to_string()))?;
        stand.store.set_message(id, &format!("round {round}"))?;
        if round % 2 == 0 {
            stand.store.seal()?;
        }
        stand = stand.reopen()?;
        let found = stand.store.checkpoint(id)?;
        same!(found.tags.len(), round + 1, "tags");
        same!(found.annotations.get("round"), Some(&round.to_string()), "the annotation");
        same!(*found.message, *format!("round {round}"), "the message");
    }
    Ok(())
}

fn an_edit_of_a_checkpoint_in_a_pack_leaves_its_state_alone(bench: &Bench<'_>) -> Checked {
    let (stand, id) = made(bench)?;
    stand.store.seal()?;
    let before = stand.tap.counts().gets;
    stand.store.tag(id, &["a"])?;
    stand.store.annotate(id, "task", Some("1"))?;
    same!(stand.tap.counts().gets, before, "objects that an edit has read");
    same!(stand.store.state(id)?.bytes(), b"two", "the state");
    stand.store.seal()?;
    same!(stand.reopen()?.store.state(id)?.bytes(), b"two", "the state after an opening");
    Ok(())
}

fn an_edit_of_one_checkpoint_leaves_the_others_alone(bench: &Bench<'_>) -> Checked {
    let (stand, id) = made(bench)?;
    stand.store.tag(id, &["a"])?;
    stand.store.annotate(id, "task", Some("1"))?;
    stand.store.lock(id, true)?;
    for found in stand.reopen()?.store.list(&Query::new())? {
        let has = (found.tags.is_empty(), found.annotations.is_empty(), found.locked);
        same!(has, if found.id == id { (false, false, true) } else { (true, true, false) }, "{}", found.id);
    }
    Ok(())
}

fn an_edit_of_what_is_not_there_is_an_error(bench: &Bench<'_>) -> Checked {
    let (stand, _) = made(bench)?;
    let id = CheckpointId::from_bytes([7; 16]);
    let answers = [
        stand.store.tag(id, &["a"]),
        stand.store.untag(id, &["a"]),
        stand.store.annotate(id, "task", Some("1")),
        stand.store.set_message(id, "x"),
        stand.store.lock(id, true),
    ];
    for answer in answers {
        ensure!(matches!(answer, Err(Error::NoCheckpoint { .. })), "an unknown checkpoint: {answer:?}");
    }
    Ok(())
}

fn an_edit_that_is_too_long_is_refused_and_changes_nothing(bench: &Bench<'_>) -> Checked {
    let (stand, id) = made(bench)?;
    let (name, text) = ("x".repeat(256), "x".repeat((64 << 10) + 1));
    let answers = [
        stand.store.tag(id, &["fine", &name]),
        stand.store.tag(id, &[""]),
        stand.store.annotate(id, &name, Some("1")),
        stand.store.annotate(id, "task", Some(&text)),
        stand.store.set_message(id, &text),
    ];
    for answer in answers {
        ensure!(matches!(answer, Err(Error::Length { .. })), "what is too long: {answer:?}");
    }
    let found = stand.store.checkpoint(id)?;
    same!((found.tags.len(), found.annotations.len(), found.message.len()), (0, 0, 0), "what is said");
    Ok(())
}

fn edits_go_along_with_a_copy(bench: &Bench<'_>) -> Checked {
    let (stand, id) = made(bench)?;
    stand.store.tag(id, &["a", "b"])?;
    stand.store.annotate(id, "task", Some("1"))?;
    stand.store.lock(id, true)?;
    let mut bytes = Vec::new();
    stand.store.export(&Selection::All, &mut bytes)?;
    let copy = bench.stand()?;
    copy.store.import(bytes.as_slice())?;
    same!(tags(&copy, id)?, ["a", "b"], "the tags");
    same!(annotations(&copy, id)?, [("task".to_owned(), "1".to_owned())], "the annotations");
    ensure!(copy.store.checkpoint(id)?.locked, "the lock is gone");
    Ok(())
}

fn edits_survive_a_prune(bench: &Bench<'_>) -> Checked {
    let (stand, id) = made(bench)?;
    stand.store.tag(id, &["a"])?;
    stand.store.annotate(id, "task", Some("1"))?;
    stand.store.lock(id, true)?;
    stand.store.compact(1)?;
    let stand = stand.reopen()?;
    same!(stand.store.len()?, 2, "checkpoints that stay");
    same!(tags(&stand, id)?, ["a"], "the tags");
    same!(annotations(&stand, id)?, [("task".to_owned(), "1".to_owned())], "the annotations");
    Ok(())
}
