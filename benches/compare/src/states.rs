//! One value that is written over and over, durable each time: recycled generations beside databases.

use std::{path::Path, rc::Rc};

use anyhow::Result;
use keepstone::{
    Codec,
    format::{FileKind, Metadata, SectionId, WriterOptions},
    storage::{GenerationOptions, Generations},
};
use keepstone_benches::{Case, Plan, Scratch, mixed::SplitMix};

use crate::databases::Kind;

const STATE_LEN: usize = 1_000_000;

/// The case.
pub fn plans() -> Vec<Plan> {
    vec![Plan::new("generation commit, beside databases", "1 MB", 1_000_000, case)]
}

fn case(plan: &Plan, dir: &Path) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "generation-rivals")?);
    let mut ours = ours(&scratch.path().join("ours"))?;
    let mut states = States::new();
    let mut case = plan.case();
    for kind in Kind::ALL {
        let mut database = kind.open(&scratch.path().join(kind.name()))?;
        let mut same = States::new();
        case =
            case.rival(kind.name(), move |watch| watch.together(|| database.put(1, same.next_state(), None)));
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
        &self.bytes[self.at..self.at + STATE_LEN]
    }
}
