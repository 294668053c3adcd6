//! A service that is driven by nothing but bytes.

use std::{
    sync::mpsc::{self, Receiver, Sender},
    thread,
};

use keepstone_checkpoint::{
    CheckpointId, CheckpointService, CheckpointStore, Command, Failure, Fields, Kind, Query, Reply, Request,
    StateData,
};

/// How commands and answers become bytes.
#[derive(Clone, Copy)]
enum Wire {
    Json,
    Postcard,
}

impl Wire {
    fn write<T: serde::Serialize>(self, thing: &T) -> Vec<u8> {
        match self {
            Self::Json => serde_json::to_vec(thing).unwrap(),
            Self::Postcard => postcard::to_stdvec(thing).unwrap(),
        }
    }

    fn read<T: serde::de::DeserializeOwned>(self, bytes: &[u8]) -> Result<T, Failure> {
        let bad = |what: String| Failure::new(Kind::Misuse, what);
        match self {
            Self::Json => serde_json::from_slice(bytes).map_err(|err| bad(err.to_string())),
            Self::Postcard => postcard::from_bytes(bytes).map_err(|err| bad(err.to_string())),
        }
    }
}

/// A message and where its answer goes.
type Letter = (Vec<u8>, Sender<Vec<u8>>);

/// Serves what comes until nobody can send any more.
fn serve(wire: Wire, service: &CheckpointService, inbox: Receiver<Letter>) {
    for (bytes, answers) in inbox {
        let answer: Result<Reply, Failure> =
            wire.read::<Command>(&bytes).and_then(|command| service.answer(command));
        answers.send(wire.write(&answer)).unwrap();
    }
}

struct Client {
    wire: Wire,
    outbox: Sender<Letter>,
}

impl Client {
    fn ask(&self, command: &Command) -> Result<Reply, Failure> {
        self.send(self.wire.write(command))
    }

    fn send(&self, bytes: Vec<u8>) -> Result<Reply, Failure> {
        let (answers, inbox) = mpsc::channel();
        self.outbox.send((bytes, answers)).unwrap();
        self.wire.read::<Result<Reply, Failure>>(&inbox.recv().unwrap())?
    }

    /// Begins a session, and makes so many checkpoints that go on from each other.
    fn work(&self, name: &str, count: u8) -> Vec<CheckpointId> {
        let begin = Command::CreateSession { name: name.into(), metadata: Fields::new() };
        assert_eq!(self.ask(&begin).unwrap(), Reply::Done);
        let make = |step: u8| {
            let request = Request::new(name).message(format!("step {step}"));
            let state = StateData::bytes([name.as_bytes(), &[step; 500]].concat());
            match self.ask(&Command::Checkpoint { request, state }).unwrap() {
                Reply::Checkpoint(made) => made.id,
                reply => panic!("{reply:?}"),
            }
        };
        (0..count).map(make).collect()
    }
}

fn driven(wire: Wire) {
    let service = CheckpointService::new(CheckpointStore::in_memory());
    let (outbox, inbox) = mpsc::channel();
    thread::scope(|scope| {
        let served = service.clone();
        scope.spawn(move || serve(wire, &served, inbox));
        for name in ["one", "two", "three"] {
            let client = Client { wire, outbox: outbox.clone() };
            scope.spawn(move || {
                let made = client.work(name, 20);
                let restore = Command::Restore { session: name.into(), branch: None, id: made[7] };
                let Reply::State(state) = client.ask(&restore).unwrap() else { panic!() };
                assert_eq!(state.bytes, [name.as_bytes(), &[7; 500]].concat());
                let listed = client.ask(&Command::ListBySession { session: name.into() }).unwrap();
                let Reply::Checkpoints(listed) = listed else { panic!() };
                assert_eq!(listed.iter().map(|info| info.id).collect::<Vec<_>>(), made);
                let none = Command::Get { id: CheckpointId::from_bytes([1; 16]) };
                assert_eq!(client.ask(&none).unwrap_err().kind, Kind::NotFound);
                // What is no command is an answer, and the service goes on.
                assert_eq!(client.send(vec![0xFF; 9]).unwrap_err().kind, Kind::Misuse);
                assert!(client.ask(&Command::Health).is_ok());
            });
        }
        drop(outbox);
    });
    let metrics = service.metrics();
    assert_eq!((metrics.checkpoints, metrics.restores, metrics.requests_failed), (60, 3, 3));
    assert_eq!(service.list(&Query::new()).unwrap().len(), 60);
}

#[test]
fn a_service_is_driven_by_json_alone() {
    driven(Wire::Json);
}

#[test]
fn a_service_is_driven_by_postcard_alone() {
    driven(Wire::Postcard);
}
