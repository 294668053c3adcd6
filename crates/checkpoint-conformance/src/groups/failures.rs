//! A request that fails once, before or after it took effect, is an error or nothing at all; the same handle goes on.

use crate::{
    act::{self, Act},
    check::{Bench, Checked, Stop},
    stand::{commit, latest},
    sweep::fail_once,
    tap::{Cut, Then, When},
};

checks![
    a_request_that_fails_while_a_store_is_opened_changes_nothing,
    a_request_that_fails_while_checkpoints_are_made_leaves_them_or_not,
    a_request_that_fails_while_something_is_said_about_a_checkpoint_leaves_it_said_or_not,
    a_request_that_fails_while_heads_and_branches_change_leaves_the_one_or_the_other,
    a_request_that_fails_while_sessions_change_leaves_the_one_or_the_other,
    a_request_that_fails_while_states_move_loses_none,
    a_request_that_fails_while_checkpoints_go_leaves_all_or_what_stays,
    a_request_that_fails_while_an_export_is_taken_in_leaves_a_part_that_doing_it_again_completes,
    a_checkpoint_whose_put_fails_before_it_took_effect_is_not_there,
    a_checkpoint_whose_put_fails_after_it_took_effect_is_there_once,
    a_state_whose_read_fails_is_an_error_and_is_read_the_next_time,
];

fn each(bench: &Bench<'_>, acts: &[Act]) -> Checked {
    acts.iter().try_for_each(|act| fail_once(bench, *act))
}

fn a_request_that_fails_while_a_store_is_opened_changes_nothing(bench: &Bench<'_>) -> Checked {
    each(bench, &[act::FIRST_OPENING, act::OPENING])
}

fn a_request_that_fails_while_checkpoints_are_made_leaves_them_or_not(bench: &Bench<'_>) -> Checked {
    each(bench, &[act::COMMIT, act::BATCH])
}

fn a_request_that_fails_while_something_is_said_about_a_checkpoint_leaves_it_said_or_not(
    bench: &Bench<'_>,
) -> Checked {
    each(bench, &[act::TAG, act::ANNOTATE, act::MESSAGE, act::LOCK])
}

fn a_request_that_fails_while_heads_and_branches_change_leaves_the_one_or_the_other(
    bench: &Bench<'_>,
) -> Checked {
    each(bench, &[act::FORK, act::RESTORE, act::UNDO, act::END_BRANCH])
}

fn a_request_that_fails_while_sessions_change_leaves_the_one_or_the_other(bench: &Bench<'_>) -> Checked {
    each(bench, &[act::BEGIN, act::RENAME, act::END_SESSION])
}

fn a_request_that_fails_while_states_move_loses_none(bench: &Bench<'_>) -> Checked {
    each(bench, &[act::SEAL, act::CLOSE])
}

fn a_request_that_fails_while_checkpoints_go_leaves_all_or_what_stays(bench: &Bench<'_>) -> Checked {
    each(bench, &[act::PRUNE, act::SWEEP])
}

fn a_request_that_fails_while_an_export_is_taken_in_leaves_a_part_that_doing_it_again_completes(
    bench: &Bench<'_>,
) -> Checked {
    each(bench, &[act::IMPORT])
}

/// Lets the put of a second checkpoint fail, and answers the messages that are there then.
fn one_put(bench: &Bench<'_>, when: When) -> Result<Vec<Vec<u8>>, Stop> {
    let stand = bench.stand()?;
    let session = stand.store.session("main")?;
    commit(&session, b"one")?;
    stand.tap.cut(Cut { at: 0, when, then: Then::GoesOn });
    ensure!(commit(&session, b"two").is_err(), "a put that fails was acknowledged");
    ensure!(stand.tap.is_hit(), "a checkpoint was made without a request");
    stand.tap.mend();
    commit(&session, b"three")?;
    let mut states = Vec::new();
    for found in stand.store.list(&keepstone_checkpoint::Query::new())? {
        states.push(stand.store.state(&found)?.bytes().to_vec());
    }
    Ok(states)
}

fn a_checkpoint_whose_put_fails_before_it_took_effect_is_not_there(bench: &Bench<'_>) -> Checked {
    same!(one_put(bench, When::Before)?, [b"one".to_vec(), b"three".to_vec()], "the states");
    Ok(())
}

fn a_checkpoint_whose_put_fails_after_it_took_effect_is_there_once(bench: &Bench<'_>) -> Checked {
    same!(one_put(bench, When::After)?, [b"one".to_vec(), b"two".to_vec(), b"three".to_vec()], "the states");
    Ok(())
}

fn a_state_whose_read_fails_is_an_error_and_is_read_the_next_time(bench: &Bench<'_>) -> Checked {
    let stand = bench.stand()?;
    commit(&stand.store.session("main")?, b"one")?;
    stand.store.seal()?;
    let stand = stand.reopen()?;
    let session = stand.store.session("main")?;
    stand.tap.cut(Cut { at: 0, when: When::Before, then: Then::GoesOn });
    ensure!(latest(&session).is_err(), "a state was read by a request that fails");
    stand.tap.mend();
    same!(latest(&session)?.as_deref(), Some(b"one".as_slice()), "the state");
    Ok(())
}
