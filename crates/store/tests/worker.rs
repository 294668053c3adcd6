//! Order, bounds, tickets.

use std::{
    sync::{Arc, Mutex, atomic::AtomicU32, atomic::Ordering, mpsc::channel},
    thread,
    time::Duration,
};

use keepstone_store::{Error, Ticket, Worker};

use crate::support::{Failed, occupy, worker};

#[test]
fn jobs_run_in_order_and_return_what_they_made() {
    let worker = worker(2);
    let order = Arc::new(Mutex::new(Vec::new()));
    let tickets: Vec<Ticket<u32, Failed>> = (0..50)
        .map(|number| {
            let order = Arc::clone(&order);
            worker.submit(move || {
                order.lock().unwrap().push(number);
                Ok(number * 2)
            })
        })
        .collect();
    let made: Vec<u32> = tickets.into_iter().map(|ticket| ticket.wait().unwrap()).collect();
    assert_eq!(made, (0..50).map(|number| number * 2).collect::<Vec<_>>());
    assert_eq!(*order.lock().unwrap(), (0..50).collect::<Vec<_>>());
}

#[test]
fn a_full_queue_refuses_whoever_does_not_wait() {
    let worker = worker(2);
    let (release, busy) = occupy(&worker);
    let waiting = [worker.try_submit(|| Ok(())).unwrap(), worker.try_submit(|| Ok(())).unwrap()];
    assert!(!worker.has_room(None));
    let error = worker.try_submit(|| Ok(())).unwrap_err();
    assert!(matches!(error, Error::Busy { queued: 2, queue_max: 2 }), "{error}");
    assert_eq!(error.kind(), keepstone_format::Kind::Busy);
    drop(release);
    busy.wait().unwrap();
    for ticket in waiting {
        ticket.wait().unwrap();
    }
    assert!(worker.finish().is_empty(), "a refused job is no error of the worker");
}

#[test]
fn a_full_queue_makes_submit_wait_until_there_is_room() {
    let worker = worker(1);
    let (release, _busy) = occupy(&worker);
    let _waiting = worker.submit(|| Ok(()));
    let (sent, come) = channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            let ticket = worker.submit(|| Ok(7));
            sent.send(()).unwrap();
            assert_eq!(ticket.wait().unwrap(), 7);
        });
        assert!(come.recv_timeout(Duration::from_millis(20)).is_err(), "the queue is full");
        drop(release);
        come.recv().unwrap();
    });
}

#[test]
fn dropping_a_worker_waits_for_everything_it_accepted() {
    let done = Arc::new(AtomicU32::new(0));
    let worker = worker(8);
    let (release, _busy) = occupy(&worker);
    for _ in 0..8 {
        let done = Arc::clone(&done);
        // The tickets are dropped: the work goes on.
        drop(worker.submit(move || {
            done.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }));
    }
    drop(release);
    drop(worker);
    assert_eq!(done.load(Ordering::SeqCst), 8);
}

#[test]
fn tickets_outlive_their_worker() {
    let worker = worker(8);
    let ticket = worker.submit(|| Ok("kept"));
    drop(worker);
    assert!(ticket.is_done());
    assert_eq!(ticket.wait().unwrap(), "kept");
}

#[test]
fn errors_that_nobody_took_are_handed_out_once() {
    let worker = worker(8);
    let fail = |number| worker.submit(move || Err::<(), _>(Failed::Job(number)));
    // Dropped before it runs, and dropped when it is done.
    let (release, busy) = occupy(&worker);
    drop(fail(1));
    let second = fail(2);
    drop(release);
    busy.wait().unwrap();
    worker.submit(|| Ok(())).wait().unwrap();
    drop(second);
    assert!(matches!(fail(3).wait(), Err(Failed::Job(3))), "its error was taken");
    let unclaimed = worker.take_errors();
    assert!(matches!(unclaimed.errors.as_slice(), [Failed::Job(1), Failed::Job(2)]), "{unclaimed:?}");
    assert!(worker.take_errors().is_empty());
    for number in 0..100 {
        drop(fail(number));
    }
    let unclaimed = worker.finish();
    assert_eq!((unclaimed.errors.len(), unclaimed.more), (64, 36));
    assert!(matches!(unclaimed.errors[0], Failed::Job(0)), "the first ones name the cause");
}

#[test]
fn waiting_with_a_limit_gives_the_ticket_back() {
    let worker = worker(8);
    let (release, busy) = occupy(&worker);
    assert!(!busy.is_done());
    let busy = busy.wait_timeout(Duration::from_millis(5)).unwrap_err();
    drop(release);
    busy.wait_timeout(Duration::from_mins(1)).unwrap().unwrap();
}

#[test]
fn a_job_that_has_not_begun_can_be_taken_back() {
    let worker = worker(1);
    let (release, busy) = occupy(&worker);
    let ran = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&ran);
    let waiting = worker.submit(move || Ok(counted.fetch_add(1, Ordering::SeqCst)));
    waiting.cancel().unwrap();
    assert!(worker.has_room(None), "its place is free");
    let busy = busy.cancel().unwrap_err();
    drop(release);
    busy.wait().unwrap();
    assert!(worker.finish().is_empty(), "what was taken back is no error");
    assert_eq!(ran.load(Ordering::SeqCst), 0);
}

#[test]
fn many_threads_share_one_worker() {
    let worker = worker(3);
    let sum = Arc::new(AtomicU32::new(0));
    thread::scope(|scope| {
        for thread in 0..8 {
            let (worker, sum) = (&worker, &sum);
            scope.spawn(move || {
                for number in 0..50 {
                    let sum = Arc::clone(sum);
                    let ticket = worker.submit(move || Ok(sum.fetch_add(number, Ordering::SeqCst)));
                    if (number + thread) % 3 == 0 {
                        drop(ticket);
                    } else {
                        ticket.wait().unwrap();
                    }
                }
            });
        }
    });
    assert!(worker.finish().is_empty());
    assert_eq!(sum.load(Ordering::SeqCst), 8 * (0..50).sum::<u32>());
}

#[test]
fn a_job_neither_waits_for_its_own_worker_nor_for_room_in_it() {
    let worker = Arc::new(worker(1));
    let inner = Arc::clone(&worker);
    let (release, released) = channel::<()>();
    let ticket = worker.submit(move || {
        released.recv().ok();
        let more: Vec<Ticket<u32, Failed>> = (0..3).map(|number| inner.submit(move || Ok(number))).collect();
        let refused = inner.submit(|| Ok(())).wait();
        assert!(matches!(refused, Err(Failed::Worker(Error::OwnWorker))), "{refused:?}");
        Ok(more)
    });
    drop(release);
    let more = ticket.wait().unwrap();
    let made: Vec<u32> = more.into_iter().map(|ticket| ticket.wait().unwrap()).collect();
    assert_eq!(made, [0, 1, 2]);
}

#[test]
fn a_job_may_drop_its_own_worker() {
    let worker: Worker<Failed> = worker(4);
    let (send, receive) = channel::<Worker<Failed>>();
    let first = worker.submit(move || {
        receive.recv().ok();
        Ok(1)
    });
    let second = worker.submit(|| Ok(2));
    send.send(worker).unwrap();
    assert_eq!((first.wait().unwrap(), second.wait().unwrap()), (1, 2), "what was accepted is done");
}
