use crate::pecs::Id;

/// What stands before a name when it is hashed, so that no other hash of it is the same.
const PREFIX: &str = "keepstone.pecs.type:";

/// The type id that keepstone gives to a component of this name: BLAKE3-128 of `keepstone.pecs.type:` and the name, as a
/// little-endian number. It is the same in every build.
///
/// ```
/// use keepstone_compat::pecs::type_id;
///
/// assert_eq!(type_id("game.pos").to_string(), "879ea912f0c3a6ae942342a71b05839f");
/// ```
pub fn type_id(name: &str) -> Id {
    let mut hasher = blake3::Hasher::new();
    hasher.update(PREFIX.as_bytes()).update(name.as_bytes());
    first_half(hasher.finalize())
}

/// The first 16 bytes of a hash as a number.
pub(super) fn first_half(hash: blake3::Hash) -> Id {
    let half = hash.as_bytes().first_chunk().expect("a BLAKE3 hash has 32 bytes");
    Id(u128::from_le_bytes(*half))
}
