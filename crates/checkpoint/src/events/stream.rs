use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;

use super::{Event, Events, ring::Taken};

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        match self.ring.take_or_wake(context.waker()) {
            Taken::Event(event) => Poll::Ready(Some(event)),
            Taken::Ended => Poll::Ready(None),
            Taken::Nothing => Poll::Pending,
        }
    }
}
