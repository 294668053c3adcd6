//! One value that is written over and over, durable each time: recycled generations beside databases.

use std::{path::Path, rc::Rc};

use anyhow::{Result, ensure};
use keepstone::{
    Codec,
    format::{FileKind, Limits, Metadata, SectionId, WriterOptions},
    storage::{
        GenerationOptions, Generations, OsFiles,
        generation::{Check, load},
    },
};
use keepstone_benches::{Case, Plan, Scratch, mixed::SplitMix};

use crate::databases::Kind;

const STATE_LEN: usize = 1_000_000;

/// The case.
pub(crate) fn plans() -> Vec<Plan> {
    vec![Plan::new("generation commit, beside databases", "1 MB", 1_000_000, case)]
}

fn case(plan: &Plan, dir: &Path) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "generation-rivals")?);
    let (dir, mut states) = (scratch.path().join("ours"), States::new());
    let mut ours = ours(&dir)?;
    ours(states.next_state())?;
    ensure!(newest(&dir)? == states.same_state(), "we give back another state");
    let mut case = plan.case();
    for kind in Kind::ALL {
        let mut database = kind.open(&scratch.path().join(kind.name()))?;
        let mut same = States::new();
        database.put(1, same.next_state(), None)?;
        ensure!(database.last()?.1 == same.same_state(), "{} gives back another state", kind.name());
        case =
            case.rival(kind.told(), move |watch| watch.together(|| database.put(1, same.next_state(), None)));
    }
    Ok(case.ours(move |watch| {
        // The directory is there as long as the case.
        let _ = scratch.path();
        watch.together(|| ours(states.next_state()))
    }))
}

/// One section without a codec, with its checksums, made and committed.
fn ours(dir: &Path) -> Result<impl FnMut(&[u8]) -> Result<()> + use<>> {
    let mut generations = Generations::open(dir, GenerationOptions::default())?;
    Ok(move |state: &[u8]| {
        let mut draft = generations.begin()?;
        let mut writer = draft.container(WriterOptions::new(FileKind::SAVE).codec(Codec::None))?;
        writer.coded_from(SectionId::BYTES, 0, &[state])?;
        let (_, written) = writer.finish(Metadata::new())?;
        draft.commit(written)?;
        Ok(())
    })
}

fn newest(dir: &Path) -> Result<Vec<u8>> {
    let reader = load(&OsFiles, dir, Limits::default(), Check::Opens)?.reader;
    Ok(reader.read(reader.find(SectionId::BYTES, 0)?)?.into_owned())
}

/// States of one length that nothing can make smaller; each differs from the one before.
struct States {
    bytes: Vec<u8>,
    at: usize,
}

impl States {
    fn new() -> Self {
        let mut random = SplitMix::new(1);
        let bytes = (0..2 * STATE_LEN / 8).flat_map(|_| random.next_u64().to_le_bytes()).collect();
        Self { bytes, at: 0 }
    }

    fn next_state(&mut self) -> &[u8] {
        self.at = (self.at + 4099) % STATE_LEN;
        self.same_state()
    }

    fn same_state(&self) -> &[u8] {
        self.bytes.get(self.at..self.at + STATE_LEN).unwrap_or_default()
    }
}
