use std::{fmt, sync::Arc};

use keepstone_store::{FromPayload, Payload, Worker, WorkerOptions};

use super::room::{Place, Room};
use crate::{
    Checkpoint, CheckpointId, CheckpointService, Command, Committed, Error, Events, Fields, Health, Metrics,
    Policy, Pruned, Query, Reply, Request, Session, SessionInfo,
};

/// A [`CheckpointService`] whose calls are futures.
///
/// They run on a thread of their own, one after the other in the order in which they were first polled with room; no runtime is needed, and any will do. So many calls as it was made with run or wait; the
/// next ones are pending until there is room. A future that is dropped before there is room does nothing; afterwards its call goes on without it.
///
/// Counters, health and events need no thread: these are plain calls. Events are a `Stream`.
#[derive(Clone)]
pub struct AsyncCheckpointService {
    service: CheckpointService,
    room: Arc<Room>,
    worker: Arc<Worker<Error>>,
}

impl AsyncCheckpointService {
    /// Serves with at most so many calls at once, at least 1, of which one runs.
    ///
    /// # Errors
    /// [`Error::Background`] if the system gives no thread.
    pub fn new(service: CheckpointService, calls_max: usize) -> Result<Self, Error> {
        let calls_max = calls_max.max(1);
        let options = WorkerOptions::default().name("keepstone-service").queue_max(calls_max);
        let worker = Worker::spawn(&options).map_err(Error::Background)?;
        Ok(Self { service, room: Room::new(calls_max), worker: Arc::new(worker) })
    }

    /// The service itself, whose calls wait.
    pub fn service(&self) -> &CheckpointService {
        &self.service
    }

    /// Does anything with the service: what there is no other call for.
    ///
    /// # Errors
    /// Those of `work`; [`Error::Background`] if it panics.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&CheckpointService) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let place: Place = self.room.place().await;
        let service = self.service.clone();
        // There is room in the queue, so nobody waits here.
        let ticket = self.worker.submit(move || {
            let done = work(&service);
            // Whoever waits for a place gets it once the call is over, and not before.
            drop(place);
            done
        });
        ticket.await
    }

    /// As [`CheckpointService::handle`].
    ///
    /// # Errors
    /// As that.
    pub async fn handle(&self, command: Command) -> Result<Reply, Error> {
        self.run(move |service| service.handle(command)).await
    }

    /// As [`CheckpointService::create_session`].
    ///
    /// # Errors
    /// As that.
    pub async fn create_session(&self, name: &str, metadata: Fields) -> Result<Session, Error> {
        let name = name.to_owned();
        self.run(move |service| service.create_session(&name, metadata)).await
    }

    /// As [`CheckpointService::sessions`].
    ///
    /// # Errors
    /// As that.
    pub async fn sessions(&self) -> Result<Vec<SessionInfo>, Error> {
        self.run(CheckpointService::sessions).await
    }

    /// As [`CheckpointService::checkpoint`]; the payload is encoded on the thread of the service.
    ///
    /// # Errors
    /// As that.
    pub async fn checkpoint<P: Payload + Send + 'static>(
        &self,
        request: impl Into<Request>,
        payload: P,
    ) -> Result<Committed, Error> {
        let request = request.into();
        self.run(move |service| service.checkpoint(request, &payload)).await
    }

    /// As [`CheckpointService::list`].
    ///
    /// # Errors
    /// As that.
    pub async fn list(&self, query: Query) -> Result<Vec<Arc<Checkpoint>>, Error> {
        self.run(move |service| service.list(&query)).await
    }

    /// As [`CheckpointService::list_by_session`].
    ///
    /// # Errors
    /// As that.
    pub async fn list_by_session(&self, session: &str) -> Result<Vec<Arc<Checkpoint>>, Error> {
        self.list(Query::new().session(session)).await
    }

    /// As [`CheckpointService::get`].
    ///
    /// # Errors
    /// As that.
    pub async fn get<T: FromPayload + Send + 'static>(
        &self,
        id: impl Into<CheckpointId>,
    ) -> Result<T, Error> {
        let id = id.into();
        self.run(move |service| service.get(id)).await
    }

    /// As [`CheckpointService::restore`], on the branch `main`.
    ///
    /// # Errors
    /// As that.
    pub async fn restore<T: FromPayload + Send + 'static>(
        &self,
        session: &str,
        id: impl Into<CheckpointId>,
    ) -> Result<T, Error> {
        let (session, id) = (session.to_owned(), id.into());
        self.run(move |service| service.restore(session.as_str(), id)).await
    }

    /// As [`CheckpointService::prune`].
    ///
    /// # Errors
    /// As that.
    pub async fn prune(&self, policy: Policy, now: Option<i64>) -> Result<Pruned, Error> {
        self.run(move |service| service.prune(&policy, now)).await
    }

    /// As [`CheckpointService::compact`].
    ///
    /// # Errors
    /// As that.
    pub async fn compact(&self, count: usize) -> Result<Pruned, Error> {
        self.run(move |service| service.compact(count)).await
    }

    /// As [`CheckpointService::flush`].
    ///
    /// # Errors
    /// As that.
    pub async fn flush(&self) -> Result<(), Error> {
        self.run(CheckpointService::flush).await
    }

    /// As [`CheckpointService::metrics`].
    pub fn metrics(&self) -> Metrics {
        self.service.metrics()
    }

    /// As [`CheckpointService::health`].
    pub fn health(&self) -> Health {
        self.service.health()
    }

    /// As [`CheckpointService::subscribe`].
    pub fn subscribe(&self, capacity: usize) -> Events {
        self.service.subscribe(capacity)
    }
}

impl fmt::Debug for AsyncCheckpointService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncCheckpointService").field("service", &self.service).finish_non_exhaustive()
    }
}
