//! The states that a crash may leave at one moment: all of them, or the corner cases and a sample.

use std::{collections::BTreeSet, rc::Rc, sync::Arc};

use thiserror::Error;

use crate::{
    Image, Random,
    image::{Found, Saved},
    inode::State,
    model::{Entry, Model, Tree},
};

/// A crash could leave more states than are gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "a crash can leave {states} states here, at most {states_max} are gone through; sync earlier, write less, or let a `Sweep` sample"
)]
pub struct TooManyStates {
    /// How many there are, at least.
    pub states: u64,
    /// The bound.
    pub states_max: u64,
}

/// A state that a crash may leave; its image is made on demand.
#[derive(Debug)]
pub(crate) struct Left<'a> {
    model: &'a Model,
    tree: &'a Tree,
    /// Of the files in the order of their names.
    states: &'a [&'a State],
    pub(crate) hash: u128,
}

impl Left<'_> {
    /// A number that no file of the image has.
    pub(crate) fn inode_next(&self) -> u64 {
        self.model.inode_next() + self.states.len() as u64
    }

    pub(crate) fn image(&self) -> Image {
        let mut states = self.states.iter();
        let mut image = Image::default();
        let mut taken = BTreeSet::new();
        let mut inode_next = self.model.inode_next();
        for (path, entry) in &self.tree.names {
            let found = match entry {
                Entry::Dir => Found::Dir,
                Entry::File(inode) => {
                    let (Some(file), Some(state)) = (self.model.file(*inode), states.next()) else {
                        continue;
                    };
                    let content = file.content(state);
                    // A file under two names, since one of two renames was lost, is two files from here on.
                    let inode = if taken.insert(*inode) { *inode } else { inode_next };
                    inode_next += 1;
                    Found::File(Saved { inode, content, mode: state.mode })
                }
            };
            image.nodes.insert(Arc::clone(path), found);
        }
        image
    }
}

/// Shows all states to `visit`, whatever their number. It answers how many there are.
pub(crate) fn all<E>(model: &Model, visit: &mut dyn FnMut(&Left<'_>) -> Result<(), E>) -> Result<u64, E> {
    let mut count = 0;
    for tree in model.trees() {
        let lists: Vec<_> = tree.files().filter_map(|inode| Some(model.file(inode)?.states())).collect();
        let mut at = vec![0; lists.len()];
        let mut states: Vec<&State> = lists.iter().filter_map(|list| list.first()).collect();
        loop {
            visit(&Left { model, tree, states: &states, hash: tree.hash(&states) })?;
            count += 1;
            if !advance(&mut at, &mut states, &lists) {
                break;
            }
        }
    }
    Ok(count)
}

/// Counts up, as a number of which each digit has a base of its own.
fn advance<'a>(at: &mut [usize], states: &mut [&'a State], lists: &[&'a Rc<Vec<State>>]) -> bool {
    for ((digit, state), list) in at.iter_mut().zip(states).zip(lists) {
        *digit += 1;
        if let Some(next) = list.get(*digit) {
            *state = next;
            return true;
        }
        *digit = 0;
        if let Some(first) = list.first() {
            *state = first;
        }
    }
    false
}

/// Shows the corner cases to `visit`, and random states until it has seen `states_max`.
///
/// The corner cases are none of the steps that are not durable and all of them, each of them lost and
/// each kept alone, every prefix in their order, and those of names or of files alone.
pub(crate) fn some<E>(
    model: &Model,
    states_max: u64,
    random: &mut Random,
    visit: &mut dyn FnMut(&Left<'_>) -> Result<(), E>,
) -> Result<u64, E> {
    let (names, files) = model.pending_steps();
    let steps: BTreeSet<u64> = names.union(&files).copied().collect();
    let mut count = 0;
    let mut corner = |keep: &dyn Fn(u64) -> bool| {
        count += 1;
        show(model, &model.kept(keep), &|inode| Some(model.file(inode)?.kept(keep)), visit)
    };
    corner(&|_| false)?;
    corner(&|_| true)?;
    corner(&|step| names.contains(&step))?;
    corner(&|step| files.contains(&step))?;
    for of in steps {
        corner(&|step| step != of)?;
        corner(&|step| step == of)?;
        corner(&|step| step < of)?;
    }
    while count < states_max {
        count += 1;
        // Some samples lose little, some much, so that neither end is rare.
        let lost_in = 2 << random.below(3);
        let tree = model.random(random, lost_in);
        let latest_in = 1 + random.below(4);
        let states: Vec<State> =
            tree.files().filter_map(|inode| Some(model.file(inode)?.random(random, latest_in))).collect();
        let states: Vec<&State> = states.iter().collect();
        visit(&Left { model, tree: &tree, states: &states, hash: tree.hash(&states) })?;
    }
    Ok(count)
}

fn show<E>(
    model: &Model,
    tree: &Tree,
    state: &dyn Fn(u64) -> Option<State>,
    visit: &mut dyn FnMut(&Left<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let states: Vec<State> = tree.files().filter_map(state).collect();
    let states: Vec<&State> = states.iter().collect();
    visit(&Left { model, tree, states: &states, hash: tree.hash(&states) })
}

#[cfg(test)]
mod tests;
