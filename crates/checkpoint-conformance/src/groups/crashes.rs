//! A crash before and after each request of an operation leaves it done or not begun, and so does a second one while the next opening goes on.

use crate::{
    act::{self, Act},
    check::{Bench, Checked},
    sweep::crash,
};

macro_rules! crashes {
    ($($name:ident => $act:expr),* $(,)?) => {
        checks![$($name),*];
        $(fn $name(bench: &Bench<'_>) -> Checked {
            const ACT: Act = $act;
            crash(bench, ACT)
        })*
    };
}

crashes! {
    a_crash_while_a_store_begins_leaves_one_that_begins_again => act::FIRST_OPENING,
    a_crash_while_a_store_is_opened_changes_nothing => act::OPENING,
    a_crash_while_a_session_begins_leaves_it_or_not => act::BEGIN,
    a_crash_while_a_checkpoint_is_made_leaves_it_or_not => act::COMMIT,
    a_crash_while_a_batch_is_made_leaves_all_of_it_or_nothing => act::BATCH,
    a_crash_while_tags_are_given_leaves_all_of_them_or_none => act::TAG,
    a_crash_while_an_annotation_changes_leaves_the_old_or_the_new_one => act::ANNOTATE,
    a_crash_while_a_message_changes_leaves_the_old_or_the_new_one => act::MESSAGE,
    a_crash_while_a_checkpoint_is_locked_leaves_it_locked_or_not => act::LOCK,
    a_crash_while_a_branch_is_forked_leaves_it_or_not => act::FORK,
    a_crash_while_a_head_is_restored_leaves_it_there_or_where_it_was => act::RESTORE,
    a_crash_while_a_move_is_undone_leaves_it_undone_or_not => act::UNDO,
    a_crash_while_a_branch_ends_leaves_it_or_not => act::END_BRANCH,
    a_crash_while_a_session_is_renamed_leaves_the_old_or_the_new_name => act::RENAME,
    a_crash_while_a_session_ends_leaves_all_of_it_or_nothing => act::END_SESSION,
    a_crash_while_states_move_to_packs_loses_none => act::SEAL,
    a_crash_while_a_prune_is_applied_leaves_all_or_what_stays => act::PRUNE,
    a_crash_while_packs_are_swept_loses_nothing_that_is_needed => act::SWEEP,
    a_crash_while_an_export_is_taken_in_leaves_a_part_that_doing_it_again_completes => act::IMPORT,
    a_crash_while_a_store_is_closed_changes_nothing => act::CLOSE,
}
