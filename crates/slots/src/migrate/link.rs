use std::{
    any::{Any, TypeId, type_name},
    error::Error as StdError,
    io::Write,
};

use keepstone_format::{Codec, FileKind, Limits, Reader, Writer, WriterOptions};
use keepstone_store::{Dynamic, FromPayload, Payload, PayloadError};

use crate::manager::Container;

/// A step whose types are known only to itself.
pub(super) struct Link {
    pub(super) takes: Type,
    pub(super) gives: Given,
    run: Box<Run>,
}

type Run = dyn Fn(Box<dyn Any>) -> Option<Result<Box<dyn Any>, Source>> + Send + Sync;
type Source = Box<dyn StdError + Send + Sync>;

impl Link {
    pub(super) fn new<A, B>(step: impl Fn(A) -> Result<B, Source> + Send + Sync + 'static) -> Self
    where
        A: FromPayload + 'static,
        B: 'static,
    {
        let run = move |old: Box<dyn Any>| {
            let old: Box<A> = old.downcast().ok()?;
            Some(step(*old).map(|new| Box::new(new) as Box<dyn Any>))
        };
        Self { takes: Type::read::<A>(), gives: Given::of::<B>(), run: Box::new(run) }
    }

    /// Runs the step; none if the value isn't of the type that it takes.
    pub(super) fn run(&self, old: Box<dyn Any>) -> Option<Result<Box<dyn Any>, Source>> {
        (self.run)(old)
    }
}

/// A type that a step gives.
#[derive(Clone, Copy)]
pub(super) struct Given {
    id: TypeId,
    name: &'static str,
}

impl Given {
    fn of<B: 'static>() -> Self {
        Self { id: TypeId::of::<B>(), name: type_name::<B>() }
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Whether it is the type, or one that values of this type can be made from.
    pub(super) fn becomes(&self, wanted: &Type) -> bool {
        self.id == wanted.given.id || self.id == TypeId::of::<Dynamic>()
    }
}

/// A type that payloads are read as.
#[derive(Clone, Copy)]
pub(super) struct Type {
    given: Given,
    load: fn(&Container) -> Result<Box<dyn Any>, PayloadError>,
    of_dynamic: fn(&Dynamic) -> Result<Box<dyn Any>, PayloadError>,
}

impl Type {
    pub(super) fn read<A: FromPayload + 'static>() -> Self {
        Self {
            given: Given::of::<A>(),
            load: |reader| Ok(Box::new(A::from_payload(reader)?)),
            of_dynamic: |value| Ok(Box::new(typed::<A>(value)?)),
        }
    }

    pub(super) fn name(&self) -> &'static str {
        self.given.name
    }

    /// Reads what a save holds.
    pub(super) fn load(&self, reader: &Container) -> Result<Box<dyn Any>, PayloadError> {
        (self.load)(reader)
    }

    /// Makes a value of this type of one that a step gave. What it can't be made of is handed back.
    pub(super) fn fit(&self, value: Box<dyn Any>) -> Result<Box<dyn Any>, PayloadError> {
        match value.downcast_ref::<Dynamic>() {
            Some(dynamic) if self.given.id != TypeId::of::<Dynamic>() => (self.of_dynamic)(dynamic),
            _ => Ok(value),
        }
    }
}

/// Reads a value without a type as one, by way of the bytes that it would be saved as.
fn typed<A: FromPayload>(value: &Dynamic) -> Result<A, PayloadError> {
    let mut bytes = Vec::new();
    let out: &mut dyn Write = &mut bytes;
    let mut writer = Writer::new(out, WriterOptions::new(FileKind::SAVE).codec(Codec::None))?;
    let tail = value.prepare()?.write(&mut writer)?;
    writer.finish(tail)?;
    let limits = Limits::for_file_len(bytes.len() as u64);
    A::from_payload(&Reader::open(bytes.as_slice(), limits)?)
}
