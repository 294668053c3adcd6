use keepstone_format::{Metadata, tag};

use super::history::{ANCESTORS_MAX, Version};
use crate::{id::SaveId, stem::Stem};

/// The id of what a fork becomes in another slot: the same on all machines, so that what two of them move at the same time is one save.
pub(super) fn moved_id(of: SaveId) -> SaveId {
    joined(&[of], 0x6b65_6570_7374_6f6e_6520_6d6f_7665_6421)
}

/// Whether a save in another slot is `id`, or what became of it when it was moved there. What else it says that it follows, it follows in its own slot.
pub(super) fn keeps(version: &Version, id: SaveId) -> bool {
    let moved = moved_id(id);
    version.id() == moved || version.follows(moved)
}

/// The id of what takes the place of several forks: the same on all machines that prefer the first.
pub(super) fn merged_id(of: &[SaveId]) -> SaveId {
    joined(of, 0x6b65_6570_7374_6f6e_6520_6d65_7267_6564)
}

fn joined(ids: &[SaveId], seed: u128) -> SaveId {
    // Odd factors and rotations lose nothing of a random id.
    let mix = |sum: u128, id: &SaveId| {
        (sum.rotate_left(41) ^ u128::from_le_bytes(*id.as_bytes()))
            .wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645)
    };
    SaveId::uuid(ids.iter().fold(seed, mix).rotate_left(64).to_le_bytes())
}

/// The head of a save made of another: with its own id and slot, and the saves whose place it takes.
pub(super) fn derived_head(of: &Metadata, id: SaveId, slot: Option<u8>, ancestors: &[[u8; 8]]) -> Metadata {
    let mut head = of.clone();
    // Its sequence is given when it is taken in.
    Stem { slot, sequence: 1, revision: 0, id }.to_head(&mut head);
    set_ancestors(&mut head, ancestors);
    head
}

/// Names the saves that a save follows, the newest first.
pub(super) fn set_ancestors(head: &mut Metadata, ancestors: &[[u8; 8]]) {
    let kept = ancestors.get(..ANCESTORS_MAX).unwrap_or(ancestors);
    match kept {
        [] => head.remove(tag::ANCESTORS),
        kept => head.set(tag::ANCESTORS, kept.as_flattened()),
    };
}

/// Ancestors of a save, with those named that it doesn't remember: they take the places of the oldest.
pub(super) fn extended(ancestors: &[[u8; 8]], with: &[[u8; 8]]) -> Vec<[u8; 8]> {
    let mut added: Vec<[u8; 8]> = Vec::new();
    for short in with {
        if !ancestors.contains(short) && !added.contains(short) && added.len() < ANCESTORS_MAX {
            added.push(*short);
        }
    }
    ancestors.iter().take(ANCESTORS_MAX - added.len()).chain(&added).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_are_made_are_the_same_everywhere_and_differ_from_all_others() {
        let of: Vec<SaveId> = (1..100_u8).map(|byte| SaveId::from_bytes([byte; 16]).unwrap()).collect();
        let mut made: Vec<SaveId> =
            of.iter().flat_map(|id| [*id, moved_id(*id), moved_id(moved_id(*id))]).collect();
        made.extend(of.windows(2).flat_map(|pair| {
            let [one, two] = [pair[0], pair[1]];
            [merged_id(&[one, two]), merged_id(&[two, one]), merged_id(&[one])]
        }));
        let count = made.len();
        made.sort_unstable();
        made.dedup();
        assert_eq!(made.len(), count);
        // What other machines of other versions make too.
        assert_eq!(moved_id(of[0]).to_string(), "4a9d0424edbd844583dd1b5602266a73");
    }

    #[test]
    fn what_a_save_does_not_remember_takes_the_places_of_its_oldest_ancestors() {
        let short = |number: u8| [number; 8];
        let few: Vec<[u8; 8]> = (0..3).map(short).collect();
        assert_eq!(extended(&few, &[short(1), short(9), short(9)]), [short(0), short(1), short(2), short(9)]);
        let full: Vec<[u8; 8]> = (0..32).map(short).collect();
        let with = extended(&full, &[short(40), short(41)]);
        assert_eq!(with.len(), ANCESTORS_MAX);
        assert_eq!(with[..30], full[..30]);
        assert_eq!(with[30..], [short(40), short(41)]);
        let many: Vec<[u8; 8]> = (100..200).map(short).collect();
        assert_eq!(extended(&full, &many).len(), ANCESTORS_MAX);
    }
}
