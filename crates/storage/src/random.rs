use std::hash::{BuildHasher, RandomState};

/// Draws a number that no other log, save or root has, from the keys that the standard library draws for its hash maps.
///
/// It is for telling things apart, and no secret.
pub fn random_id() -> [u8; 16] {
    let half = || RandomState::new().hash_one(std::process::id()).to_le_bytes();
    let mut id = [0; 16];
    id.as_chunks_mut::<8>().0.iter_mut().for_each(|chunk| *chunk = half());
    id
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_differ_in_both_halves_and_across_threads() {
        let drawn = || (0..1000).map(|_| random_id()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(drawn)).collect();
        let ids: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().expect("it draws")).collect();
        let halves: HashSet<&[u8]> = ids.iter().flat_map(|id| id.chunks(8)).collect();
        assert_eq!(halves.len(), 2 * ids.len());
    }
}
