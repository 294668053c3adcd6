//! Requests of several threads.

use std::{sync::Barrier, thread};

use keepstone_checkpoint::backend::BackendError;

use crate::check::{Bench, Checked, Stop};

checks![
    of_threads_that_put_one_name_one_is_told_true,
    an_object_that_threads_raced_for_has_the_bytes_of_the_winner,
    objects_that_threads_put_are_all_there,
    an_object_that_is_being_put_is_read_whole_or_not_at_all,
    an_object_that_stays_is_in_every_list_while_others_come_and_go,
    a_name_that_threads_put_and_delete_is_never_taken_twice,
];

const THREADS: u8 = 8;

fn panicked() -> Stop {
    Stop::failed("a thread panicked in the backend")
}

/// Who was told that it has put an object, and the bytes that are there.
type Round = (Vec<u8>, Vec<u8>);

/// Lets threads put one name, some rounds.
fn race(bench: &Bench<'_>) -> Result<Vec<Round>, Stop> {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    let mut rounds = Vec::new();
    for round in 0..bench.of(40, 400) {
        let name = format!("commits/{round}");
        let barrier = Barrier::new(usize::from(THREADS));
        let put = |tag: u8| {
            barrier.wait();
            Ok(backend.put_if_absent(&name, &[tag; 100])?.then_some(tag))
        };
        let told: Vec<Result<Option<u8>, BackendError>> = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|tag| scope.spawn(move || put(tag))).collect();
            threads.into_iter().map(|thread| thread.join().map_err(|_| panicked())).collect::<Result<_, _>>()
        })?;
        let won = told.into_iter().filter_map(Result::transpose).collect::<Result<Vec<u8>, _>>()?;
        rounds.push((won, backend.get(&name)?.unwrap_or_default()));
    }
    Ok(rounds)
}

fn of_threads_that_put_one_name_one_is_told_true(bench: &Bench<'_>) -> Checked {
    for (won, _) in race(bench)? {
        same!(won.len(), 1, "threads that were told true");
    }
    Ok(())
}

fn an_object_that_threads_raced_for_has_the_bytes_of_the_winner(bench: &Bench<'_>) -> Checked {
    for (won, bytes) in race(bench)? {
        let winner = won.first().copied().unwrap_or_default();
        same!(bytes, vec![winner; 100], "the object that thread {winner} has put");
    }
    Ok(())
}

fn objects_that_threads_put_are_all_there(bench: &Bench<'_>) -> Checked {
    const EACH: u8 = 20;
    let ground = bench.ground()?;
    let backend = ground.open()?;
    let put = |tag: u8| {
        (0..EACH).try_for_each(|n| match backend.put_if_absent(&format!("packs/{tag}-{n}"), &[tag, n]) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Stop::failed("false, and the name is free")),
            Err(err) => Err(err.into()),
        })
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|tag| scope.spawn(move || put(tag))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| panicked())?)
    })?;
    same!(backend.list("packs/")?.len(), usize::from(THREADS) * usize::from(EACH), "objects in the list");
    for tag in 0..THREADS {
        for n in 0..EACH {
            same!(backend.get(&format!("packs/{tag}-{n}"))?, Some(vec![tag, n]), "object {tag}-{n}");
        }
    }
    Ok(())
}

fn an_object_that_is_being_put_is_read_whole_or_not_at_all(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    let bytes = vec![5_u8; 300_000];
    for round in 0..bench.of(10, 100) {
        let name = format!("packs/{round}");
        let barrier = Barrier::new(2);
        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                barrier.wait();
                backend.put_if_absent(&name, &bytes)
            });
            barrier.wait();
            // Once it is there it stays, so this ends.
            while !writer.is_finished() {
                let listed = backend.list(&name)?.first().map(|object| object.len);
                same!(listed.unwrap_or(bytes.len() as u64), bytes.len() as u64, "its length in a list");
                if let Some(found) = backend.get(&name)? {
                    ensure!(found == bytes, "{} bytes of an object of {}", found.len(), bytes.len());
                } else {
                    ensure!(listed.is_none(), "it was listed, and then it was not there");
                }
            }
            let put = writer.join().map_err(|_| panicked())??;
            ensure!(put, "false, and the name is free");
            Ok::<(), Stop>(())
        })?;
    }
    Ok(())
}

fn an_object_that_stays_is_in_every_list_while_others_come_and_go(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    for number in 0..10 {
        backend.put_if_absent(&format!("packs/stays-{number}"), b"x")?;
    }
    let rounds = bench.of(100, 1000);
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            for round in 0..rounds {
                let name = format!("packs/{}", round % 7);
                backend.put_if_absent(&name, b"x")?;
                backend.delete(&name)?;
            }
            Ok::<(), BackendError>(())
        });
        while !other.is_finished() {
            let stays = backend.list("packs/")?.iter().filter(|object| object.name.contains("stays")).count();
            same!(stays, 10, "objects that stay, in a list");
        }
        other.join().map_err(|_| panicked())??;
        Ok::<(), Stop>(())
    })
}

fn a_name_that_threads_put_and_delete_is_never_taken_twice(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    let rounds = bench.of(60, 600);
    // Whoever has put it reads its own bytes until it deletes it.
    let own = |tag: u8| {
        for _ in 0..rounds {
            if backend.put_if_absent("packs/a", &[tag; 50])? {
                thread::yield_now();
                same!(backend.get("packs/a")?, Some(vec![tag; 50]), "what thread {tag} has put");
                backend.delete("packs/a")?;
            }
        }
        Ok::<(), Stop>(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|tag| scope.spawn(move || own(tag))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| panicked())?)
    })
}
