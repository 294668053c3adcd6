use std::{
    collections::HashSet,
    fmt::Write as _,
    hash::{DefaultHasher, Hash, Hasher},
};

use keepstone_storage::{Error as StorageError, MemFiles};
use thiserror::Error;

use crate::{Image, SimFiles, Step, TooManyStates, model::Model};

/// A sweep that a crash point takes past this is refused, not cut short.
///
/// A file of eight unsynced sectors has 511 states and each unsynced name at most doubles them.
pub const STATES_MAX: u64 = 1 << 16;

/// What a sweep that found nothing has gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swept {
    /// Moments at which the power was cut: before the first step and after each.
    pub crash_points: usize,
    /// Disk states over all of them, equal ones counted apart.
    pub states: u64,
    /// States checked: distinct by their hash and by the number of acknowledgements.
    pub states_checked: usize,
}

/// Why a sweep did not pass.
#[derive(Debug, Error)]
pub enum Failure {
    /// The check refused a disk state.
    #[error(
        "power cut after step {step}, {acknowledged} acknowledged: {reason}\ndisk:\n{image}steps:\n{history}"
    )]
    Check {
        /// How many steps had been made.
        step: usize,
        /// How many of them were acknowledgements.
        acknowledged: usize,
        /// What the check said.
        reason: String,
        /// The disk it was given.
        image: Image,
        /// The steps, one a line.
        history: String,
    },
    /// A crash point has too many states to go through.
    #[error("after step {step}")]
    TooManyStates {
        /// How many steps had been made.
        step: usize,
        /// The counts.
        source: TooManyStates,
    },
    /// A state could not be mounted.
    #[error("a disk state could not be mounted")]
    Mount {
        /// Why.
        source: StorageError,
    },
}

/// Cuts the power at each step of `run` and gives each disk that could be left to `check`.
///
/// `setup` fills the disk, which is then durable. `run` calls [`SimFiles::acknowledge`] where its
/// caller would be told that a save is durable. `check` gets a fresh mount of the disk, which it may
/// change, and the number of acknowledgements made before the cut; it returns what is wrong.
///
/// # Errors
/// [`Failure::Check`] at the first state that `check` refuses, [`Failure::TooManyStates`] if a crash
/// point has more than [`STATES_MAX`], so that nothing is passed over in silence.
pub fn crash_sweep(
    setup: impl FnOnce(&SimFiles),
    run: impl FnOnce(&SimFiles),
    mut check: impl FnMut(&MemFiles, usize) -> Result<(), String>,
) -> Result<Swept, Failure> {
    let disk = SimFiles::empty();
    setup(&disk);
    let prepared = disk.steps().len();
    run(&disk);
    let steps = disk.steps();
    let (before, during) = steps.split_at(prepared);

    let mut model = Model::default();
    for step in before {
        model.apply(step);
    }
    model.settle();

    let mut seen = HashSet::new();
    let mut states = 0_u64;
    let mut acknowledged = 0;
    for made in 0..=during.len() {
        if let Some(step) = made.checked_sub(1).and_then(|last| during.get(last)) {
            model.apply(step);
            acknowledged += usize::from(*step == Step::Acknowledge);
        }
        let (images, count) =
            model.states(STATES_MAX).map_err(|source| Failure::TooManyStates { step: made, source })?;
        states += count;
        for image in images {
            if !seen.insert(fingerprint(&image, acknowledged)) {
                continue;
            }
            let mounted = image.mount().map_err(|source| Failure::Mount { source })?;
            check(&mounted, acknowledged).map_err(|reason| Failure::Check {
                step: made,
                acknowledged,
                reason,
                image,
                history: history(during),
            })?;
        }
    }
    Ok(Swept { crash_points: during.len() + 1, states, states_checked: seen.len() })
}

/// Two seeded hashes, so that no state is passed over for an accident.
fn fingerprint(image: &Image, acknowledged: usize) -> (u64, u64) {
    let seeded = |seed: u64| {
        let mut hasher = DefaultHasher::new();
        (seed, acknowledged, image).hash(&mut hasher);
        hasher.finish()
    };
    (seeded(1), seeded(2))
}

fn history(steps: &[Step]) -> String {
    let mut text = String::new();
    for (index, step) in steps.iter().enumerate() {
        let line = match step {
            Step::Write { inode, offset, data } => writeln!(
                text,
                "  {}: Write {{ inode: {inode}, offset: {offset}, {} bytes }}",
                index + 1,
                data.len()
            ),
            step => writeln!(text, "  {}: {step:?}", index + 1),
        };
        line.expect("a String takes all text");
    }
    text
}
