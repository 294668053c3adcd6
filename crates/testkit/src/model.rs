use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
    path::Path,
    rc::Rc,
    sync::Arc,
};

use crate::{
    Image, Random, Step, hash,
    image::{Found, Saved},
    inode::{Inode, State},
};

pub(crate) type Names = BTreeMap<Arc<Path>, Entry>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Entry {
    Dir,
    File(u64),
}

/// A change of names that is not yet durable; kept whole or lost whole.
#[derive(Debug, Clone)]
struct Change {
    step: u64,
    removed: Option<Arc<Path>>,
    set: Option<(Arc<Path>, Entry)>,
}

impl Change {
    fn apply(&self, names: &mut Names) {
        if let Some(path) = &self.removed {
            names.remove(path);
        }
        if let Some((path, entry)) = &self.set {
            names.insert(Arc::clone(path), *entry);
        }
    }

    fn is_in(&self, dir: &Path) -> bool {
        let set = self.set.as_ref().map(|(path, _)| path);
        let path = self.removed.as_ref().or(set);
        path.and_then(|path| path.parent()) == Some(dir)
    }
}

/// What the recorded steps have made of a disk, durable and not.
#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    visible: Names,
    durable: Names,
    pending: Vec<Change>,
    inodes: BTreeMap<u64, Inode>,
    /// How many steps were applied.
    steps: u64,
    trees: OnceCell<Rc<Vec<Tree>>>,
}

/// A tree of names and, by position, what its hash is made of.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    pub(crate) names: Vec<(Arc<Path>, Entry)>,
    pub(crate) hashes: Vec<u128>,
}

impl Tree {
    fn new(names: Names) -> Self {
        let names: Vec<_> = names.into_iter().collect();
        let hash = |(path, entry): &(Arc<Path>, Entry)| {
            let kind = u128::from(*entry == Entry::Dir);
            hash::bytes(kind + 1, path.as_os_str().as_encoded_bytes())
        };
        let hashes = names.iter().map(hash).collect();
        Self { names, hashes }
    }

    /// The hash of the disk with these states of the files, in the order of their names.
    pub(crate) fn hash(&self, states: &[&State]) -> u128 {
        let mut sum = 0_u128;
        let mut states = states.iter();
        for ((_, entry), name) in self.names.iter().zip(&self.hashes) {
            let part = match entry {
                Entry::Dir => *name,
                Entry::File(_) => hash::mix(*name, states.next().map_or(0, |state| state.hash)),
            };
            sum = sum.wrapping_add(part);
        }
        sum
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = u64> {
        self.names.iter().filter_map(|(_, entry)| match entry {
            Entry::File(inode) => Some(*inode),
            Entry::Dir => None,
        })
    }
}

impl Model {
    /// A disk of which all is durable, as found after a power cut.
    pub(crate) fn found(image: &Image) -> Self {
        let mut model = Self::default();
        for (path, found) in &image.nodes {
            let entry = match found {
                Found::Dir => Entry::Dir,
                Found::File(Saved { inode, content, mode }) => {
                    let file = Inode::settled(content.clone(), content.sum(), *mode);
                    model.inodes.insert(*inode, file);
                    Entry::File(*inode)
                }
            };
            model.visible.insert(Arc::clone(path), entry);
        }
        model.durable.clone_from(&model.visible);
        model
    }

    pub(crate) fn apply(&mut self, step: &Step) {
        self.steps += 1;
        let number = self.steps;
        match step {
            Step::CreateNew { path, inode } => {
                self.inodes.insert(*inode, Inode::new());
                self.change(None, Some((Arc::clone(path), Entry::File(*inode))));
            }
            Step::CreateDir { path } => self.change(None, Some((Arc::clone(path), Entry::Dir))),
            Step::Rename { from, to } => {
                let entry = self.visible.get(from).copied();
                self.change(Some(Arc::clone(from)), entry.map(|entry| (Arc::clone(to), entry)));
            }
            Step::Remove { path } => self.change(Some(Arc::clone(path)), None),
            Step::SyncDir { path } => self.sync_dir(path),
            Step::Write { inode, offset, data } => {
                let offset = usize::try_from(*offset).expect("the bytes are in memory");
                self.on(*inode, |file| file.write(number, data, offset));
            }
            Step::SetMode { inode, mode } => self.on(*inode, |file| file.set_mode(number, *mode)),
            Step::SyncData { inode } => self.on(*inode, Inode::sync_data),
            Step::SyncAll { inode } => self.on(*inode, Inode::sync_all),
            Step::SyncFailed { inode } => self.on(*inode, Inode::fail_sync),
            Step::Acknowledge { .. } => {}
        }
    }

    /// Makes all durable, as after a clean unmount.
    pub(crate) fn settle(&mut self) {
        self.pending.clear();
        self.trees.take();
        self.durable.clone_from(&self.visible);
        self.inodes.values_mut().for_each(Inode::settle);
    }

    /// The disk as a process sees it, with nothing lost.
    pub(crate) fn seen(&self) -> Image {
        let node = |(path, entry): (&Arc<Path>, &Entry)| {
            let found = match entry {
                Entry::Dir => Found::Dir,
                Entry::File(inode) => {
                    let (content, mode) = self.inodes.get(inode)?.visible();
                    Found::File(Saved { inode: *inode, content, mode })
                }
            };
            Some((Arc::clone(path), found))
        };
        Image { nodes: self.visible.iter().filter_map(node).collect() }
    }

    /// A number that no file has.
    pub(crate) fn inode_next(&self) -> u64 {
        self.inodes.last_key_value().map_or(0, |(inode, _)| inode + 1)
    }

    pub(crate) fn file(&self, inode: u64) -> Option<&Inode> {
        self.inodes.get(&inode)
    }

    /// How many states there are, if they are few enough to look at the names.
    pub(crate) fn count(&self, states_max: u64) -> u64 {
        let subsets = u32::try_from(self.pending.len()).ok().and_then(|count| 1_u64.checked_shl(count));
        match subsets {
            Some(subsets) if subsets <= states_max => {
                let count = |tree: &Tree| {
                    let files = tree.files().filter_map(|inode| self.inodes.get(&inode));
                    files.map(Inode::count).fold(1, u64::saturating_mul)
                };
                self.trees().iter().map(count).fold(0, u64::saturating_add)
            }
            subsets => subsets.unwrap_or(u64::MAX),
        }
    }

    /// The distinct trees of names that each subset of the pending changes gives.
    pub(crate) fn trees(&self) -> &[Tree] {
        self.trees.get_or_init(|| {
            let all =
                (0..1_u64 << self.pending.len()).map(|subset| self.mounted(|bit, _| subset >> bit & 1 == 1));
            let distinct: BTreeSet<Names> = all.collect();
            Rc::new(distinct.into_iter().map(Tree::new).collect())
        })
    }

    /// The steps that changed names and are not durable, and those that changed files.
    pub(crate) fn pending_steps(&self) -> (BTreeSet<u64>, BTreeSet<u64>) {
        let names = self.pending.iter().map(|change| change.step).collect();
        (names, self.inodes.values().flat_map(Inode::steps).collect())
    }

    /// The names if the kept steps, and no others, have reached the disk.
    pub(crate) fn kept(&self, keep: &dyn Fn(u64) -> bool) -> Tree {
        Tree::new(self.mounted(|_, change| keep(change.step)))
    }

    /// Names of which each change is lost once in `lost_in`.
    pub(crate) fn random(&self, random: &mut Random, lost_in: u64) -> Tree {
        let lost: Vec<bool> = self.pending.iter().map(|_| random.one_in(lost_in)).collect();
        Tree::new(self.mounted(|bit, _| lost.get(bit) == Some(&false)))
    }

    fn change(&mut self, removed: Option<Arc<Path>>, set: Option<(Arc<Path>, Entry)>) {
        self.trees.take();
        let change = Change { step: self.steps, removed, set };
        change.apply(&mut self.visible);
        self.pending.push(change);
    }

    fn sync_dir(&mut self, dir: &Path) {
        self.trees.take();
        let (synced, rest): (Vec<_>, _) = self.pending.drain(..).partition(|change| change.is_in(dir));
        self.pending = rest;
        for change in &synced {
            change.apply(&mut self.durable);
        }
    }

    fn on(&mut self, inode: u64, act: impl FnOnce(&mut Inode)) {
        if let Some(file) = self.inodes.get_mut(&inode) {
            act(file);
        }
    }

    fn mounted(&self, keeps: impl Fn(usize, &Change) -> bool) -> Names {
        let mut names = self.durable.clone();
        for (bit, change) in self.pending.iter().enumerate() {
            if keeps(bit, change) {
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
}
