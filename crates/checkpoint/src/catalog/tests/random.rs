use keepstone_testkit::Random;

use super::*;

/// Makes operations of which most can happen, out of so few names and numbers that they meet.
pub(super) struct RandomHistory {
    random: Random,
}

impl RandomHistory {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed) }
    }

    pub(super) fn op(&mut self, catalog: &Catalog) -> Op {
        let next = catalog.next_sequence().0;
        let [session, branch] =
            [catalog.next_session(), catalog.next_branch()].map(|next| self.number(next.unwrap()));
        let (name, time) = (self.name(), self.time());
        match self.random.below(if next > 1 { 49 } else { 12 }) {
            0 | 1 => Op::Writer(Prefix([u8::try_from(self.random.below(3)).unwrap(); 8])),
            2 => {
                let name = if self.random.one_in(9) { "".into() } else { name };
                Op::Session { name, time, metadata: [("k".to_owned(), "v".to_owned())].into() }
            }
            3..=5 => Op::Branch { session, name, head: self.maybe_earlier(next) },
            6 => Op::Describe {
                session,
                key: name.to_string(),
                value: self.random.one_in(2).then(|| "v".to_owned()),
            },
            7 => Op::Rename { session, name },
            8 => Op::RenameBranch { branch, name },
            9 => Op::EndBranch { branch },
            10 if self.random.one_in(3) => Op::EndSession { session },
            10 => Op::EndedBranch { session, name },
            11 => Op::Skip { next: Sequence(next + self.random.below(3)) },
            12 | 13 => self.tags(next, name),
            14 => {
                let value = self.random.one_in(2).then(|| "v".to_owned());
                Op::Annotate { of: self.earlier(next), key: name.to_string(), value }
            }
            15 => Op::Message { of: self.earlier(next), text: name },
            16 => Op::Lock { of: self.earlier(next), locked: self.random.one_in(3) },
            17..=20 => {
                let mut gone: Vec<Sequence> =
                    (0..=self.random.below(3)).map(|_| self.earlier(next)).collect();
                gone.sort_unstable();
                Op::Prune { gone }
            }
            21..=24 => {
                let cause =
                    if self.random.one_in(2) { Cause::Restore } else { Cause::Undo(self.random.below(9)) };
                Op::Head { branch, to: self.maybe_earlier(next), cause, time }
            }
            25 => Op::HeadIs { branch, to: self.maybe_earlier(next) },
            26 => self.moved(catalog, branch),
            27 => {
                let next_move = catalog.next_move() + self.random.below(3) - u64::from(self.random.one_in(3));
                Op::Counters { next_move, last_time: time }
            }
            28..=30 => {
                let of = self.earlier(next);
                let form = match self.random.below(3) {
                    0 => Form::Full(Codec::None),
                    1 => Form::Same(self.earlier(next)),
                    _ => Form::Delta(self.earlier(next)),
                };
                Op::Rebase { of, form, bytes: Arc::default() }
            }
            _ => self.checkpoint(catalog, branch, time),
        }
    }

    fn checkpoint(&mut self, catalog: &Catalog, branch: u32, time: Option<i64>) -> Op {
        let next = catalog.next_sequence().0;
        let form = match self.random.below(4) {
            0 => Form::Full(Codec::None),
            1 => Form::Same(self.earlier(next)),
            _ => Form::Delta(self.earlier(next)),
        };
        let id = match self.random.below(8) {
            0 => Some(CheckpointId::from_bytes([u8::try_from(self.random.below(4)).unwrap(); 16])),
            // A manifest names the writer of such an id, and no store has one before its first writer.
            1 if catalog.prefix.is_some() => {
                Some(CheckpointId::new(Prefix([1; 8]), Sequence(1 + self.random.below(next + 3))))
            }
            _ => None,
        };
        let parent = match self.random.below(4) {
            0 => Parent::Known(self.maybe_earlier(next)),
            _ => Parent::Head,
        };
        let locked = self.random.one_in(9);
        let tags = if self.random.one_in(3) { vec![self.name()] } else { Vec::new() };
        Op::Checkpoint(Box::new(NewCheckpoint { id, parent, time, tags, locked, ..new(branch, form) }))
    }

    fn tags(&mut self, next: u64, name: Arc<str>) -> Op {
        let of = self.earlier(next);
        let many = self.random.one_in(4);
        let add = if many {
            (100..140).map(|tag| (tag + self.random.below(2) * 40).to_string().into()).collect()
        } else {
            vec![name]
        };
        let mut add: Vec<Arc<str>> = add;
        add.sort_unstable();
        add.dedup();
        Op::Tags { of, add, remove: if self.random.one_in(2) { vec![self.name()] } else { Vec::new() } }
    }

    fn moved(&mut self, catalog: &Catalog, branch: u32) -> Op {
        let next = catalog.next_sequence().0;
        let number = catalog.next_move() + self.random.below(2);
        let (from, to, cause) = (self.maybe_earlier(next), self.maybe_earlier(next), Cause::Fork);
        Op::Moved(Move { number, branch, time: self.time(), from, to, cause })
    }

    /// Mostly one of those that there are.
    fn number(&mut self, next: u32) -> u32 {
        let below = if self.random.one_in(12) { next + 1 } else { next };
        u32::try_from(self.random.below(below.into())).unwrap()
    }

    fn earlier(&mut self, next: u64) -> Sequence {
        let far = if self.random.one_in(3) { next } else { 6 };
        Sequence((next - 1).saturating_sub(self.random.below(far)).max(1).min(next))
    }

    fn maybe_earlier(&mut self, next: u64) -> Option<Sequence> {
        (next > 1 && !self.random.one_in(4)).then(|| self.earlier(next))
    }

    fn name(&mut self) -> Arc<str> {
        ["main", "a", "b", "c"][self.random.index(4)].into()
    }

    fn time(&mut self) -> Option<i64> {
        (!self.random.one_in(4)).then(|| self.random.below(1000).cast_signed())
    }
}
