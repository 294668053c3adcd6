//! Tickets as futures, without a runtime.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use keepstone_store::{Error, Ticket};

use crate::support::{Failed, occupy, worker};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[derive(Default)]
struct Count(AtomicU32);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_ticket_can_be_awaited() {
    let worker = worker(4);
    let (release, busy) = occupy(&worker);
    let first = worker.submit(|| Ok(20));
    let second = worker.submit(|| Ok(22));
    drop(release);
    let sum = block_on(async {
        busy.await?;
        Ok::<u32, Failed>(first.await? + second.await?)
    });
    assert_eq!(sum.unwrap(), 42);
    let failing: Ticket<(), Failed> = worker.submit(|| Err(Failed::Job(3)));
    assert!(matches!(block_on(failing), Err(Failed::Job(3))));
}

#[test]
fn the_waker_of_the_last_poll_is_woken_once() {
    let worker = worker(4);
    let (release, mut busy) = occupy(&worker);
    let (early, late) = (Arc::new(Count::default()), Arc::new(Count::default()));
    for count in [&early, &late, &late] {
        let waker = Waker::from(Arc::clone(count));
        assert!(Pin::new(&mut busy).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    drop(release);
    worker.submit(|| Ok(())).wait().unwrap();
    assert_eq!((early.0.load(Ordering::SeqCst), late.0.load(Ordering::SeqCst)), (0, 1));
    let mut context = Context::from_waker(Waker::noop());
    assert!(matches!(Pin::new(&mut busy).poll(&mut context), Poll::Ready(Ok(()))));
    let again = Pin::new(&mut busy).poll(&mut context);
    assert!(matches!(again, Poll::Ready(Err(Failed::Worker(Error::Taken)))), "{again:?}");
}

#[test]
fn tickets_travel_between_threads() {
    fn travels<T: Send + Sync + Unpin>(_: &T) {}
    let worker = worker(4);
    let ticket = worker.submit(|| Ok(1));
    travels(&ticket);
    travels(&worker);
    assert_eq!(thread::spawn(move || ticket.wait().unwrap()).join().unwrap(), 1);
}
