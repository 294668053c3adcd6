mod sector;

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use crate::{
    Random,
    content::{Content, SECTOR_LEN},
    hash::mix,
};
use sector::{Dirty, Options};

/// A file of the simulated disk: what a reader sees, and what of it a crash may leave.
///
/// Each change carries the number of the step that made it, for states that keep or lose whole steps.
#[derive(Debug, Clone)]
pub(crate) struct Inode {
    visible: Content,
    /// As of the last sync, but for what an earlier sync has given up.
    durable: Content,
    durable_sum: u128,
    /// The sectors written since.
    dirty: BTreeMap<usize, Dirty>,
    growths: Vec<Growth>,
    /// A failed sync may have dropped the new length.
    growths_given_up: bool,
    /// The mode at the last full sync and each since, with its step.
    modes: Vec<(u64, u32)>,
    /// All states, until something changes.
    listed: OnceCell<Rc<Vec<State>>>,
}

#[derive(Debug, Clone, Copy)]
struct Growth {
    step: u64,
    from: usize,
    to: usize,
}

/// One state of a file that a crash may leave.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) hash: u128,
    pub(crate) mode: u32,
    len: usize,
    /// The version of each dirty sector below the length, in order.
    choice: Box<[u16]>,
    content: OnceCell<Content>,
}

impl Inode {
    pub(crate) fn new() -> Self {
        Self::settled(Content::default(), 0, 0o644)
    }

    /// A file that is durable as it is; `sum` is that of its content.
    pub(crate) fn settled(content: Content, sum: u128, mode: u32) -> Self {
        Self {
            visible: content.clone(),
            durable: content,
            durable_sum: sum,
            dirty: BTreeMap::new(),
            growths: Vec::new(),
            growths_given_up: false,
            modes: vec![(0, mode)],
            listed: OnceCell::new(),
        }
    }

    /// What a reader sees.
    pub(crate) fn visible(&self) -> (Content, u32) {
        (self.visible.clone(), self.modes.last().map_or(0, |(_, mode)| *mode))
    }

    pub(crate) fn write(&mut self, step: u64, data: &[u8], offset: usize) {
        self.listed.take();
        let end = offset + data.len();
        let from = self.visible.len();
        let touched = offset / SECTOR_LEN..end.div_ceil(SECTOR_LEN);
        let before = self.visible.clone();
        self.visible.write(data, offset);
        if from < end {
            self.growths.push(Growth { step, from, to: end });
            self.growths_given_up = false;
        }
        for index in touched {
            let after = self.visible.sector(index);
            if let Some(dirty) = self.dirty.get_mut(&index) {
                dirty.push(step, index, after);
            } else if before.sector(index) != after {
                let mut dirty = Dirty::new(index, before.sector(index));
                dirty.push(step, index, after);
                self.dirty.insert(index, dirty);
            }
        }
    }

    pub(crate) fn set_mode(&mut self, step: u64, mode: u32) {
        self.listed.take();
        self.modes.push((step, mode));
    }

    pub(crate) fn sync_data(&mut self) {
        self.listed.take();
        if !self.growths_given_up {
            self.durable.grow(self.visible.len());
            self.growths.clear();
        }
        for (index, mut dirty) in std::mem::take(&mut self.dirty) {
            if dirty.given_up {
                self.dirty.insert(index, dirty);
            } else if self.growths_given_up {
                // The sector is on the disk, and in the file only if the length is.
                dirty.settle();
                self.dirty.insert(index, dirty);
            } else {
                let sector = self.visible.sector(index);
                self.durable_sum = self.durable_sum.wrapping_sub(dirty.base).wrapping_add(dirty.latest());
                self.durable.set_sector(index, sector);
            }
        }
    }

    pub(crate) fn sync_all(&mut self) {
        self.sync_data();
        let settled = self.modes.len().saturating_sub(1);
        self.modes.drain(..settled);
    }

    /// What a failed sync leaves: the kernel may take for written what is not.
    pub(crate) fn fail_sync(&mut self) {
        self.dirty.values_mut().for_each(|dirty| dirty.given_up = true);
        self.growths_given_up = !self.growths.is_empty();
    }

    /// Makes all durable, whatever has failed before.
    pub(crate) fn settle(&mut self) {
        self.dirty.values_mut().for_each(|dirty| dirty.given_up = false);
        self.growths_given_up = false;
        self.sync_all();
    }

    /// The steps whose changes are not durable.
    pub(crate) fn steps(&self) -> impl Iterator<Item = u64> {
        let written =
            self.dirty.values().flat_map(|dirty| dirty.moments.iter().skip(1).map(|(step, _)| *step));
        let grown = self.growths.iter().map(|growth| growth.step);
        let modes = self.modes.iter().skip(1).map(|(step, _)| *step);
        written.chain(grown).chain(modes)
    }

    /// How many states [`states`](Self::states) answers.
    pub(crate) fn count(&self) -> u64 {
        if let Some(listed) = self.listed.get() {
            return listed.len() as u64;
        }
        let contents = self.lens().into_iter().map(|len| {
            let options = self.options(len).into_iter();
            options.map(|options| options.distinct.len() as u64).fold(1, u64::saturating_mul)
        });
        let contents = contents.fold(0, u64::saturating_add);
        contents.saturating_mul(self.distinct_modes().len() as u64)
    }

    /// Every distinct state that a crash may leave.
    pub(crate) fn states(&self) -> &Rc<Vec<State>> {
        self.listed.get_or_init(|| {
            let mut states = Vec::new();
            let modes = self.distinct_modes();
            for len in self.lens() {
                let options = self.options(len);
                let mut choices = vec![Vec::with_capacity(options.len())];
                for option in &options {
                    choices = choices
                        .iter()
                        .flat_map(|chosen| {
                            option.distinct.iter().map(|version| [chosen, &[*version][..]].concat())
                        })
                        .collect();
                }
                for choice in choices {
                    states.extend(modes.iter().map(|mode| self.state(len, *mode, &options, choice.clone())));
                }
            }
            Rc::new(states)
        })
    }

    /// The state that is left if the kept steps, and no others, have reached the disk.
    pub(crate) fn kept(&self, keep: &dyn Fn(u64) -> bool) -> State {
        let grown = self.growths.iter().rev().find(|growth| keep(growth.step));
        let len = grown.map_or(self.durable.len(), |growth| growth.to);
        let mode = self.modes.iter().rev().find(|(step, _)| keep(*step)).or(self.modes.first());
        let options = self.options(len);
        let choice = options.iter().map(|options| {
            let moments = &options.dirty.moments;
            let kept = moments.iter().skip(1).rev().find(|(step, _)| keep(*step));
            kept.or(moments.first()).map_or(0, |(_, version)| *version)
        });
        let choice = choice.collect();
        self.state(len, mode.map_or(0, |(_, mode)| *mode), &options, choice)
    }

    /// Some state: each sector is the latest once in `latest_in` and else any of its versions.
    pub(crate) fn random(&self, random: &mut Random, latest_in: u64) -> State {
        let lens = self.lens();
        let len = lens.get(random.index(lens.len())).copied().unwrap_or_default();
        let mode = self.modes.get(random.index(self.modes.len())).map_or(0, |(_, mode)| *mode);
        let options = self.options(len);
        let choice = options.iter().map(|options| {
            let latest = options.dirty.moments.last().map_or(0, |(_, version)| *version);
            let any = options.distinct.get(random.index(options.distinct.len()));
            if random.one_in(latest_in) { latest } else { any.copied().unwrap_or(latest) }
        });
        let choice = choice.collect();
        self.state(len, mode, &options, choice)
    }

    /// The bytes of a state.
    pub(crate) fn content(&self, state: &State) -> Content {
        let build = || {
            let mut content = self.durable.clone();
            content.grow(state.len);
            for ((index, dirty), version) in self.below(state.len).zip(&state.choice) {
                if let Some((sector, _)) = dirty.versions.get(usize::from(*version)) {
                    content.set_sector(index, sector);
                }
            }
            content
        };
        state.content.get_or_init(build).clone()
    }

    fn state(&self, len: usize, mode: u32, options: &[Options<'_>], choice: Vec<u16>) -> State {
        let mut sum = self.durable_sum;
        for (options, version) in options.iter().zip(&choice) {
            let chosen = options.sums.get(usize::from(*version)).copied().unwrap_or_default();
            sum = sum.wrapping_sub(options.dirty.base).wrapping_add(chosen);
        }
        let hash = mix(mix(sum, len as u128), u128::from(mode));
        State { hash, mode, len, choice: choice.into(), content: OnceCell::new() }
    }

    fn distinct_modes(&self) -> BTreeSet<u32> {
        self.modes.iter().map(|(_, mode)| *mode).collect()
    }

    /// The lengths that a crash may leave. A file may grow without its data, and sector by sector; of
    /// the lengths that end among zeros the first, the last and one between stand for all.
    fn lens(&self) -> Vec<usize> {
        let mut lens = BTreeSet::from([self.durable.len()]);
        let mut among_zeros = Vec::new();
        for growth in &self.growths {
            for sector in growth.from / SECTOR_LEN..growth.to / SECTOR_LEN {
                let len = (sector + 1) * SECTOR_LEN;
                if self.dirty.contains_key(&sector) {
                    some_of(&mut among_zeros, &mut lens);
                    lens.insert(len);
                } else if len > growth.from && len < growth.to {
                    among_zeros.push(len);
                }
            }
            some_of(&mut among_zeros, &mut lens);
            lens.insert(growth.to);
        }
        lens.into_iter().collect()
    }

    fn options(&self, len: usize) -> Vec<Options<'_>> {
        self.below(len).map(|(index, dirty)| dirty.options(index, len)).collect()
    }

    /// The dirty sectors that a file of `len` bytes reaches into.
    fn below(&self, len: usize) -> impl Iterator<Item = (usize, &Dirty)> {
        self.dirty.range(..len.div_ceil(SECTOR_LEN)).map(|(index, dirty)| (*index, dirty))
    }
}

fn some_of(among_zeros: &mut Vec<usize>, lens: &mut BTreeSet<usize>) {
    let middle = among_zeros.get(among_zeros.len() / 2);
    lens.extend(among_zeros.first().into_iter().chain(middle).chain(among_zeros.last()));
    among_zeros.clear();
}

#[cfg(test)]
mod tests;
