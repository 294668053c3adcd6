use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::{
    Step,
    image::{Found, Image},
    inode::Inode,
};

/// A crash could leave more states than are gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "a crash can leave {states} states here, at most {states_max} are gone through; sync earlier or write less"
)]
pub struct TooManyStates {
    /// How many there are, at least.
    pub states: u64,
    /// The bound.
    pub states_max: u64,
}

type Names = BTreeMap<PathBuf, Entry>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Entry {
    Dir,
    File(u64),
}

/// A change of names that is not yet durable; kept whole or lost whole.
#[derive(Debug, Clone)]
struct Change {
    removed: Option<PathBuf>,
    set: Option<(PathBuf, Entry)>,
}

impl Change {
    fn apply(&self, names: &mut Names) {
        if let Some(path) = &self.removed {
            names.remove(path);
        }
        if let Some((path, entry)) = &self.set {
            names.insert(path.clone(), *entry);
        }
    }

    fn is_in(&self, dir: &Path) -> bool {
        let set = self.set.as_ref().map(|(path, _)| path);
        let path = self.removed.as_ref().or(set);
        path.and_then(|path| path.parent()) == Some(dir)
    }
}

/// What the recorded steps have made of a disk, durable and not.
#[derive(Debug, Default)]
pub(crate) struct Model {
    visible: Names,
    durable: Names,
    pending: Vec<Change>,
    inodes: BTreeMap<u64, Inode>,
}

impl Model {
    pub(crate) fn apply(&mut self, step: &Step) {
        match step {
            Step::CreateNew { path, inode } => {
                self.inodes.insert(*inode, Inode::new());
                self.change(None, Some((path.clone(), Entry::File(*inode))));
            }
            Step::CreateDir { path } => self.change(None, Some((path.clone(), Entry::Dir))),
            Step::Rename { from, to } => {
                let entry = self.visible.get(from).copied();
                self.change(Some(from.clone()), entry.map(|entry| (to.clone(), entry)));
            }
            Step::Remove { path } => self.change(Some(path.clone()), None),
            Step::SyncDir { path } => self.sync_dir(path),
            Step::Write { inode, offset, data } => {
                let offset = usize::try_from(*offset).expect("the bytes are in memory");
                self.on(*inode, |file| file.write(data, offset));
            }
            Step::SetMode { inode, mode } => self.on(*inode, |file| file.set_mode(*mode)),
            Step::SyncData { inode } => self.on(*inode, Inode::sync_data),
            Step::SyncAll { inode } => self.on(*inode, Inode::sync_all),
            Step::Acknowledge => {}
        }
    }

    /// Makes all durable, as after a clean unmount.
    pub(crate) fn settle(&mut self) {
        self.pending.clear();
        self.durable.clone_from(&self.visible);
        self.inodes.values_mut().for_each(Inode::sync_all);
    }

    /// Every distinct disk that a crash may leave now, and how many it looked at to find them.
    pub(crate) fn states(&self, states_max: u64) -> Result<(Vec<Image>, u64), TooManyStates> {
        let names = self.names(states_max)?;
        let states = names.iter().map(|names| self.count(names));
        let states = states.fold(0, u64::saturating_add);
        if states > states_max {
            return Err(TooManyStates { states, states_max });
        }
        let found: BTreeMap<u64, Vec<Found>> = self
            .reachable(&names)
            .into_iter()
            .filter_map(|id| Some((id, self.inodes.get(&id)?.states())))
            .collect();
        let images = names.iter().flat_map(|names| images(names, &found));
        Ok((images.collect(), states))
    }

    fn change(&mut self, removed: Option<PathBuf>, set: Option<(PathBuf, Entry)>) {
        let change = Change { removed, set };
        change.apply(&mut self.visible);
        self.pending.push(change);
    }

    fn sync_dir(&mut self, dir: &Path) {
        let (synced, rest) = self.pending.drain(..).partition(|change| change.is_in(dir));
        self.pending = rest;
        let synced: Vec<Change> = synced;
        for change in synced {
            change.apply(&mut self.durable);
        }
    }

    fn on(&mut self, inode: u64, act: impl FnOnce(&mut Inode)) {
        if let Some(file) = self.inodes.get_mut(&inode) {
            act(file);
        }
    }

    /// The distinct trees of names that each subset of the pending changes gives.
    fn names(&self, states_max: u64) -> Result<BTreeSet<Names>, TooManyStates> {
        let subsets = u32::try_from(self.pending.len()).ok().and_then(|count| 1_u64.checked_shl(count));
        let states = subsets.unwrap_or(u64::MAX);
        if states > states_max {
            return Err(TooManyStates { states, states_max });
        }
        Ok((0..states).map(|subset| self.kept(subset)).collect())
    }

    fn kept(&self, subset: u64) -> Names {
        let mut names = self.durable.clone();
        for (bit, change) in self.pending.iter().enumerate() {
            if subset >> bit & 1 == 1 {
                change.apply(&mut names);
            }
        }
        // A parent sorts before its children, so each is judged after the directory it needs.
        let mut mounted = Names::new();
        for (path, entry) in names {
            let parent = path.parent().unwrap_or(Path::new(""));
            if parent.as_os_str().is_empty() || mounted.get(parent) == Some(&Entry::Dir) {
                mounted.insert(path, entry);
            }
        }
        mounted
    }

    fn count(&self, names: &Names) -> u64 {
        let files = self.reachable([names]);
        let counts = files.iter().filter_map(|id| self.inodes.get(id));
        counts.map(Inode::count).fold(1, u64::saturating_mul)
    }

    fn reachable<'a>(&self, trees: impl IntoIterator<Item = &'a Names>) -> BTreeSet<u64> {
        let entries = trees.into_iter().flat_map(BTreeMap::values);
        let inodes = entries.filter_map(|entry| match entry {
            Entry::File(inode) => Some(*inode),
            Entry::Dir => None,
        });
        inodes.filter(|inode| self.inodes.contains_key(inode)).collect()
    }
}

/// All images of one tree of names: each combination of the states of its files.
fn images(names: &Names, found: &BTreeMap<u64, Vec<Found>>) -> Vec<Image> {
    let mut images = vec![Image::default()];
    for (path, entry) in names {
        let choices = match entry {
            Entry::Dir => std::slice::from_ref(&Found::Dir),
            Entry::File(inode) => found.get(inode).map(Vec::as_slice).unwrap_or_default(),
        };
        images = images
            .iter()
            .flat_map(|image| choices.iter().map(|choice| with_node(image, path, choice)))
            .collect();
    }
    images
}

fn with_node(image: &Image, path: &Path, found: &Found) -> Image {
    let mut image = image.clone();
    image.nodes.insert(path.to_owned(), found.clone());
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(path: &str, inode: u64) -> Step {
        let path = path.into();
        Step::CreateNew { path, inode }
    }

    fn rename(from: &str, to: &str) -> Step {
        let (from, to) = (from.into(), to.into());
        Step::Rename { from, to }
    }

    fn sync_dir(path: &str) -> Step {
        let path = path.into();
        Step::SyncDir { path }
    }

    /// The sets of names that a crash after `steps` may leave on a disk that `durable` has filled.
    fn check(durable: &[Step], steps: &[Step], expected: &[&[&str]]) {
        let mut model = Model::default();
        for step in durable {
            model.apply(step);
        }
        model.settle();
        for step in steps {
            model.apply(step);
        }
        let (images, _) = model.states(100).unwrap();
        let of = |image: &Image| image.nodes.keys().cloned().collect();
        let found: BTreeSet<Vec<PathBuf>> = images.iter().map(of).collect();
        let of = |names: &&[&str]| names.iter().map(PathBuf::from).collect();
        assert_eq!(found, expected.iter().map(of).collect());
        assert_eq!(images.len(), found.len());
    }

    #[test]
    fn unsynced_names_are_kept_and_lost_in_every_combination() {
        let steps = [create("a", 0), create("b", 1)];
        check(&[], &steps, &[&[], &["a"], &["b"], &["a", "b"]]);
        let synced = [create("a", 0), sync_dir(""), create("b", 1)];
        check(&[], &synced, &[&["a"], &["a", "b"]]);
    }

    #[test]
    fn a_rename_is_kept_whole_or_lost_whole() {
        check(&[create("a", 0)], &[rename("a", "b")], &[&["a"], &["b"]]);
        // Even where the old name itself was never durable.
        check(&[], &[create("a", 0), rename("a", "b")], &[&[], &["a"], &["b"]]);
    }

    #[test]
    fn a_removed_name_may_come_back_until_its_directory_is_synced() {
        let removed = Step::Remove { path: "a".into() };
        let steps = [removed, sync_dir("")];
        check(&[create("a", 0)], &steps[..1], &[&["a"], &[]]);
        check(&[create("a", 0)], &steps, &[&[]]);
    }

    #[test]
    fn what_a_directory_holds_is_lost_with_its_name() {
        let made = Step::CreateDir { path: "d".into() };
        let inside = [made.clone(), create("d/a", 0), sync_dir("d")];
        check(&[], &inside, &[&[], &["d", "d/a"]]);
        check(&[made], &[create("d/a", 0), sync_dir("")], &[&["d"], &["d", "d/a"]]);
    }

    #[test]
    fn too_many_states_are_counted_and_refused() {
        let mut model = Model::default();
        model.apply(&create("a", 0));
        model.apply(&Step::Write { inode: 0, offset: 0, data: vec![1; 9 * 512] });
        let states = (1 << 10) - 1 + 1;
        let refused = TooManyStates { states, states_max: states - 1 };
        assert_eq!(model.states(states - 1).unwrap_err(), refused);
        assert_eq!(model.states(states).unwrap().1, states);
    }
}
