use std::{collections::BTreeMap, path::Path};

use keepstone::{
    format::Kind,
    storage::{self, OsFiles, generation},
};

use super::{Damage, Verified, keep};
use crate::error::Error;
use crate::generations::{self, Found};
use crate::text::plural;

/// How often a directory is listed again in which a writer is at work.
const TRIES_MAX: usize = 64;

/// What was found of one generation.
enum Outcome {
    Checked(Box<Verified>),
    /// Its container is none.
    Damaged(Damage),
    /// A writer has taken its file for a later one.
    Gone,
}

/// Checks every byte of every generation.
pub(super) fn verify(path: &Path, mut found: Found) -> Result<Verified, Error> {
    let mut outcomes: BTreeMap<u64, Outcome> = BTreeMap::new();
    for _ in 0..TRIES_MAX {
        let mut is_current = true;
        for one in &found.generations {
            if !matches!(outcomes.get(&one.generation), None | Some(Outcome::Gone)) {
                continue;
            }
            let outcome = check(path, &found, one)?;
            is_current &= !matches!(outcome, Outcome::Gone);
            outcomes.insert(one.generation, outcome);
        }
        if is_current {
            break;
        }
        match generations::find(path)? {
            Some(again) => found = again,
            None => break,
        }
    }
    outcomes.retain(|_, outcome| !matches!(outcome, Outcome::Gone));
    if outcomes.is_empty() && found.refused.is_empty() {
        // Either there was none, or none stayed long enough.
        let path = path.to_owned();
        let error = if found.generations.is_empty() {
            storage::Error::NoGeneration { path }
        } else {
            storage::Error::Superseded { path }
        };
        return Err(error.into());
    }
    let mut verified = Verified::new(path, "generations", 0);
    verified.kind = plural(outcomes.len() as u64, "recycled generation");
    for error in found.refused {
        match error.kind() {
            Kind::Damaged => verified.damage.push(Damage::of_generation(&error)),
            _ => return Err(error.into()),
        }
    }
    // Of which one is the newest, the pages have to agree.
    if !found.alone
        && let Err(error @ storage::Error::Twice { .. }) = generation::open_newest(&OsFiles, path)
    {
        verified.damage.push(Damage::of_generation(&error));
    }
    gather(&mut verified, outcomes, found.alone);
    Ok(verified)
}

fn check(path: &Path, found: &Found, one: &generation::Found) -> Result<Outcome, Error> {
    let reader = match found.open(one) {
        Ok(reader) => reader,
        Err(error) if is_gone(&error) => return Ok(Outcome::Gone),
        Err(error) if error.kind() == Kind::Damaged => {
            return Ok(Outcome::Damaged(Damage::of_one_generation(one.generation, &error)));
        }
        Err(error) => return Err(error.into()),
    };
    let mut own = Verified::new(path, "keep", one.bytes);
    let checked = keep::check(path, &reader, &mut own);
    // A writer that is faster than this, where there are no locks, is no damage.
    if checked.is_err() || !own.damage.is_empty() {
        match reader.source().still() {
            Err(error) if is_gone(&error) => return Ok(Outcome::Gone),
            still => still?,
        }
    }
    checked?;
    Ok(Outcome::Checked(Box::new(own)))
}

fn is_gone(error: &storage::Error) -> bool {
    matches!(error, storage::Error::NoGeneration { .. } | storage::Error::Superseded { .. })
        || error.kind() == Kind::NotFound
}

/// Adds up what was found of each, from the newest on.
fn gather(verified: &mut Verified, outcomes: BTreeMap<u64, Outcome>, alone: bool) {
    let mut newest_is_good = None;
    for (generation, outcome) in outcomes.into_iter().rev() {
        let damage: Vec<Damage> = match outcome {
            Outcome::Gone => continue,
            Outcome::Damaged(damage) => vec![damage],
            Outcome::Checked(own) => {
                verified.bytes += own.bytes;
                verified.sections += own.sections;
                verified.chunks += own.chunks;
                verified.undecoded += own.undecoded;
                verified.warnings.extend(own.warnings);
                let of = |damage: Damage| damage.within(&format!("generation {generation}"));
                own.damage.into_iter().map(of).collect()
            }
        };
        if damage.is_empty() {
            newest_is_good.get_or_insert(true);
        } else if *newest_is_good.get_or_insert(false) && !alone {
            verified.warnings.push(format!(
                "generation {generation} is damaged in {}, and a newer one is whole: it may have been written over when the power went, and the next saves write over it in any case",
                plural(damage.len() as u64, "place")
            ));
            verified.older_damage.extend(damage);
        } else {
            verified.damage.extend(damage);
        }
    }
}
