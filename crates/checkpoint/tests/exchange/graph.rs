//! Stores with branches, and what they hold.

use std::{collections::BTreeMap, sync::Arc};

use keepstone_checkpoint::{
    Bytes, CheckpointId, CheckpointStore, ContentId, Facts, Fields, Query, Sequence, Session, StateLayout,
    Trigger,
};
use keepstone_testkit::Random;
use serde::{Deserialize, Serialize};

use crate::support::{edit, mixed};

/// A payload that serde turns into a value.
#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
pub(crate) struct Agent {
    pub(crate) step: u32,
    pub(crate) mood: Mood,
    pub(crate) notes: Vec<String>,
    pub(crate) place: Option<(f32, f32)>,
    pub(crate) seen: BTreeMap<String, i64>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
pub(crate) enum Mood {
    Calm,
    Afraid { of: String },
    Between(u8, u8),
    Like(Box<Agent>),
}

pub(crate) fn agent(step: u32) -> Agent {
    let calm = Agent {
        step,
        mood: Mood::Calm,
        notes: (0..step % 4).map(|note| format!("note {note}")).collect(),
        place: (!step.is_multiple_of(3)).then(|| (f32::from(u16::try_from(step).unwrap()) * 0.1, -0.3)),
        seen: [("door".to_owned(), i64::from(step) - 5)].into(),
    };
    match step % 4 {
        0 => calm,
        1 => Agent { mood: Mood::Afraid { of: "night".to_owned() }, ..calm },
        2 => Agent { mood: Mood::Between(1, 200), ..calm },
        _ => Agent { mood: Mood::Like(Box::new(calm.clone())), ..calm },
    }
}

/// All that is said about a checkpoint, with its parent by id. Sequences are those of one store.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Said {
    pub(crate) session: Arc<str>,
    pub(crate) branch: Arc<str>,
    parent: Option<CheckpointId>,
    time: Option<i64>,
    trigger: Trigger,
    message: Arc<str>,
    tags: Vec<Arc<str>>,
    annotations: Fields,
    locked: bool,
    facts: Facts,
    layout: StateLayout,
    len: u64,
    content: ContentId,
}

pub(crate) fn said(store: &CheckpointStore) -> BTreeMap<CheckpointId, Said> {
    let all = store.list(&Query::new()).unwrap();
    let ids: BTreeMap<Sequence, CheckpointId> = all.iter().map(|found| (found.sequence, found.id)).collect();
    let said = all.iter().map(|found| {
        let said = Said {
            session: Arc::clone(&found.session),
            branch: Arc::clone(&found.branch),
            parent: found.parent.and_then(|parent| ids.get(&parent)).copied(),
            time: found.time,
            trigger: found.trigger.clone(),
            message: Arc::clone(&found.message),
            tags: found.tags.clone(),
            annotations: found.annotations.clone(),
            locked: found.locked,
            facts: found.facts,
            layout: found.layout,
            len: found.len,
            content: found.content,
        };
        (found.id, said)
    });
    said.collect()
}

/// A session: its name, when it began, what is said about it, and its branches with their heads.
type Line = (Arc<str>, Option<i64>, Fields, Vec<(Arc<str>, Option<CheckpointId>)>);

/// The sessions of a store, by name.
pub(crate) fn heads(store: &CheckpointStore) -> Vec<Line> {
    let all = store.list(&Query::new()).unwrap();
    let id = |sequence| all.iter().find(|found| found.sequence == sequence).map(|found| found.id);
    let mut heads: Vec<_> = store
        .sessions()
        .unwrap()
        .into_iter()
        .map(|session| {
            let branches = session.branches.into_iter().map(|(name, head)| (name, head.and_then(id)));
            (session.name, session.time, session.metadata, branches.collect())
        })
        .collect();
    heads.sort_by(|left, right| left.0.cmp(&right.0));
    heads
}

/// Sees that two stores hold the same, states included.
#[track_caller]
pub(crate) fn assert_same(found: &CheckpointStore, expected: &CheckpointStore) {
    assert_eq!(said(found), said(expected));
    assert_eq!(heads(found), heads(expected));
    for checkpoint in expected.list(&Query::new()).unwrap() {
        let (found, expected) = (found.state(checkpoint.id).unwrap(), expected.state(checkpoint.id).unwrap());
        assert_eq!(found.bytes(), expected.bytes(), "{}", checkpoint.id);
    }
}

/// Fills a store with checkpoints of some sessions, which go back and fork.
pub(crate) fn fill(store: &CheckpointStore, random: &mut Random, count: usize) {
    let mut lines: Vec<(Session, Vec<u8>)> = Vec::new();
    for number in 0..=random.index(3) {
        let metadata = [("of".to_owned(), format!("number {number}"))].into();
        let session = store.begin_session(&format!("session {number}"), metadata).unwrap();
        lines.push((session, mixed(random, 300)));
    }
    for number in 0..count {
        let place = random.index(lines.len());
        let (session, state) = &mut lines[place];
        let own = store.list(&Query::new().session(session.name())).unwrap();
        let any = (!own.is_empty()).then(|| own[random.index(own.len())].id);
        if let Some(any) = any
            && random.one_in(6)
        {
            *state = store.state(any).unwrap().bytes().to_vec();
            let name = format!("branch {number}");
            let fork = session.fork(&name, any).unwrap();
            let line = (fork, state.clone());
            lines.push(line);
            continue;
        }
        if let Some(any) = any
            && random.one_in(8)
            && store.checkpoint(any).unwrap().layout == StateLayout::Bytes
        {
            *state = session.restore::<Bytes<'_>>(any).unwrap().0.into_owned();
        }
        if random.one_in(4) {
            let value = agent(u32::try_from(number).unwrap());
            session
                .checkpoint(&value)
                .message(format!("{number} \u{e9}"))
                .at(i64::try_from(number).unwrap() * 1000)
                .commit()
                .unwrap();
            continue;
        }
        if !random.one_in(7) {
            edit(random, state);
        }
        let bytes = Bytes::from(state.clone());
        let mut draft = session.checkpoint(&bytes);
        if random.one_in(2) {
            draft = draft.tag("safe").tag(format!("tag {}", random.index(3)));
        }
        if random.one_in(3) {
            draft =
                draft.annotate("why", format!("{number}")).trigger(Trigger::Automatic("a tool call".into()));
        }
        if random.one_in(5) {
            draft = draft.locked().trigger(Trigger::Scheduled).at(-5);
        }
        draft.commit().unwrap();
    }
    if lines.len() > 3 && random.one_in(2) {
        let last = &lines[lines.len() - 1].0;
        drop(last.end_branch(last.branch_name()));
    }
}
