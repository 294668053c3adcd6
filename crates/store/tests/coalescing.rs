//! Jobs that make earlier ones needless.

use std::sync::{Arc, Mutex};

use keepstone_store::{Error, Ticket, Worker};

use crate::support::{Failed, occupy, worker};

type Log = Arc<Mutex<Vec<&'static str>>>;

fn note(worker: &Worker<Failed>, log: &Log, key: &str, what: &'static str) -> Ticket<(), Failed> {
    let log = Arc::clone(log);
    worker.submit_latest(key, move || {
        log.lock().unwrap().push(what);
        Ok(())
    })
}

#[test]
fn a_later_job_takes_the_place_of_one_that_has_not_begun() {
    let (worker, log) = (worker(2), Log::default());
    let (release, _busy) = occupy(&worker);
    let old = note(&worker, &log, "a", "a1");
    let other = note(&worker, &log, "b", "b1");
    // The queue is full, and yet there is room for what takes a place.
    assert!(worker.has_room(Some(&"a".into())) && !worker.has_room(Some(&"c".into())));
    let error = worker.check_room(Some(&"c".into())).unwrap_err();
    assert!(matches!(error, Error::Busy { queued: 2, queue_max: 2 }), "{error}");
    let new = worker.try_submit_latest("a", || Ok(())).unwrap();
    let newest = note(&worker, &log, "a", "a3");
    assert!(worker.try_submit_latest("c", || Ok(())).is_err());
    let error = old.wait().unwrap_err();
    assert!(matches!(&error, Failed::Worker(Error::Superseded { key }) if key == "a"), "{error:?}");
    drop(new);
    drop(release);
    other.wait().unwrap();
    newest.wait().unwrap();
    assert_eq!(*log.lock().unwrap(), ["a3", "b1"], "in the place of the earlier one");
    assert!(worker.finish().is_empty(), "being superseded is not an error that somebody misses");
}

#[test]
fn whoever_only_takes_a_place_leaves_the_room_to_the_next() {
    let worker = worker(2);
    let (first, _running) = occupy(&worker);
    let (begin, running) = std::sync::mpsc::channel();
    let (second, released) = std::sync::mpsc::channel::<()>();
    drop(worker.submit(|| Ok(())));
    drop(worker.submit(move || {
        begin.send(()).unwrap();
        released.recv().ok();
        Ok(())
    }));
    std::thread::scope(|scope| {
        for key in ["a", "a", "b"] {
            let worker = &worker;
            scope.spawn(move || drop(worker.submit_latest(key, || Ok(()))));
            // They wait in this order.
            std::thread::park_timeout(std::time::Duration::from_millis(20));
        }
        drop(first);
        running.recv().unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while worker.queued() < 2 && std::time::Instant::now() < deadline {
            std::thread::yield_now();
        }
        let queued = worker.queued();
        drop(second);
        assert_eq!(queued, 2, "one of each key, while the job before them still runs");
    });
}

#[test]
fn a_job_that_runs_is_not_superseded() {
    let (worker, log) = (worker(4), Log::default());
    let (begin, running) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let noted = Arc::clone(&log);
    let first = worker.submit_latest("a", move || {
        begin.send(()).unwrap();
        released.recv().ok();
        noted.lock().unwrap().push("a1");
        Ok(())
    });
    running.recv().unwrap();
    let second = note(&worker, &log, "a", "a2");
    drop(release);
    first.wait().unwrap();
    second.wait().unwrap();
    assert_eq!(*log.lock().unwrap(), ["a1", "a2"]);
}

#[test]
fn a_superseded_ticket_does_not_take_the_later_job_back() {
    let (worker, log) = (worker(4), Log::default());
    let (release, _busy) = occupy(&worker);
    let old = note(&worker, &log, "a", "a1");
    let new = note(&worker, &log, "a", "a2");
    assert!(old.cancel().is_err());
    drop(release);
    new.wait().unwrap();
    assert_eq!(*log.lock().unwrap(), ["a2"]);
}
