//! The calls of a service as futures, and its events as a stream.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use futures_core::Stream;
use keepstone_checkpoint::{
    AsyncCheckpointService, CheckpointService, CheckpointStore, Command, Error, Event, Events, Fields, Kind,
    Policy, Reply, Request, StateData,
};

/// Wakes a thread, and counts.
struct Unpark(Thread, AtomicUsize);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current(), AtomicUsize::new(0))));
    let (mut future, mut context) = (pin!(future), Context::from_waker(&waker));
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(done) => return done,
            Poll::Pending => thread::park(),
        }
    }
}

async fn next(events: &mut Events) -> Option<Event> {
    poll_fn(|context| Pin::new(&mut *events).poll_next(context)).await
}

fn service(calls_max: usize) -> AsyncCheckpointService {
    let service = CheckpointService::new(CheckpointStore::in_memory());
    AsyncCheckpointService::new(service, calls_max).unwrap()
}

#[test]
fn each_call_does_what_the_one_that_waits_does() {
    let service = service(4);
    block_on(async {
        service.create_session("a", Fields::new()).await.unwrap();
        let one = service.checkpoint("a", 1_u32).await.unwrap();
        let request = Request::new("a").message("second");
        service.checkpoint(request, "two".to_owned()).await.unwrap();
        assert_eq!(service.get::<u32>(&one).await.unwrap(), 1);
        assert_eq!(service.list_by_session("a").await.unwrap().len(), 2);
        assert_eq!(service.restore::<u32>("a", &one).await.unwrap(), 1);
        assert_eq!(service.sessions().await.unwrap()[0].checkpoints, 2);
        let state = StateData::bytes(*b"three");
        let made = service.handle(Command::Checkpoint { request: Request::new("a"), state }).await.unwrap();
        assert!(matches!(made, Reply::Checkpoint(made) if made.parent.is_some()));
        assert_eq!(service.compact(1).await.unwrap().checkpoints, 2);
        assert_eq!(service.prune(Policy::keep_recent(5), None).await.unwrap().checkpoints, 0);
        service.flush().await.unwrap();
        assert_eq!(service.get::<u32>(made_id()).await.unwrap_err().kind(), Kind::NotFound);
    });
    assert_eq!((service.metrics().checkpoints, service.metrics().requests_failed), (3, 1));
    assert!(service.health().is_ready());
}

fn made_id() -> keepstone_checkpoint::CheckpointId {
    keepstone_checkpoint::CheckpointId::from_bytes([9; 16])
}

#[test]
fn a_call_that_panics_is_an_error_and_the_next_one_works() {
    let service = service(1);
    let panicked = block_on(service.run(|_| -> Result<(), Error> { panic!("in user code") }));
    assert!(matches!(panicked.unwrap_err(), Error::Background(_)));
    block_on(service.create_session("a", Fields::new())).unwrap();
}

#[test]
fn a_call_without_room_is_pending_until_there_is_some() {
    let service = service(2);
    let (begin, gate) = mpsc::channel::<()>();
    let unpark = Arc::new(Unpark(thread::current(), AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&unpark));
    let mut context = Context::from_waker(&waker);
    let ran = Arc::new(AtomicUsize::new(0));
    let count = |ran: &Arc<AtomicUsize>| {
        let ran = Arc::clone(ran);
        move |_: &CheckpointService| Ok(ran.fetch_add(1, Ordering::SeqCst))
    };
    let mut first = Box::pin(service.run(move |_| {
        gate.recv().unwrap();
        Ok(())
    }));
    let mut others: Vec<_> = (0..5).map(|_| Box::pin(service.run(count(&ran)))).collect();
    assert!(first.as_mut().poll(&mut context).is_pending());
    assert!(others.iter_mut().all(|other| other.as_mut().poll(&mut context).is_pending()));
    // One that has no room yet is taken back by dropping it, also when it is its turn.
    drop(others.remove(1));
    begin.send(()).unwrap();
    block_on(first).unwrap();
    let mut ran_as: Vec<usize> = others.into_iter().map(|other| block_on(other).unwrap()).collect();
    ran_as.sort_unstable();
    assert_eq!(ran_as, [0, 1, 2, 3]);
    assert_eq!(ran.load(Ordering::SeqCst), 4);
    assert!(unpark.1.load(Ordering::SeqCst) > 0);
}

#[test]
fn many_futures_of_many_threads_are_all_served() {
    let service = service(2);
    block_on(service.create_session("a", Fields::new())).unwrap();
    thread::scope(|scope| {
        for number in 0..6_u32 {
            let service = service.clone();
            scope.spawn(move || {
                for step in 0..20_u32 {
                    block_on(service.checkpoint("a", (number, step))).unwrap();
                }
            });
        }
    });
    assert_eq!(service.metrics().last_sequence, 120);
}

#[test]
fn events_are_a_stream_that_ends_with_the_store() {
    let service = service(1);
    let mut events = service.subscribe(2);
    let listener = thread::spawn(move || {
        block_on(async {
            let (mut created, mut all) = (Vec::new(), 0);
            while let Some(event) = next(&mut events).await {
                match event {
                    Event::Created { checkpoint } => created.push(checkpoint.sequence.0),
                    Event::Missed(count) => all += count - 1,
                    _ => {}
                }
                all += 1;
            }
            (created, all)
        })
    });
    block_on(service.create_session("a", Fields::new())).unwrap();
    for step in 0..50_u32 {
        block_on(service.checkpoint("a", step)).unwrap();
    }
    drop(service);
    let (created, all) = listener.join().unwrap();
    assert!(created.is_sorted_by(|before, after| before < after));
    assert_eq!((created.last(), all), (Some(&50), 52));
}
