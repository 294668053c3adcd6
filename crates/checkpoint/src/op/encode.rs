use std::sync::Arc;

use keepstone_format::{
    Error,
    wire::{put_name, put_varint},
};

use super::{
    Cause, Move, NewCheckpoint, Op, Parent,
    context::{Context, difference},
    layout::{PRESENT, checkpoint, head, rebase, session, tag},
};
use crate::{
    checkpoint::{Fields, StateLayout},
    form::{Form, PackPlace, Place},
    id::Sequence,
    limits::{NAME_LEN_MAX, TAGS_MAX, TEXT_LEN_MAX},
    trigger::Trigger,
};

/// Turns operations into bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Encoder {
    context: Context,
}

impl Encoder {
    /// Begins a manifest.
    pub(crate) fn new() -> Self {
        Self { context: Context::of_manifest() }
    }

    /// Begins at a place in a journal: with the sequence that the next checkpoint gets there, and the last time that was said.
    pub(crate) fn at(next_sequence: Sequence, last_time: Option<i64>) -> Self {
        Self { context: Context::of_journal(next_sequence, last_time) }
    }

    pub(super) fn of_context(context: Context) -> Self {
        Self { context }
    }

    /// The last time that was said.
    pub(crate) fn last_time(&self) -> Option<i64> {
        self.context.time
    }

    /// Appends an operation. If it fails, output and encoder are as they were. A commit that is given up is forgotten by going on with a copy from before.
    ///
    /// # Errors
    /// [`Error::Limit`] and [`Error::Misuse`], for what a decoder would refuse.
    pub(crate) fn put(&mut self, op: &Op, out: &mut Vec<u8>) -> Result<(), Error> {
        let start = out.len();
        put_op(&self.context, op, out).inspect_err(|_| out.truncate(start))?;
        self.context.pass(op);
        Ok(())
    }
}

fn put_op(context: &Context, op: &Op, out: &mut Vec<u8>) -> Result<(), Error> {
    match op {
        Op::Checkpoint(new) => return put_checkpoint(context, new, out),
        Op::Head { branch, to, cause, time } => {
            let flags = cause_flags(*cause) | when(time.is_some(), head::TIME);
            put_flags(tag::HEAD, flags, out);
            put_varint(out, (*branch).into());
            put_maybe_back(context, *to, out)?;
            put_undone(*cause, out);
            put_time(*time, context.time, out);
        }
        Op::Branch { session, name, head } => {
            put_named(tag::BRANCH, *session, name, out)?;
            put_maybe_back(context, *head, out)?;
        }
        Op::Session { name, time, metadata } => {
            let flags = when(time.is_some(), session::TIME) | when(!metadata.is_empty(), session::METADATA);
            put_flags(tag::SESSION, flags, out);
            put_name(out, name)?;
            put_time(*time, context.time, out);
            put_fields(metadata, out)?;
        }
        Op::Writer(prefix) => {
            out.push(tag::WRITER);
            out.extend_from_slice(&prefix.0);
        }
        Op::Tags { of, add, remove } => {
            put_of(tag::TAGS, context, *of, out)?;
            put_tags(add, out)?;
            put_tags(remove, out)?;
        }
        Op::Annotate { of, key, value } => {
            put_of(tag::ANNOTATE, context, *of, out)?;
            put_change(key, value.as_deref(), out)?;
        }
        Op::Message { of, text } => {
            put_of(tag::MESSAGE, context, *of, out)?;
            put_long(text, out)?;
        }
        Op::Lock { of, locked } => {
            put_of(tag::LOCK, context, *of, out)?;
            put_varint(out, when(*locked, PRESENT).into());
        }
        Op::Prune { gone } => return put_prune(context, gone, out),
        Op::Rebase { of, form, bytes } => return put_rebase(context, *of, *form, bytes, out),
        Op::Describe { session, key, value } => {
            put_number(tag::DESCRIBE, *session, out);
            put_change(key, value.as_deref(), out)?;
        }
        Op::Rename { session: number, name } => put_named(tag::RENAME, *number, name, out)?,
        Op::RenameBranch { branch: number, name } => put_named(tag::RENAME_BRANCH, *number, name, out)?,
        Op::EndedBranch { session: number, name } => put_named(tag::ENDED_BRANCH, *number, name, out)?,
        Op::EndBranch { branch: number } => put_number(tag::END_BRANCH, *number, out),
        Op::EndSession { session: number } => put_number(tag::END_SESSION, *number, out),
        Op::Skip { next } => {
            let skipped = next.0.checked_sub(context.next.0).filter(|_| *next <= Sequence::MAX);
            out.push(tag::SKIP);
            put_varint(out, skipped.ok_or(misuse("sequences go back, or too far"))?);
        }
        Op::Counters { next_move, last_time } => {
            put_flags(tag::COUNTERS, when(last_time.is_some(), PRESENT), out);
            put_varint(out, *next_move);
            put_time(*last_time, context.time, out);
        }
        Op::Moved(moved) => return put_moved(context, moved, out),
        Op::HeadIs { branch, to } => {
            put_number(tag::HEAD_IS, *branch, out);
            put_maybe_back(context, *to, out)?;
        }
    }
    Ok(())
}

fn put_checkpoint(context: &Context, new: &NewCheckpoint, out: &mut Vec<u8>) -> Result<(), Error> {
    if context.next >= Sequence::MAX {
        return Err(misuse("there are no sequences left"));
    }
    let NewCheckpoint { facts, body, .. } = new;
    let (parent, form) = (parent_flags(context, new), form_flags(context, body.form));
    let is_elsewhere = match &body.place {
        // One that is the same has no bytes, so they are nowhere.
        place if form == checkpoint::SAME => {
            if *place != Place::Journal(Arc::default()) {
                return Err(misuse("a state that is the same as another one has no bytes"));
            }
            false
        }
        Place::Journal(_) => context.is_manifest(),
        Place::Pack(_) => !context.is_manifest(),
    };
    let flags = form
        | parent
        | trigger_flags(&new.trigger)
        | layout_flags(new.layout)
        | when(new.time.is_some(), checkpoint::TIME)
        | when(is_elsewhere, checkpoint::ELSEWHERE)
        | when(!new.message.is_empty(), checkpoint::MESSAGE)
        | when(!new.tags.is_empty(), checkpoint::TAGS)
        | when(!new.annotations.is_empty(), checkpoint::ANNOTATIONS)
        | when(new.locked, checkpoint::LOCKED)
        | when(facts.tick.is_some(), checkpoint::TICK)
        | when(facts.state_hash.is_some(), checkpoint::STATE_HASH)
        | when(new.id.is_some(), checkpoint::ID);
    put_flags(tag::CHECKPOINT, flags, out);
    put_varint(out, new.branch.into());
    match body.form {
        Form::Full(codec) => out.push(codec.id()),
        Form::Delta(_) if form == checkpoint::DELTA_NEAR => {}
        Form::Delta(base) | Form::Same(base) => put_back(context, base, out)?,
    }
    if let Parent::Known(Some(sequence)) = new.parent
        && parent == checkpoint::PARENT_GIVEN
    {
        put_back(context, sequence, out)?;
    }
    put_time(new.time, context.time, out);
    out.extend_from_slice(new.content.as_bytes());
    put_varint(out, context.near().len.map_or(new.len, |before| difference(new.len, before)));
    if let Trigger::Automatic(cause) = &new.trigger {
        put_text(cause, out)?;
    }
    if !new.message.is_empty() {
        put_long(&new.message, out)?;
    }
    if !new.tags.is_empty() {
        put_tags(&new.tags, out)?;
    }
    put_fields(&new.annotations, out)?;
    if let Some(tick) = facts.tick {
        put_varint(out, tick);
    }
    if let Some(hash) = facts.state_hash {
        out.extend_from_slice(&hash.to_le_bytes());
    }
    if let Some(id) = new.id {
        out.extend_from_slice(id.as_bytes());
    }
    match &body.place {
        _ if form == checkpoint::SAME => Ok(()),
        Place::Journal(bytes) => put_bytes("bytes of a state in the journal", bytes, out),
        Place::Pack(place) => put_place(context, place, out),
    }
}

fn form_flags(context: &Context, form: Form) -> u32 {
    match form {
        Form::Full(_) => checkpoint::FULL,
        Form::Delta(base) if context.back(base) == Some(1) => checkpoint::DELTA_NEAR,
        Form::Delta(_) => checkpoint::DELTA,
        Form::Same(_) => checkpoint::SAME,
    }
}

fn trigger_flags(trigger: &Trigger) -> u32 {
    match trigger {
        Trigger::Manual => checkpoint::MANUAL,
        Trigger::Automatic(_) => checkpoint::AUTOMATIC,
        Trigger::Scheduled => checkpoint::SCHEDULED,
    }
}

fn layout_flags(layout: StateLayout) -> u32 {
    match layout {
        StateLayout::Bytes => checkpoint::BYTES,
        StateLayout::Value => checkpoint::VALUE,
        StateLayout::Sections => checkpoint::SECTIONS,
    }
}

fn parent_flags(context: &Context, new: &NewCheckpoint) -> u32 {
    match new.parent {
        Parent::Head => checkpoint::PARENT_HEAD,
        Parent::Known(None) => checkpoint::PARENT_NONE,
        Parent::Known(parent) if parent == context.near_parent(new.body.form.base()) => {
            checkpoint::PARENT_NEAR
        }
        Parent::Known(Some(_)) => checkpoint::PARENT_GIVEN,
    }
}

fn put_place(context: &Context, place: &PackPlace, out: &mut Vec<u8>) -> Result<(), Error> {
    if place.offset.checked_add(place.len).is_none() {
        return Err(misuse("a state goes beyond the end of its pack"));
    }
    if context.near().pack == Some((place.pack, place.offset)) {
        put_varint(out, 0);
    } else {
        put_varint(out, place.pack.checked_add(1).ok_or(misuse("there are no numbers of packs left"))?);
        put_varint(out, place.offset);
    }
    put_varint(out, place.len);
    out.extend_from_slice(&place.crc.to_le_bytes());
    Ok(())
}

fn put_prune(context: &Context, gone: &[Sequence], out: &mut Vec<u8>) -> Result<(), Error> {
    out.push(tag::PRUNE);
    put_count("checkpoints of a prune", gone.len(), out)?;
    let mut before = 0;
    for sequence in gone {
        let step = sequence.0.checked_sub(before).and_then(|step| step.checked_sub(1));
        put_varint(out, step.ok_or(misuse("what is pruned is out of order"))?);
        before = sequence.0;
    }
    if before < context.next.0 { Ok(()) } else { Err(NOT_THERE) }
}

fn put_rebase(
    context: &Context,
    of: Sequence,
    form: Form,
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let flags = match form {
        Form::Full(_) => rebase::FULL,
        Form::Delta(_) => rebase::DELTA,
        Form::Same(_) if bytes.is_empty() => rebase::SAME,
        Form::Same(_) => return Err(misuse("a state that is the same as another one has no bytes")),
    };
    put_flags(tag::REBASE, flags, out);
    put_back(context, of, out)?;
    match form {
        Form::Full(codec) => out.push(codec.id()),
        Form::Delta(base) | Form::Same(base) => {
            let back = of.0.checked_sub(base.0).filter(|back| *back > 0 && base.0 > 0);
            put_varint(out, back.ok_or(misuse("a state is kept as a difference to one that comes later"))?);
        }
    }
    if flags == rebase::SAME { Ok(()) } else { put_bytes("bytes of a state in the journal", bytes, out) }
}

fn put_moved(context: &Context, moved: &Move, out: &mut Vec<u8>) -> Result<(), Error> {
    let near = context.near();
    let skipped =
        moved.number.checked_sub(near.next_move()).ok_or(misuse("moves of heads are out of order"))?;
    let (from_given, to_given) = (moved.from != near.move_to, moved.to != Some(near.next_to()));
    let flags = cause_flags(moved.cause)
        | when(moved.time.is_some(), head::TIME)
        | when(skipped > 0, head::NUMBER)
        | when(from_given, head::FROM)
        | when(to_given, head::TO);
    put_flags(tag::MOVED, flags, out);
    put_varint(out, moved.branch.into());
    if skipped > 0 {
        put_varint(out, skipped);
    }
    if from_given {
        put_maybe_back(context, moved.from, out)?;
    }
    if to_given {
        put_maybe_back(context, moved.to, out)?;
    } else if near.next_to() >= context.next {
        return Err(NOT_THERE);
    }
    put_undone(moved.cause, out);
    put_time(moved.time, context.time, out);
    Ok(())
}

fn put_flags(tag: u8, flags: u32, out: &mut Vec<u8>) {
    out.push(tag);
    put_varint(out, flags.into());
}

fn put_of(tag: u8, context: &Context, of: Sequence, out: &mut Vec<u8>) -> Result<(), Error> {
    out.push(tag);
    put_back(context, of, out)
}

fn put_number(tag: u8, number: u32, out: &mut Vec<u8>) {
    out.push(tag);
    put_varint(out, number.into());
}

fn put_named(tag: u8, number: u32, name: &str, out: &mut Vec<u8>) -> Result<(), Error> {
    put_number(tag, number, out);
    put_text(name, out)
}

fn put_time(time: Option<i64>, to: Option<i64>, out: &mut Vec<u8>) {
    if let Some(time) = time {
        put_varint(out, difference(time.cast_unsigned(), to.unwrap_or(0).cast_unsigned()));
    }
}

fn put_back(context: &Context, sequence: Sequence, out: &mut Vec<u8>) -> Result<(), Error> {
    put_varint(out, context.back(sequence).ok_or(NOT_THERE)?);
    Ok(())
}

fn put_maybe_back(context: &Context, sequence: Option<Sequence>, out: &mut Vec<u8>) -> Result<(), Error> {
    put_varint(out, sequence.map_or(Some(0), |sequence| context.back(sequence)).ok_or(NOT_THERE)?);
    Ok(())
}

fn cause_flags(cause: Cause) -> u32 {
    match cause {
        Cause::Checkpoint => head::CHECKPOINT,
        Cause::Restore => head::RESTORE,
        Cause::Fork => head::FORK,
        Cause::Undo(_) => head::UNDO,
        Cause::Prune => head::PRUNE,
    }
}

fn put_undone(cause: Cause, out: &mut Vec<u8>) {
    if let Cause::Undo(number) = cause {
        put_varint(out, number);
    }
}

fn put_tags(tags: &[impl AsRef<str>], out: &mut Vec<u8>) -> Result<(), Error> {
    at_most("tags", tags.len(), TAGS_MAX)?;
    if !tags.is_sorted_by(|left, right| left.as_ref() < right.as_ref()) {
        return Err(misuse("tags are out of order"));
    }
    put_count("tags", tags.len(), out)?;
    tags.iter().try_for_each(|tag| put_text(tag.as_ref(), out))
}

fn put_fields(fields: &Fields, out: &mut Vec<u8>) -> Result<(), Error> {
    if fields.is_empty() {
        return Ok(());
    }
    put_count("metadata", fields.len(), out)?;
    fields.iter().try_for_each(|(key, value)| {
        put_text(key, out)?;
        put_long(value, out)
    })
}

fn put_change(key: &str, value: Option<&str>, out: &mut Vec<u8>) -> Result<(), Error> {
    put_varint(out, when(value.is_some(), PRESENT).into());
    put_text(key, out)?;
    value.map_or(Ok(()), |value| put_long(value, out))
}

/// Appends a name that isn't empty.
fn put_text(text: &str, out: &mut Vec<u8>) -> Result<(), Error> {
    if text.is_empty() {
        return Err(misuse("a name is empty"));
    }
    at_most("bytes of a name", text.len(), NAME_LEN_MAX)?;
    put_name(out, text)
}

/// Appends a text that may be long.
fn put_long(text: &str, out: &mut Vec<u8>) -> Result<(), Error> {
    at_most("bytes of a text", text.len(), TEXT_LEN_MAX)?;
    put_bytes("bytes of a text", text.as_bytes(), out)
}

fn put_bytes(what: &'static str, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    put_count(what, bytes.len(), out)?;
    out.extend_from_slice(bytes);
    Ok(())
}

fn put_count(what: &'static str, count: usize, out: &mut Vec<u8>) -> Result<(), Error> {
    let limit = |_| Error::Limit { what, needs: count as u64, allowed: u32::MAX.into() };
    put_varint(out, u32::try_from(count).map_err(limit)?.into());
    Ok(())
}

fn at_most(what: &'static str, needs: usize, allowed: usize) -> Result<(), Error> {
    let error = Error::Limit { what, needs: needs as u64, allowed: allowed as u64 };
    if needs <= allowed { Ok(()) } else { Err(error) }
}

fn when(is_so: bool, flag: u32) -> u32 {
    if is_so { flag } else { 0 }
}

const fn misuse(what: &'static str) -> Error {
    Error::Misuse { what }
}

const NOT_THERE: Error = misuse("an operation speaks of a checkpoint that is not there yet");
