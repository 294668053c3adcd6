//! Worlds that live: entities by name, changed at random, and written as documents in whatever order.

use std::{borrow::Cow, collections::BTreeMap};

use keepstone_ecs_persist::{
    Capture, Column, ColumnData, ComponentSchema, Encoding, Lengths, NONE, PersistId, Table, WorldDoc,
};
use serde::{Deserialize, Serialize};

use crate::{
    random::{Bonds, Id, NAMES, Random, Squad, rows},
    support::{column, plain},
};

const NOBODY: u64 = u64::MAX;

/// An entity. Others are named by their names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Being {
    pub(crate) at: Option<u64>,
    pub(crate) marker: bool,
    pub(crate) name: Option<String>,
    pub(crate) flag: Option<bool>,
    pub(crate) squad: Option<(Option<u64>, String, Vec<u64>)>,
    pub(crate) bonds: Option<BTreeMap<u64, u32>>,
    /// A parent or nobody; the order is that of the parent's list.
    #[expect(clippy::option_option, reason = "a relationship may be there and lead to nobody")]
    pub(crate) child: Option<Option<u64>>,
    pub(crate) aim: Option<u64>,
    pub(crate) blob: Option<Vec<u8>>,
}

/// A world by the names of its entities.
#[derive(Debug, Clone, Default)]
pub(crate) struct Living {
    pub(crate) beings: BTreeMap<u64, Being>,
    pub(crate) lists: BTreeMap<u64, Vec<u64>>,
    pub(crate) clock: Option<u64>,
    pub(crate) player: Option<(Option<u64>, String, Vec<u64>)>,
    pub(crate) next: u64,
    pub(crate) foreign: bool,
}

impl Living {
    pub(crate) fn new(random: &mut Random, beings: u32) -> Self {
        let mut world = Self { next: 1, foreign: random.chance(2), ..Self::default() };
        for _ in 0..beings {
            world.spawn(random);
        }
        for _ in 0..beings * 6 {
            world.change(random);
        }
        world
    }

    fn someone(&self, random: &mut Random) -> Option<u64> {
        let count = u32::try_from(self.beings.len()).unwrap();
        self.beings.keys().nth(random.below(count) as usize).copied()
    }

    fn squad(&self, random: &mut Random) -> (Option<u64>, String, Vec<u64>) {
        let leader = if random.chance(2) { self.someone(random) } else { None };
        let members = (0..random.below(3)).filter_map(|_| self.someone(random)).collect();
        (leader, "s".repeat(random.below(3) as usize), members)
    }

    pub(crate) fn spawn(&mut self, random: &mut Random) {
        // Names don't ascend with time, or a wrong order of rows would go unnoticed.
        let name = self.next ^ 0x5;
        self.next += 1 + u64::from(random.below(3));
        self.beings.entry(name).or_default();
    }

    pub(crate) fn despawn(&mut self, name: u64, random: &mut Random) {
        self.let_go(name);
        self.beings.remove(&name);
        for child in self.lists.remove(&name).unwrap_or_default() {
            // Some adapters remove the relationship, others leave it without a target.
            self.beings.get_mut(&child).unwrap().child = random.chance(2).then_some(None);
        }
        let being = |other: &mut u64| *other != name;
        for other in self.beings.values_mut() {
            other.aim.take_if(|aim| *aim == name && random.chance(2));
            if let Some(bonds) = &mut other.bonds {
                // A key that is nobody may stand there twice, which no map allows.
                bonds.remove(&name);
            }
            if let Some((_, _, members)) = &mut other.squad
                && random.chance(2)
            {
                members.retain_mut(being);
            }
        }
    }

    fn let_go(&mut self, child: u64) {
        if let Some(Some(parent)) = self.beings.get(&child).and_then(|being| being.child) {
            self.lists.get_mut(&parent).unwrap().retain(|other| *other != child);
        }
    }

    /// Changes something or other.
    pub(crate) fn change(&mut self, random: &mut Random) {
        match random.below(30) {
            0 => return self.spawn(random),
            1 => {
                if let Some(name) = self.someone(random) {
                    self.despawn(name, random);
                }
                return;
            }
            2 => {
                self.clock = (!random.chance(4)).then(|| random.next() % 3);
                return;
            }
            3 => {
                self.player = (!random.chance(4)).then(|| self.squad(random));
                return;
            }
            4 => {
                if let Some(name) = self.someone(random)
                    && let Some(list) = self.lists.get_mut(&name)
                {
                    random.shuffle(list);
                }
                return;
            }
            _ => {}
        }
        let Some(name) = self.someone(random) else { return };
        let there = !random.chance(4);
        let squad = self.squad(random);
        let other = self.someone(random).unwrap();
        let parent = (!random.chance(4)).then_some(other % 4).filter(|p| self.beings.contains_key(p));
        let kind = random.below(9);
        if kind == 6 {
            self.let_go(name);
            if let Some(parent) = parent.filter(|_| there) {
                let list = self.lists.entry(parent).or_default();
                list.insert(random.below(u32::try_from(list.len()).unwrap() + 1) as usize, name);
            }
        }
        let being = self.beings.get_mut(&name).unwrap();
        match kind {
            0 => being.at = there.then(|| random.next() % 4),
            1 => being.marker = there,
            2 => being.name = there.then(|| "n".repeat(random.below(3) as usize)),
            3 => being.flag = there.then(|| random.chance(2)),
            4 => being.squad = there.then_some(squad),
            5 => {
                let bonds = squad.2.iter().chain(&squad.0).map(|&other| (other, random.below(3)));
                being.bonds = there.then(|| bonds.collect());
            }
            6 => being.child = there.then_some(parent),
            7 => being.aim = there.then_some(other),
            _ => being.blob = there.then(|| vec![7; random.below(3) as usize]),
        }
    }

    fn components(being: &Being) -> Vec<u16> {
        let there = [
            being.at.is_some(),
            being.marker,
            being.name.is_some(),
            being.flag.is_some(),
            being.squad.is_some(),
            being.bonds.is_some(),
            being.child.is_some(),
            being.aim.is_some(),
            being.blob.is_some(),
            true,
        ];
        (0..).zip(there).filter(|(_, there)| *there).map(|(at, _)| at).collect()
    }

    /// As an ECS would capture it, in some order.
    pub(crate) fn capture(&self, random: &mut Random) -> Capture<'static, u64> {
        let mut tables: BTreeMap<Vec<u16>, Vec<u64>> = BTreeMap::new();
        for (&name, being) in &self.beings {
            tables.entry(Self::components(being)).or_default().push(name);
        }
        let mut tables: Vec<(Vec<u16>, Vec<u64>)> = tables.into_iter().collect();
        random.shuffle(&mut tables);
        let mut doc = WorldDoc::default();
        let mut names = Vec::new();
        for (components, mut of_table) in tables {
            random.shuffle(&mut of_table);
            let cut = random.below(u32::try_from(of_table.len()).unwrap()) as usize;
            for piece in [&of_table[..cut], &of_table[cut..]] {
                if !piece.is_empty() {
                    let rows = u32::try_from(piece.len()).unwrap();
                    doc.tables.push(Table { rows, components: components.clone() });
                    names.extend_from_slice(piece);
                }
            }
        }
        self.columns(&names, random, &mut doc);
        if self.foreign {
            doc.foreign_ids = Some(names.iter().map(|&name| u128::from(name)).collect());
        }
        doc.check().unwrap();
        Capture::new(doc, vec![Cow::Owned(names)])
    }

    fn columns(&self, names: &[u64], random: &mut Random, doc: &mut WorldDoc<'static>) {
        let ordinals: BTreeMap<u64, u32> = names.iter().copied().zip(0..).collect();
        let ordinal = |name: &u64| ordinals.get(name).copied().unwrap_or(NONE);
        let id = |name: &u64| Id(ordinals.get(name).map_or(NOBODY, |&ordinal| ordinal.into()));
        let squad = |(leader, label, members): &(Option<u64>, String, Vec<u64>)| Squad {
            leader: leader.as_ref().map(id),
            label: label.clone(),
            members: members.iter().map(id).collect(),
        };
        let bonds = |bonds: &BTreeMap<u64, u32>| {
            let mut pairs: Vec<(Id, u32)> = bonds.iter().map(|(name, bond)| (id(name), *bond)).collect();
            pairs.sort_unstable();
            Bonds(pairs)
        };
        let beings = || names.iter().map(|name| &self.beings[name]);
        let blobs: Vec<&Vec<u8>> = beings().filter_map(|being| being.blob.as_ref()).collect();
        let data = [
            owned(plain(&beings().filter_map(|being| being.at).collect::<Vec<_>>())),
            (
                Encoding::Plain(keepstone_format::plain::OwnedLayout::Struct(vec![])),
                ColumnData::Plain(vec![]),
            ),
            rows(&beings().filter_map(|being| being.name.clone()).collect::<Vec<_>>()),
            rows(&beings().filter_map(|being| being.flag).collect::<Vec<_>>()),
            rows(&beings().filter_map(|being| being.squad.as_ref().map(squad)).collect::<Vec<_>>()),
            rows(&beings().filter_map(|being| being.bonds.as_ref().map(bonds)).collect::<Vec<_>>()),
            self.children(names, &ordinal, random),
            (
                Encoding::Reference { linked: false },
                ColumnData::References {
                    targets: beings().filter_map(|being| being.aim.as_ref().map(ordinal)).collect(),
                    ranks: None,
                },
            ),
            (
                Encoding::Opaque { origin: "elsewhere".into() },
                ColumnData::Opaque {
                    data: blobs.iter().flat_map(|blob| blob.iter().copied()).collect(),
                    lengths: Lengths::each(
                        blobs.iter().map(|blob| u32::try_from(blob.len()).unwrap()).collect(),
                    ),
                },
            ),
            owned(plain(names)),
        ];
        for (name, data) in NAMES.into_iter().zip(data) {
            doc.columns.push(column(name, false, data));
        }
        if let Some(clock) = self.clock {
            doc.columns.push(column("y.clock", true, owned(plain(&[clock]))));
        }
        if let Some(player) = &self.player {
            doc.columns.push(column("z.player", true, rows(&[squad(player)])));
        }
    }

    fn children(
        &self,
        names: &[u64],
        ordinal: &dyn Fn(&u64) -> u32,
        random: &mut Random,
    ) -> (Encoding, ColumnData<'static>) {
        let (mut targets, mut ranks, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        for name in names {
            let Some(parent) = self.beings[name].child else { continue };
            let rank = parent
                .map_or(0, |parent| self.lists[&parent].iter().position(|other| other == name).unwrap());
            targets.push(parent.as_ref().map_or(NONE, ordinal));
            ranks.push(u32::try_from(rank).unwrap());
            keys.push((parent, rank));
        }
        let mut last: BTreeMap<u64, usize> = BTreeMap::new();
        let ascend = keys.iter().all(|(parent, rank)| {
            parent.is_none_or(|parent| last.insert(parent, *rank).is_none_or(|before| before < *rank))
        });
        let ranks = (!ascend || random.chance(2)).then_some(Cow::Owned(ranks));
        (Encoding::Reference { linked: true }, ColumnData::References { targets: targets.into(), ranks })
    }
}

fn owned((encoding, data): (Encoding, ColumnData<'_>)) -> (Encoding, ColumnData<'static>) {
    let schema = ComponentSchema::new("x", 1, false, encoding.clone());
    (encoding, Column { schema, data }.into_owned().data)
}

/// The same document with its `PersistId`s as what tells its entities apart.
pub(crate) fn named(doc: &WorldDoc<'static>) -> WorldDoc<'static> {
    let mut doc = doc.clone();
    if let Some(column) = doc.column(PersistId::COMPONENT) {
        let ColumnData::Plain(pieces) = &column.data else { panic!("{column:?}") };
        let ids: Vec<u128> =
            pieces.concat().chunks(8).map(|id| u64::from_le_bytes(id.try_into().unwrap()).into()).collect();
        assert!(doc.foreign_ids.is_none_or(|own| *own == ids), "foreign ids went astray");
        doc.foreign_ids = Some(ids.into());
    } else {
        doc.foreign_ids = Some(vec![].into());
    }
    doc
}

/// A component whose column has one shape or another, by what is in it.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effect {
    Burn(u32),
    Heal { amount: u32, until: Option<u64> },
    Curse(Vec<String>),
}
