use std::sync::Arc;

use keepstone_format::Codec;
use keepstone_testkit::Random;

use crate::{
    checkpoint::{Facts, Fields, StateLayout},
    form::{Body, Form, PackPlace, Place},
    id::{CheckpointId, ContentId, Prefix, Sequence},
    op::{Cause, Move, NewCheckpoint, Op, Parent},
    trigger::Trigger,
};

/// Makes operations that an encoder takes, whether they can happen or not.
pub(super) struct RandomOps {
    random: Random,
    next: u64,
    move_number: u64,
}

impl RandomOps {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), next: 1, move_number: 0 }
    }

    pub(super) fn many(&mut self, count: usize) -> Vec<Op> {
        (0..count).map(|_| self.op()).collect()
    }

    fn op(&mut self) -> Op {
        let (number, time) = (self.number(), self.time());
        match self.random.below(if self.next > 1 { 25 } else { 10 }) {
            0 | 1 | 21.. => self.checkpoint(),
            2 => Op::Writer(Prefix(self.random.next_u64().to_be_bytes())),
            3 => {
                let name = if self.random.one_in(4) { "".into() } else { self.name() };
                Op::Session { name, time, metadata: self.fields() }
            }
            4 => Op::Branch { session: number, name: self.name(), head: self.maybe_earlier() },
            5 => match self.random.below(6) {
                0 => Op::Rename { session: number, name: self.name() },
                1 => Op::RenameBranch { branch: number, name: self.name() },
                2 => Op::EndedBranch { session: number, name: self.name() },
                3 => Op::EndBranch { branch: number },
                4 => Op::EndSession { session: number },
                _ => Op::Describe { session: number, key: self.key(), value: self.value() },
            },
            6 => {
                self.next += self.random.below(300);
                Op::Skip { next: Sequence(self.next) }
            }
            7 => Op::Counters { next_move: self.random.below(1 << 40), last_time: time },
            9 => Op::Head { branch: number, to: self.maybe_earlier(), cause: self.cause(), time },
            10 => Op::HeadIs { branch: number, to: self.maybe_earlier() },
            11 => Op::Tags { of: self.earlier(), add: self.tags(), remove: self.tags() },
            12 => Op::Annotate { of: self.earlier(), key: self.key(), value: self.value() },
            13 => Op::Message { of: self.earlier(), text: self.text().into() },
            14 => Op::Lock { of: self.earlier(), locked: self.random.one_in(2) },
            15 => Op::Prune { gone: self.gone() },
            16 => self.rebase(),
            _ => Op::Moved(self.moved()),
        }
    }

    fn checkpoint(&mut self) -> Op {
        let form = match self.random.below(6) {
            0 if self.next > 1 => Form::Same(self.earlier()),
            1..=3 if self.next > 1 => Form::Delta(self.earlier()),
            4 => Form::Full(Codec::Lz4),
            5 => Form::Full(Codec::Zstd),
            _ => Form::Full(Codec::None),
        };
        let new = NewCheckpoint {
            id: self.random.one_in(4).then(|| CheckpointId::from_bytes(self.sixteen())),
            branch: self.number(),
            parent: match self.random.below(3) {
                0 => Parent::Head,
                1 => Parent::Known(form.base()),
                _ => Parent::Known(self.maybe_earlier()),
            },
            time: self.time(),
            trigger: match self.random.below(4) {
                0 => Trigger::Automatic(self.name()),
                1 => Trigger::Scheduled,
                _ => Trigger::Manual,
            },
            message: self.text().into(),
            tags: self.tags(),
            annotations: self.fields(),
            locked: self.random.one_in(3),
            facts: Facts {
                tick: self.random.one_in(3).then(|| self.random.below(1 << 20)),
                state_hash: self.random.one_in(3).then(|| self.random.next_u64()),
            },
            layout: match self.random.below(3) {
                0 => StateLayout::Bytes,
                1 => StateLayout::Value,
                _ => StateLayout::Sections,
            },
            len: if self.random.one_in(9) { self.random.next_u64() } else { 5000 + self.random.below(9) },
            content: ContentId::from_bytes(self.sixteen()),
            body: Body { form, place: self.place(form) },
        };
        self.next += 1;
        Op::Checkpoint(Box::new(new))
    }

    fn rebase(&mut self) -> Op {
        let of = self.earlier();
        let base = Sequence(of.0.saturating_sub(1 + self.random.below(of.0)).max(1));
        let form = match self.random.below(4) {
            0 if of.0 > 1 => Form::Same(base),
            1 if of.0 > 1 => Form::Delta(base),
            2 => Form::Full(Codec::Zstd),
            _ => Form::Full(Codec::None),
        };
        let len = if matches!(form, Form::Same(_)) { 0 } else { self.random.index(40) };
        Op::Rebase { of, form, bytes: self.random.bytes(len).into() }
    }

    fn place(&mut self, form: Form) -> Place {
        if matches!(form, Form::Same(_)) {
            return Place::Journal(Arc::default());
        }
        if self.random.one_in(2) {
            let len = self.random.index(40);
            return Place::Journal(self.random.bytes(len).into());
        }
        // Lengths of one, so that a place often goes on where the one before has ended.
        let place = PackPlace { pack: self.random.below(2), offset: self.random.below(3), len: 1, crc: 0 };
        Place::Pack(PackPlace { crc: u32::try_from(self.random.below(1 << 32)).unwrap(), ..place })
    }

    fn moved(&mut self) -> Move {
        self.move_number += if self.random.one_in(3) { 1 + self.random.below(9) } else { 1 };
        let (from, to) = (self.maybe_earlier(), self.maybe_earlier());
        Move {
            number: self.move_number,
            branch: self.number(),
            time: self.time(),
            from,
            to,
            cause: self.cause(),
        }
    }

    fn cause(&mut self) -> Cause {
        match self.random.below(6) {
            0 => Cause::Restore,
            1 => Cause::Fork,
            2 => Cause::Undo(self.random.below(1000)),
            3 => Cause::Prune,
            _ => Cause::Checkpoint,
        }
    }

    fn gone(&mut self) -> Vec<Sequence> {
        let one_in = 1 + self.random.below(4);
        let all = (1..self.next).map(Sequence).collect::<Vec<_>>();
        all.into_iter().filter(|_| self.random.one_in(one_in)).collect()
    }

    fn earlier(&mut self) -> Sequence {
        let far = if self.random.one_in(2) { 3 } else { self.next };
        Sequence(self.next - 1 - self.random.below(far.min(self.next - 1)))
    }

    fn maybe_earlier(&mut self) -> Option<Sequence> {
        (self.next > 1 && !self.random.one_in(5)).then(|| self.earlier())
    }

    fn number(&mut self) -> u32 {
        u32::try_from(if self.random.one_in(5) { self.random.below(1 << 32) } else { self.random.below(3) })
            .unwrap()
    }

    fn time(&mut self) -> Option<i64> {
        match self.random.below(8) {
            0 => None,
            1 => Some(self.random.next_u64().cast_signed()),
            _ => Some(1_700_000_000_000_000_000 + self.random.below(1 << 36).cast_signed()),
        }
    }

    fn sixteen(&mut self) -> [u8; 16] {
        self.random.bytes(16).try_into().unwrap()
    }

    fn name(&mut self) -> Arc<str> {
        ["a", "main", "before the tool call", "\u{e9}\u{df}", "\u{1f980}"][self.random.index(5)].into()
    }

    fn key(&mut self) -> String {
        self.name().to_string()
    }

    fn text(&mut self) -> String {
        if self.random.one_in(2) { String::new() } else { self.key().repeat(1 + self.random.index(20)) }
    }

    fn value(&mut self) -> Option<String> {
        (!self.random.one_in(3)).then(|| self.text())
    }

    fn tags(&mut self) -> Vec<Arc<str>> {
        let mut tags: Vec<Arc<str>> = (0..self.random.index(4)).map(|_| self.name()).collect();
        tags.sort_unstable();
        tags.dedup();
        tags
    }

    fn fields(&mut self) -> Fields {
        (0..self.random.index(3)).map(|_| (self.key(), self.text())).collect()
    }
}
