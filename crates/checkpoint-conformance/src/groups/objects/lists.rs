//! Lists.

use std::collections::BTreeSet;

use keepstone_checkpoint::{Backend, backend::BackendError};

use crate::check::{Bench, Checked};

checks![
    a_list_has_an_object_as_soon_as_it_was_put,
    a_list_has_an_object_no_more_as_soon_as_it_was_deleted,
    a_list_is_in_the_order_of_the_bytes_of_the_names,
    a_list_has_the_names_that_begin_with_a_prefix_and_no_others,
    a_list_of_all_has_the_objects_of_every_folder,
    a_list_says_how_long_objects_are,
    a_list_of_a_prefix_that_no_object_has_is_empty,
    a_list_of_more_objects_than_a_page_is_complete,
    a_list_is_the_same_after_random_puts_and_deletes_as_a_plain_one,
];

fn names(backend: &dyn Backend, prefix: &str) -> Result<Vec<String>, BackendError> {
    Ok(backend.list(prefix)?.into_iter().map(|object| object.name).collect())
}

fn a_list_has_an_object_as_soon_as_it_was_put(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    for number in 0..20 {
        let name = format!("commits/{number:04}");
        backend.put_if_absent(&name, b"x")?;
        let listed = names(&*backend, "commits/")?;
        same!(listed.last(), Some(&name), "the last object of the list");
        same!(listed.len(), number + 1, "objects in the list");
    }
    Ok(())
}

fn a_list_has_an_object_no_more_as_soon_as_it_was_deleted(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    for number in 0..10 {
        backend.put_if_absent(&format!("commits/{number}"), b"x")?;
    }
    for number in 0..10 {
        backend.delete(&format!("commits/{number}"))?;
        same!(names(&*backend, "commits/")?.len(), 9 - number, "objects in the list");
    }
    Ok(())
}

fn a_list_is_in_the_order_of_the_bytes_of_the_names(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    // `-` and `.` are before `/`, and that is before digits and letters.
    let all =
        ["b", "a/b", "a-b/c", "a.b/c", "a0/c", "ab/c", "a/b.c", "a/b-c", "a/bc", "a/b0", "10/a", "9/a", "2"];
    for name in all {
        backend.put_if_absent(name, name.as_bytes())?;
    }
    let mut expected: Vec<String> = all.iter().map(ToString::to_string).collect();
    expected.sort_unstable();
    same!(names(&*backend, "")?, expected, "the list");
    Ok(())
}

fn a_list_has_the_names_that_begin_with_a_prefix_and_no_others(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    let all = ["packs/b", "manifests/1", "packs/a-long", "packs/a", "single", "packs-more/a", "pa"];
    for name in all {
        backend.put_if_absent(name, b"x")?;
    }
    for prefix in
        ["", "p", "pa", "pack", "packs", "packs/", "packs/a", "packs/a-", "packs-", "s", "single", "m"]
    {
        let mut expected: Vec<&str> = all.into_iter().filter(|name| name.starts_with(prefix)).collect();
        expected.sort_unstable();
        same!(names(&*backend, prefix)?, expected, "the list of {prefix:?}");
    }
    Ok(())
}

fn a_list_of_all_has_the_objects_of_every_folder(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    for name in ["commits/1", "manifests/1", "packs/1", "one"] {
        backend.put_if_absent(name, b"x")?;
    }
    same!(names(&*backend, "")?, ["commits/1", "manifests/1", "one", "packs/1"], "the list");
    Ok(())
}

fn a_list_says_how_long_objects_are(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    for len in [0, 1, 4096, 70_000] {
        backend.put_if_absent(&format!("packs/{len}"), &vec![1; len])?;
    }
    for object in backend.list("packs/")? {
        same!(format!("packs/{}", object.len), object.name, "the length of an object");
    }
    Ok(())
}

fn a_list_of_a_prefix_that_no_object_has_is_empty(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    backend.put_if_absent("packs/a", b"x")?;
    for prefix in ["commits/", "packs/b", "packs/a/", "packs/aa", "q", "/", "../", "packs//", "PACKS/"] {
        same!(names(&*backend, prefix)?, [""; 0], "the list of {prefix:?}");
    }
    Ok(())
}

/// Storages answer a thousand names at a time.
fn a_list_of_more_objects_than_a_page_is_complete(bench: &Bench<'_>) -> Checked {
    let count = bench.of(1001, 2501);
    let ground = bench.ground()?;
    let backend = ground.open()?;
    let expected: Vec<String> = (0..count).map(|number| format!("commits/{number:016x}.keep")).collect();
    for name in &expected {
        backend.put_if_absent(name, b"x")?;
    }
    let found = names(&*backend, "commits/")?;
    ensure!(found == expected, "{} of {count} objects are listed, or not in their order", found.len());
    Ok(())
}

fn a_list_is_the_same_after_random_puts_and_deletes_as_a_plain_one(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    let mut random = bench.random();
    let mut there: BTreeSet<String> = BTreeSet::new();
    for _ in 0..bench.of(150, 1000) {
        let folder = random.of(&["packs/", "commits/", "manifests/"]).copied().unwrap_or_default();
        let name = format!("{folder}{}", random.below(20));
        if random.one_in(3) {
            backend.delete(&name)?;
            there.remove(&name);
        } else {
            let is_new = there.insert(name.clone());
            same!(backend.put_if_absent(&name, name.as_bytes())?, is_new, "the answer of a put of {name}");
        }
        let prefix = random.of(&["", folder, "packs/1"]).copied().unwrap_or_default();
        let expected: Vec<_> = there.iter().filter(|name| name.starts_with(prefix)).cloned().collect();
        same!(names(&*backend, prefix)?, expected, "the list of {prefix:?}");
    }
    Ok(())
}
