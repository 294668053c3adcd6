//! Without room, puts fail with the kind `NoSpace`. Nothing is lost, what is there is read, and the same handle goes on once there is room.

use keepstone_checkpoint::{Kind, Query};

use crate::{
    act::{self, Act},
    check::{Bench, Checked},
    stand::{commit, latest},
    sweep::no_room,
    tap::{Cut, Then, When},
};

checks![
    without_room_a_store_does_not_begin_and_begins_once_there_is_some,
    without_room_no_checkpoint_is_made_and_none_is_lost,
    without_room_nothing_is_said_about_a_checkpoint,
    without_room_no_head_and_no_branch_changes,
    without_room_no_session_changes,
    without_room_states_stay_where_they_are,
    without_room_nothing_is_pruned,
    without_room_packs_are_swept,
    without_room_an_import_is_taken_in_as_far_as_there_was_some,
    without_room_checkpoints_are_listed_and_read,
    with_room_again_as_many_checkpoints_are_made_as_were_refused,
];

fn each(bench: &Bench<'_>, acts: &[Act]) -> Checked {
    acts.iter().try_for_each(|act| no_room(bench, *act))
}

fn without_room_a_store_does_not_begin_and_begins_once_there_is_some(bench: &Bench<'_>) -> Checked {
    each(bench, &[act::FIRST_OPENING])
}

fn without_room_no_checkpoint_is_made_and_none_is_lost(bench: &Bench<'_>) -> Checked {
    each(bench, &[act::COMMIT, act::BATCH])
}

fn without_room_nothing_is_said_about_a_checkpoint(bench: &Bench<'_>) -> Checked {
    each(bench, &[act::TAG, act::ANNOTATE, act::MESSAGE, act::LOCK])
}

fn without_room_no_head_and_no_branch_changes(bench: &Bench<'_>) -> Checked {
    each(bench, &[act::FORK, act::RESTORE, act::UNDO, act::END_BRANCH])
}

fn without_room_no_session_changes(bench: &Bench<'_>) -> Checked {
    each(bench, &[act::BEGIN, act::RENAME, act::END_SESSION])
}

fn without_room_states_stay_where_they_are(bench: &Bench<'_>) -> Checked {
    each(bench, &[act::SEAL, act::CLOSE])
}

fn without_room_nothing_is_pruned(bench: &Bench<'_>) -> Checked {
    each(bench, &[act::PRUNE])
}

fn without_room_packs_are_swept(bench: &Bench<'_>) -> Checked {
    each(bench, &[act::SWEEP])
}

fn without_room_an_import_is_taken_in_as_far_as_there_was_some(bench: &Bench<'_>) -> Checked {
    each(bench, &[act::IMPORT])
}

const NO_ROOM: Cut = Cut { at: 0, when: When::Before, then: Then::NoRoom };

fn without_room_checkpoints_are_listed_and_read(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    act::prepare(&stand.store)?;
    let stand = stand.reopen()?;
    stand.tap.cut(NO_ROOM);
    for found in stand.store.list(&Query::new())? {
        same!(stand.store.state(&found)?.bytes().len() as u64, found.len, "bytes of {}", found.sequence);
    }
    Ok(())
}

fn with_room_again_as_many_checkpoints_are_made_as_were_refused(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    let session = stand.store.session("main")?;
    commit(&session, b"before")?;
    stand.tap.cut(NO_ROOM);
    for _ in 0..3 {
        match commit(&session, b"refused") {
            Ok(made) => return Err(crate::check::Stop::Failed(format!("{} was made without room", made.id))),
            Err(err) => same!(err.kind(), Kind::NoSpace, "the kind of {err}"),
        }
    }
    same!(latest(&session)?.as_deref(), Some(b"before".as_slice()), "the head");
    stand.tap.mend();
    for number in 0..3_u8 {
        same!(commit(&session, &[number])?.sequence.0, 2 + u64::from(number), "the sequence");
    }
    Ok(())
}
