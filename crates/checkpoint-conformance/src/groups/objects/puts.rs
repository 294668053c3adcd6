//! Put-if-absent, get, delete.

use crate::{
    check::{Bench, Checked},
    view::hash,
};

checks![
    a_new_place_has_no_objects,
    a_put_under_a_free_name_is_true,
    an_object_that_was_put_is_read_byte_for_byte,
    an_object_without_bytes_is_an_object,
    an_object_with_every_byte_there_is_is_kept,
    a_large_object_is_kept_whole,
    an_object_that_is_not_there_is_none,
    a_put_under_a_taken_name_is_false,
    a_put_under_a_taken_name_changes_nothing,
    a_put_of_the_same_bytes_under_a_taken_name_is_false_too,
    a_deleted_object_is_none,
    a_delete_takes_one_object_only,
    a_delete_of_what_is_not_there_is_no_error,
    a_name_is_free_after_a_delete,
    what_is_put_after_a_delete_is_what_is_read,
    after_an_error_of_a_put_the_object_is_there_whole_or_not_at_all,
];

fn a_new_place_has_no_objects(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    same!(backend.list("")?, [], "the list of a new place");
    same!(backend.get("packs/a")?, None, "an object of a new place");
    Ok(())
}

fn a_put_under_a_free_name_is_true(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    for name in ["packs/a", "packs/b", "manifests/a", "single"] {
        ensure!(backend.put_if_absent(name, name.as_bytes())?, "{name}: false, and the name is free");
    }
    Ok(())
}

fn an_object_that_was_put_is_read_byte_for_byte(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    let mut random = bench.random();
    for len in [1, 2, 63, 64, 65, 511, 512, 4095, 4096, 4097, 65_536, 100_000] {
        let (name, bytes) = (format!("packs/{len}"), random.bytes(len));
        ensure!(backend.put_if_absent(&name, &bytes)?, "{name}: false, and the name is free");
        let found = backend.get(&name)?;
        ensure!(found.as_ref() == Some(&bytes), "{len} bytes come back as other ones");
    }
    Ok(())
}

fn an_object_without_bytes_is_an_object(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    ensure!(backend.put_if_absent("packs/empty", b"")?, "false, and the name is free");
    same!(backend.get("packs/empty")?, Some(Vec::new()), "its bytes");
    ensure!(!backend.put_if_absent("packs/empty", b"x")?, "its name is taken, and a put was true");
    same!(backend.list("packs/")?.len(), 1, "objects in the list");
    Ok(())
}

fn an_object_with_every_byte_there_is_is_kept(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    let bytes: Vec<u8> = (0..=255).chain([13, 10, 13, 10, 0, 26, 255, 254]).collect();
    backend.put_if_absent("packs/a", &bytes)?;
    same!(backend.get("packs/a")?, Some(bytes), "its bytes");
    Ok(())
}

/// Above what backends send in one piece.
fn a_large_object_is_kept_whole(bench: &Bench<'_>) -> Checked {
    let len = bench.of((8 << 20) + 1, (64 << 20) + 1);
    let ground = bench.ground()?;
    let backend = ground.open()?;
    let bytes: Vec<u8> = (0..len).map(|at: u32| at.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    backend.put_if_absent("packs/large", &bytes)?;
    let found = backend.get("packs/large")?.unwrap_or_default();
    ensure!(
        found.len() == bytes.len() && hash(&found) == hash(&bytes),
        "{} bytes come back as {} other ones",
        bytes.len(),
        found.len()
    );
    let middle = u64::from(len) / 2;
    let part = backend.get_range("packs/large", middle..middle + 100)?.unwrap_or_default();
    let expected = crate::tap::part(&bytes, &(middle..middle + 100));
    same!(part, expected, "a part of it");
    same!(backend.list("packs/")?.first().map(|object| object.len), Some(u64::from(len)), "its length");
    Ok(())
}

fn an_object_that_is_not_there_is_none(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    backend.put_if_absent("packs/b", b"x")?;
    for name in ["packs/a", "packs/bb", "packs/c", "manifests/b", "b"] {
        same!(backend.get(name)?, None, "{name}");
    }
    Ok(())
}

fn a_put_under_a_taken_name_is_false(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    backend.put_if_absent("commits/1", b"first")?;
    for bytes in [b"second".as_slice(), b"", b"longer than the first one was"] {
        ensure!(!backend.put_if_absent("commits/1", bytes)?, "true, and the name is taken");
    }
    Ok(())
}

fn a_put_under_a_taken_name_changes_nothing(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    backend.put_if_absent("commits/1", b"first")?;
    for bytes in [b"other".as_slice(), b"", b"longer than the first one was"] {
        // Whatever it answers.
        drop(backend.put_if_absent("commits/1", bytes));
        same!(backend.get("commits/1")?.as_deref(), Some(b"first".as_slice()), "its bytes");
        same!(backend.list("commits/")?.first().map(|object| object.len), Some(5), "its length in a list");
    }
    Ok(())
}

/// A store tells its own put, whose answer was lost, by reading the object.
fn a_put_of_the_same_bytes_under_a_taken_name_is_false_too(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    backend.put_if_absent("commits/1", b"same")?;
    ensure!(!backend.put_if_absent("commits/1", b"same")?, "true, and the name is taken");
    Ok(())
}

fn a_deleted_object_is_none(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    backend.put_if_absent("packs/a", b"bytes")?;
    // So that a cache would have it.
    backend.get("packs/a")?;
    backend.delete("packs/a")?;
    same!(backend.get("packs/a")?, None, "a deleted object");
    same!(backend.get_range("packs/a", 0..1)?, None, "a part of a deleted object");
    Ok(())
}

fn a_delete_takes_one_object_only(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    let names = ["packs/a", "packs/a-b", "packs/a.b", "packs/ab", "packs/b", "packs-a", "manifests/a"];
    for name in names {
        backend.put_if_absent(name, b"x")?;
    }
    backend.delete("packs/a")?;
    for name in names {
        same!(backend.get(name)?.is_some(), name != "packs/a", "whether {name} is there");
    }
    Ok(())
}

fn a_delete_of_what_is_not_there_is_no_error(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    backend.delete("packs/never")?;
    backend.put_if_absent("packs/a", b"x")?;
    backend.delete("packs/a")?;
    backend.delete("packs/a")?;
    Ok(())
}

fn a_name_is_free_after_a_delete(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    for round in 0..3 {
        ensure!(backend.put_if_absent("packs/a", b"x")?, "round {round}: false, and the name is free");
        backend.delete("packs/a")?;
    }
    Ok(())
}

fn what_is_put_after_a_delete_is_what_is_read(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    backend.put_if_absent("packs/a", b"old")?;
    same!(backend.get("packs/a")?.as_deref(), Some(b"old".as_slice()), "its first bytes");
    backend.delete("packs/a")?;
    ensure!(backend.put_if_absent("packs/a", b"newer")?, "false, and the name is free");
    same!(backend.get("packs/a")?.as_deref(), Some(b"newer".as_slice()), "its bytes");
    same!(backend.get_range("packs/a", 1..9)?.as_deref(), Some(b"ewer".as_slice()), "a part of them");
    same!(backend.list("packs/")?.first().map(|object| object.len), Some(5), "its length in a list");
    Ok(())
}

fn after_an_error_of_a_put_the_object_is_there_whole_or_not_at_all(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    let mut random = bench.random();
    for number in 0..40 {
        let (name, bytes) = (format!("packs/{number}"), random.bytes(1 + number * 37));
        if number % 8 == 0 {
            ground.disturb();
        }
        let put = backend.put_if_absent(&name, &bytes);
        let found = backend.get(&name)?;
        match put {
            Ok(was_put) => {
                ensure!(was_put, "{name}: false, and the name is free");
                ensure!(found.as_ref() == Some(&bytes), "{name}: it was put, and other bytes are there");
            }
            Err(err) => {
                let len = found.as_ref().map(Vec::len);
                ensure!(
                    found.as_ref().is_none_or(|found| *found == bytes),
                    "{name}: after \"{err}\" other bytes than those that were put are there: {len:?} of {}",
                    bytes.len()
                );
                let listed = backend.list(&name)?.iter().any(|object| object.name == name);
                same!(listed, found.is_some(), "{name}: whether it is listed");
            }
        }
    }
    Ok(())
}
