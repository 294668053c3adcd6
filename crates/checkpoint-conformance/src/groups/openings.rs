//! What one opening of a place has done as the next one sees it.

use keepstone_checkpoint::{CheckpointStore, Query};

use crate::{
    check::{Bench, Checked, Stop},
    place::Openings,
    stand::{commit, latest, quiet},
};

checks![
    an_object_outlives_the_handle_that_has_put_it,
    a_name_that_an_earlier_opening_took_is_taken,
    an_object_that_an_earlier_opening_deleted_is_gone,
    places_of_a_factory_have_nothing_in_common,
    handles_at_the_same_time_see_the_same_objects_or_the_second_is_refused,
    of_handles_that_put_one_name_one_is_told_true,
    checkpoints_outlive_the_handle_that_has_made_them,
];

fn an_object_outlives_the_handle_that_has_put_it(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    ground.open()?.put_if_absent("packs/a", b"bytes")?;
    let other = ground.again()?;
    same!(other.get("packs/a")?.as_deref(), Some(b"bytes".as_slice()), "the object");
    same!(other.list("")?.len(), 1, "objects in the list");
    Ok(())
}

fn a_name_that_an_earlier_opening_took_is_taken(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    ground.open()?.put_if_absent("packs/a", b"bytes")?;
    ensure!(!ground.again()?.put_if_absent("packs/a", b"other")?, "true, and the name is taken");
    same!(ground.again()?.get("packs/a")?.as_deref(), Some(b"bytes".as_slice()), "the object");
    Ok(())
}

fn an_object_that_an_earlier_opening_deleted_is_gone(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    {
        let backend = ground.open()?;
        backend.put_if_absent("packs/a", b"bytes")?;
        backend.put_if_absent("packs/b", b"bytes")?;
        backend.delete("packs/a")?;
    }
    let other = ground.again()?;
    same!(other.get("packs/a")?, None, "a deleted object");
    same!(other.list("")?.len(), 1, "objects in the list");
    ensure!(other.put_if_absent("packs/a", b"new")?, "false, and the name is free");
    Ok(())
}

fn places_of_a_factory_have_nothing_in_common(bench: &Bench<'_>) -> Checked {
    let (one, two) = (bench.ground()?, bench.ground()?);
    one.open()?.put_if_absent("packs/a", b"one")?;
    let other = two.open()?;
    same!(other.list("")?, [], "the list of another place");
    ensure!(other.put_if_absent("packs/a", b"two")?, "false, and the name is free in this place");
    same!(one.open()?.get("packs/a")?.as_deref(), Some(b"one".as_slice()), "the object of the first");
    Ok(())
}

fn handles_at_the_same_time_see_the_same_objects_or_the_second_is_refused(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let first = ground.again()?;
    if ground.openings() == Openings::InTurn {
        ensure!(ground.try_open().is_none(), "a second handle beside the first, though they are in turn");
        drop(first);
        return ground.open().map(drop);
    }
    let second = ground.again()?;
    first.put_if_absent("packs/a", b"bytes")?;
    same!(second.get("packs/a")?.as_deref(), Some(b"bytes".as_slice()), "the object, to the second handle");
    same!(second.list("packs/")?.len(), 1, "objects in its list");
    second.delete("packs/a")?;
    same!(first.get("packs/a")?, None, "a deleted object, to the first handle");
    same!(first.list("packs/")?, [], "its list");
    Ok(())
}

fn of_handles_that_put_one_name_one_is_told_true(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let first = ground.again()?;
    if ground.openings() == Openings::InTurn {
        // There is one handle at a time, and a name stays taken for the next.
        ensure!(first.put_if_absent("commits/1", b"first")?, "false, and the name is free");
        drop(first);
        ensure!(!ground.open()?.put_if_absent("commits/1", b"second")?, "true, and the name is taken");
        return Ok(());
    }
    let second = ground.again()?;
    for round in 0..bench.of(40, 400) {
        let name = format!("commits/{round}");
        let (one, two) = std::thread::scope(|scope| {
            let other = scope.spawn(|| second.put_if_absent(&name, b"second"));
            let one = first.put_if_absent(&name, b"first");
            (one, other.join().map_err(|_| Stop::failed("a thread panicked in the backend")))
        });
        let (one, two) = (one?, two??);
        ensure!(one != two, "both handles were told {one}");
        let expected: &[u8] = if one { b"first" } else { b"second" };
        same!(first.get(&name)?.as_deref(), Some(expected), "the object");
    }
    Ok(())
}

fn checkpoints_outlive_the_handle_that_has_made_them(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    {
        let store = ground.store(quiet())?;
        let session = store.session("main")?;
        commit(&session, b"one")?;
        store.seal()?;
        commit(&session, b"two")?;
    }
    let store = CheckpointStore::on(ground.again()?, quiet())?;
    same!(store.list(&Query::new())?.len(), 2, "checkpoints");
    same!(latest(&store.session("main")?)?.as_deref(), Some(b"two".as_slice()), "the head");
    Ok(())
}
