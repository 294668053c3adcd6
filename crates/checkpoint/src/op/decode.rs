use std::sync::Arc;

use keepstone_format::{Codec, Error, wire::Input};

use super::{
    Cause, Encoder, Move, NewCheckpoint, Op, Parent,
    context::{Context, sum},
    layout::{PRESENT, checkpoint, head, rebase, session, tag},
};
use crate::{
    checkpoint::{Facts, Fields, StateLayout},
    form::{Body, Form, PackPlace, Place},
    id::{CheckpointId, ContentId, Prefix, Sequence},
    limits::{TAGS_MAX, TEXT_LEN_MAX},
    trigger::Trigger,
};

/// Turns bytes into operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decoder {
    context: Context,
}

/// Operations one after the other. Nothing comes after an error.
#[derive(Debug)]
pub(crate) struct Ops<'a> {
    context: &'a mut Context,
    input: Input<'a>,
}

impl Decoder {
    /// Begins a manifest.
    pub(crate) fn new() -> Self {
        Self { context: Context::of_manifest() }
    }

    /// Begins at a place in a journal: with the sequence that the next checkpoint gets there, and the last time that was said.
    pub(crate) fn at(next_sequence: Sequence, last_time: Option<i64>) -> Self {
        Self { context: Context::of_journal(next_sequence, last_time) }
    }

    /// Reads a commit, or a piece of a manifest. The next one goes on behind it, if all of it is gone through.
    pub(crate) fn ops<'a>(&'a mut self, bytes: &'a [u8]) -> Ops<'a> {
        Ops { context: &mut self.context, input: Input::new("operation", bytes) }
    }

    /// Goes on writing behind what was read.
    pub(crate) fn into_encoder(self) -> Encoder {
        Encoder::of_context(self.context)
    }
}

impl Iterator for Ops<'_> {
    type Item = Result<Op, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.input.is_empty() {
            return None;
        }
        let op = (Source { context: self.context, input: &mut self.input }).op();
        match &op {
            Ok(op) => self.context.pass(op),
            Err(_) => drop(self.input.take_rest()),
        }
        Some(op)
    }
}

/// The bytes that are left, and what they are read against.
struct Source<'s, 'a> {
    context: &'s Context,
    input: &'s mut Input<'a>,
}

impl<'a> Source<'_, 'a> {
    fn op(&mut self) -> Result<Op, Error> {
        Ok(match self.input.u8()? {
            tag::CHECKPOINT => Op::Checkpoint(Box::new(self.checkpoint()?)),
            tag::HEAD => {
                let flags = self.flags(head::ALL)?;
                let (branch, to) = (self.number()?, self.maybe_back()?);
                let cause = self.cause(flags)?;
                Op::Head { branch, to, cause, time: self.time(flags & head::TIME, self.context.time)? }
            }
            tag::BRANCH => {
                Op::Branch { session: self.number()?, name: self.name()?, head: self.maybe_back()? }
            }
            tag::SESSION => {
                let flags = self.flags(session::ALL)?;
                // Only a session may have no name: it has ended.
                let name = self.input.name()?.into();
                let time = self.time(flags & session::TIME, self.context.time)?;
                Op::Session { name, time, metadata: self.fields(flags & session::METADATA)? }
            }
            tag::WRITER => Op::Writer(Prefix(self.input.array()?)),
            tag::TAGS => Op::Tags { of: self.back()?, add: self.tags()?, remove: self.tags()? },
            tag::ANNOTATE => {
                let (of, (key, value)) = (self.back()?, self.change()?);
                Op::Annotate { of, key, value }
            }
            tag::MESSAGE => Op::Message { of: self.back()?, text: self.text()?.into() },
            tag::LOCK => Op::Lock { of: self.back()?, locked: self.flags(PRESENT)? != 0 },
            tag::PRUNE => Op::Prune { gone: self.gone()? },
            tag::RENAME => Op::Rename { session: self.number()?, name: self.name()? },
            tag::DESCRIBE => {
                let (session, (key, value)) = (self.number()?, self.change()?);
                Op::Describe { session, key, value }
            }
            tag::RENAME_BRANCH => Op::RenameBranch { branch: self.number()?, name: self.name()? },
            tag::ENDED_BRANCH => Op::EndedBranch { session: self.number()?, name: self.name()? },
            tag::END_BRANCH => Op::EndBranch { branch: self.number()? },
            tag::END_SESSION => Op::EndSession { session: self.number()? },
            tag::SKIP => {
                let next = self.context.next.0.saturating_add(self.input.varint_u64()?);
                self.check(next <= Sequence::MAX.0, "sequences go too far")?;
                Op::Skip { next: Sequence(next) }
            }
            tag::COUNTERS => {
                let flags = self.flags(PRESENT)?;
                let next_move = self.input.varint_u64()?;
                Op::Counters { next_move, last_time: self.time(flags, self.context.time)? }
            }
            tag::MOVED => Op::Moved(self.moved()?),
            tag::HEAD_IS => Op::HeadIs { branch: self.number()?, to: self.maybe_back()? },
            tag::REBASE => self.rebase()?,
            found => {
                let (oldest, newest) = (tag::CHECKPOINT.into(), tag::LAST.into());
                return Err(Error::Version { what: "operation", found: found.into(), oldest, newest });
            }
        })
    }

    fn checkpoint(&mut self) -> Result<NewCheckpoint, Error> {
        self.check(self.context.next < Sequence::MAX, "there are no sequences left")?;
        let flags = self.flags(checkpoint::ALL)?;
        let layout = layout(flags)?;
        let branch = self.number()?;
        let form = self.form(flags)?;
        let parent = self.parent(flags, form.base())?;
        let time = self.time(flags & checkpoint::TIME, self.context.time)?;
        let content = ContentId::from_bytes(self.input.array()?);
        let len = self.input.varint_u64()?;
        let trigger = self.trigger(flags)?;
        let message = self.message(flags & checkpoint::MESSAGE)?.into();
        let tags = self.some_tags(flags & checkpoint::TAGS)?;
        let annotations = self.fields(flags & checkpoint::ANNOTATIONS)?;
        let mut facts = Facts::default();
        if flags & checkpoint::TICK != 0 {
            facts.tick = Some(self.input.varint_u64()?);
        }
        if flags & checkpoint::STATE_HASH != 0 {
            facts.state_hash = Some(self.input.u64()?);
        }
        let id = match flags & checkpoint::ID {
            0 => None,
            _ => Some(CheckpointId::from_bytes(self.input.array()?)),
        };
        let is_elsewhere = flags & checkpoint::ELSEWHERE != 0;
        let place = match form {
            Form::Same(_) => {
                self.check(!is_elsewhere, NOT_SHORTEST)?;
                Place::Journal(Arc::default())
            }
            _ if is_elsewhere == self.context.is_manifest() => Place::Journal(self.bytes()?.into()),
            _ => Place::Pack(self.place()?),
        };
        Ok(NewCheckpoint {
            id,
            branch,
            parent,
            time,
            trigger,
            message,
            tags,
            annotations,
            locked: flags & checkpoint::LOCKED != 0,
            facts,
            layout,
            len: self.context.near().len.map_or(len, |before| sum(len, before)),
            content,
            body: Body { form, place },
        })
    }

    fn trigger(&mut self, flags: u32) -> Result<Trigger, Error> {
        Ok(match flags & checkpoint::TRIGGER {
            checkpoint::MANUAL => Trigger::Manual,
            checkpoint::AUTOMATIC => Trigger::Automatic(self.name()?),
            checkpoint::SCHEDULED => Trigger::Scheduled,
            bits => return Err(Error::UnknownFeatures { bits: bits.into() }),
        })
    }

    fn form(&mut self, flags: u32) -> Result<Form, Error> {
        Ok(match flags & checkpoint::FORM {
            checkpoint::FULL => Form::Full(self.codec()?),
            checkpoint::DELTA_NEAR => Form::Delta(self.earlier(1)?),
            checkpoint::DELTA => {
                let base = self.back()?;
                self.check(Some(base) != self.context.sequence(1), NOT_SHORTEST)?;
                Form::Delta(base)
            }
            _ => Form::Same(self.back()?),
        })
    }

    fn codec(&mut self) -> Result<Codec, Error> {
        let offset = self.input.offset();
        let id = self.input.u8()?;
        Codec::from_id(id).ok_or(Error::UnknownCodec { id, offset })
    }

    fn rebase(&mut self) -> Result<Op, Error> {
        let flags = self.flags(rebase::ALL)?;
        let of = self.back()?;
        let form = match flags & rebase::FORM {
            rebase::FULL => Form::Full(self.codec()?),
            rebase::DELTA => Form::Delta(self.before(of)?),
            rebase::SAME => Form::Same(self.before(of)?),
            bits => return Err(Error::UnknownFeatures { bits: bits.into() }),
        };
        let bytes = if let Form::Same(_) = form { Arc::default() } else { self.bytes()?.into() };
        Ok(Op::Rebase { of, form, bytes })
    }

    /// A checkpoint that stands so far before another one.
    fn before(&mut self, of: Sequence) -> Result<Sequence, Error> {
        let back = self.input.varint_u64()?;
        let base = of.0.checked_sub(back).filter(|base| back > 0 && *base > 0);
        base.map(Sequence).ok_or_else(|| self.input.invalid(NOT_THERE))
    }

    fn parent(&mut self, flags: u32, base: Option<Sequence>) -> Result<Parent, Error> {
        let near = self.context.near_parent(base);
        Ok(match flags & checkpoint::PARENT {
            checkpoint::PARENT_HEAD => Parent::Head,
            checkpoint::PARENT_NONE => Parent::Known(None),
            checkpoint::PARENT_NEAR => {
                self.check(near.is_some(), NOT_THERE)?;
                Parent::Known(near)
            }
            _ => {
                let given = Some(self.back()?);
                self.check(given != near, NOT_SHORTEST)?;
                Parent::Known(given)
            }
        })
    }

    fn place(&mut self) -> Result<PackPlace, Error> {
        let known = self.context.near().pack;
        let (pack, offset) = match self.input.varint_u64()? {
            0 => known.ok_or_else(|| self.input.invalid("no place in a pack comes before"))?,
            number => {
                let place = (number - 1, self.input.varint_u64()?);
                self.check(known != Some(place), NOT_SHORTEST)?;
                place
            }
        };
        let (len, crc) = (self.input.varint_u64()?, self.input.u32()?);
        self.check(offset.checked_add(len).is_some(), "a state goes beyond the end of its pack")?;
        Ok(PackPlace { pack, offset, len, crc })
    }

    fn moved(&mut self) -> Result<Move, Error> {
        let near = self.context.near();
        let flags = self.flags(head::ALL_OF_MOVED)?;
        let branch = self.number()?;
        let mut skipped = 0;
        if flags & head::NUMBER != 0 {
            skipped = self.input.varint_u64()?;
            self.check(skipped > 0, NOT_SHORTEST)?;
        }
        let number = near.next_move().checked_add(skipped);
        let number = number.ok_or_else(|| self.input.invalid("there are no numbers of moves left"))?;
        let mut from = near.move_to;
        if flags & head::FROM != 0 {
            from = self.maybe_back()?;
            self.check(from != near.move_to, NOT_SHORTEST)?;
        }
        let mut to = Some(near.next_to());
        if flags & head::TO != 0 {
            to = self.maybe_back()?;
            self.check(to != Some(near.next_to()), NOT_SHORTEST)?;
        }
        self.check(to < Some(self.context.next), NOT_THERE)?;
        let cause = self.cause(flags)?;
        let time = self.time(flags & head::TIME, self.context.time)?;
        Ok(Move { number, branch, time, from, to, cause })
    }

    /// A message, if its flag is set.
    fn message(&mut self, flag: u32) -> Result<&'a str, Error> {
        if flag == 0 {
            return Ok("");
        }
        let message = self.text()?;
        self.check(!message.is_empty(), NOT_SHORTEST)?;
        Ok(message)
    }

    /// Tags, if their flag is set.
    fn some_tags(&mut self, flag: u32) -> Result<Vec<Arc<str>>, Error> {
        if flag == 0 {
            return Ok(Vec::new());
        }
        let tags = self.tags()?;
        self.check(!tags.is_empty(), NOT_SHORTEST)?;
        Ok(tags)
    }

    fn cause(&mut self, flags: u32) -> Result<Cause, Error> {
        Ok(match flags & head::CAUSE {
            head::CHECKPOINT => Cause::Checkpoint,
            head::RESTORE => Cause::Restore,
            head::FORK => Cause::Fork,
            head::UNDO => Cause::Undo(self.input.varint_u64()?),
            head::PRUNE => Cause::Prune,
            bits => return Err(Error::UnknownFeatures { bits: bits.into() }),
        })
    }

    fn gone(&mut self) -> Result<Vec<Sequence>, Error> {
        let count = self.input.count(1)?;
        let mut gone = Vec::with_capacity(count);
        let mut before = 0_u64;
        for _ in 0..count {
            before = before.saturating_add(self.input.varint_u64()?).saturating_add(1);
            self.check(before < self.context.next.0, NOT_THERE)?;
            gone.push(Sequence(before));
        }
        Ok(gone)
    }

    fn flags(&mut self, known: u32) -> Result<u32, Error> {
        let flags = self.input.varint_u32()?;
        match flags & !known {
            0 => Ok(flags),
            bits => Err(Error::UnknownFeatures { bits: bits.into() }),
        }
    }

    fn number(&mut self) -> Result<u32, Error> {
        self.input.varint_u32()
    }

    /// A time, if its flag is set.
    fn time(&mut self, flag: u32, to: Option<i64>) -> Result<Option<i64>, Error> {
        if flag == 0 {
            return Ok(None);
        }
        let time = sum(self.input.varint_u64()?, to.unwrap_or(0).cast_unsigned());
        Ok(Some(time.cast_signed()))
    }

    fn back(&mut self) -> Result<Sequence, Error> {
        let back = self.input.varint_u64()?;
        self.earlier(back)
    }

    fn maybe_back(&mut self) -> Result<Option<Sequence>, Error> {
        match self.input.varint_u64()? {
            0 => Ok(None),
            back => self.earlier(back).map(Some),
        }
    }

    fn earlier(&self, back: u64) -> Result<Sequence, Error> {
        self.context.sequence(back).ok_or_else(|| self.input.invalid(NOT_THERE))
    }

    fn tags(&mut self) -> Result<Vec<Arc<str>>, Error> {
        let count = self.input.count(2)?;
        self.check(count <= TAGS_MAX, "there are too many tags")?;
        let mut tags: Vec<Arc<str>> = Vec::with_capacity(count);
        for _ in 0..count {
            let tag = self.name()?;
            self.check(tags.last().is_none_or(|before| *before < tag), "tags are out of order")?;
            tags.push(tag);
        }
        Ok(tags)
    }

    /// Texts under names, if their flag is set.
    fn fields(&mut self, flag: u32) -> Result<Fields, Error> {
        let mut fields = Fields::new();
        if flag == 0 {
            return Ok(fields);
        }
        let count = self.input.count(3)?;
        self.check(count > 0, NOT_SHORTEST)?;
        for _ in 0..count {
            let (key, value) = (self.name()?, self.text()?);
            let is_next = fields.last_key_value().is_none_or(|(before, _)| **before < *key);
            self.check(is_next, "names of metadata are out of order")?;
            fields.insert((*key).to_owned(), value.to_owned());
        }
        Ok(fields)
    }

    fn change(&mut self) -> Result<(String, Option<String>), Error> {
        let flags = self.flags(PRESENT)?;
        let key = self.name()?;
        let value = if flags == 0 { None } else { Some(self.text()?.to_owned()) };
        Ok(((*key).to_owned(), value))
    }

    /// A name that isn't empty.
    fn name(&mut self) -> Result<Arc<str>, Error> {
        let name = self.input.name()?;
        self.check(!name.is_empty(), "a name is empty")?;
        Ok(name.into())
    }

    /// A text that may be long.
    fn text(&mut self) -> Result<&'a str, Error> {
        let bytes = self.bytes()?;
        self.check(bytes.len() <= TEXT_LEN_MAX, "a text is too long")?;
        str::from_utf8(bytes).map_err(|_| self.input.invalid("a text is not utf-8"))
    }

    fn bytes(&mut self) -> Result<&'a [u8], Error> {
        let len = self.input.count(1)?;
        self.input.take(len)
    }

    fn check(&self, holds: bool, rule: &'static str) -> Result<(), Error> {
        if holds { Ok(()) } else { Err(self.input.invalid(rule)) }
    }
}

fn layout(flags: u32) -> Result<StateLayout, Error> {
    Ok(match flags & checkpoint::LAYOUT {
        checkpoint::BYTES => StateLayout::Bytes,
        checkpoint::VALUE => StateLayout::Value,
        checkpoint::SECTIONS => StateLayout::Sections,
        bits => return Err(Error::UnknownFeatures { bits: bits.into() }),
    })
}

const NOT_THERE: &str = "an operation speaks of a checkpoint that is not there yet";
const NOT_SHORTEST: &str = "something is said that goes without saying";
