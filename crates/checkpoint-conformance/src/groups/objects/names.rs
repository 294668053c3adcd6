//! Names of objects.

use keepstone_checkpoint::{Backend, Kind, backend::BackendError};

use crate::check::{Bench, Checked};

checks![
    names_that_a_store_gives_are_names,
    a_name_of_64_bytes_is_a_name,
    names_that_differ_in_one_byte_are_of_different_objects,
    what_is_no_name_is_refused_by_a_put,
    what_is_no_name_is_refused_by_a_get,
    what_is_no_name_is_refused_by_a_delete,
    what_is_refused_leaves_no_object,
    an_error_names_the_object,
];

/// What no object may be called.
fn refused() -> Vec<String> {
    let names = [
        "", "/", "/a", "a/", "a//b", "a/b/c", ".", "..", "../a", "a/..", "a/../b", ".hidden", "a/.b", "-a",
        "A", "a.", "a-/b", "a_b", "a b", "a\\b", "c:a", "a\0", "a\n", "\u{e9}", "a/B", "a/b/",
    ];
    names.into_iter().map(str::to_owned).chain(["a".repeat(65), format!("a/{}", "b".repeat(63))]).collect()
}

fn each_is_refused(
    bench: &Bench<'_>,
    request: impl Fn(&dyn Backend, &str) -> Result<(), BackendError>,
) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    for name in refused() {
        match request(&*backend, &name) {
            Ok(()) => return Err(crate::check::Stop::Failed(format!("{name:?} was taken for a name"))),
            Err(err) => same!(err.kind(), Kind::Misuse, "the kind of the error for {name:?}"),
        }
    }
    Ok(())
}

fn names_that_a_store_gives_are_names(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    for name in [
        "packs/0000000000000001.keep",
        "manifests/0000000000000001.keep",
        "commits/3fffffffffffffff.keep",
        "single",
        "0",
        "0a-b.c/d..-1",
        "a--b/c..d",
    ] {
        ensure!(backend.put_if_absent(name, name.as_bytes())?, "{name}: false, and the name is free");
        same!(backend.get(name)?.as_deref(), Some(name.as_bytes()), "the object {name}");
    }
    Ok(())
}

fn a_name_of_64_bytes_is_a_name(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    for name in ["a".repeat(64), format!("a/{}", "b".repeat(62)), format!("{}/b", "a".repeat(62))] {
        ensure!(backend.put_if_absent(&name, b"x")?, "{name}: false, and the name is free");
        same!(backend.list(&name)?.len(), 1, "objects of that name");
    }
    Ok(())
}

fn names_that_differ_in_one_byte_are_of_different_objects(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    let all = ["p/a", "p/b", "p/a0", "p/a.0", "p/a-0", "q/a", "p-a", "p.a", "pa"];
    for name in all {
        ensure!(backend.put_if_absent(name, name.as_bytes())?, "{name}: false, and the name is free");
    }
    for name in all {
        same!(backend.get(name)?.as_deref(), Some(name.as_bytes()), "the object {name}");
    }
    Ok(())
}

fn what_is_no_name_is_refused_by_a_put(bench: &Bench<'_>) -> Checked {
    each_is_refused(bench, |backend, name| backend.put_if_absent(name, b"x").map(drop))
}

fn what_is_no_name_is_refused_by_a_get(bench: &Bench<'_>) -> Checked {
    each_is_refused(bench, |backend, name| backend.get(name).map(drop))?;
    each_is_refused(bench, |backend, name| backend.get_range(name, 0..1).map(drop))
}

fn what_is_no_name_is_refused_by_a_delete(bench: &Bench<'_>) -> Checked {
    each_is_refused(bench, |backend, name| backend.delete(name))
}

fn what_is_refused_leaves_no_object(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    for name in refused() {
        drop(backend.put_if_absent(&name, b"x"));
    }
    same!(backend.list("")?, [], "the list");
    Ok(())
}

fn an_error_names_the_object(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    match backend.get("no name") {
        Ok(found) => Err(crate::check::Stop::Failed(format!("found {found:?} under what is no name"))),
        Err(err) => {
            same!((err.name.as_str(), err.what), ("no name", "get"), "what the error is about");
            Ok(())
        }
    }
}
