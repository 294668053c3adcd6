//! What the backend does by itself.

mod lists;
mod names;
mod puts;
mod ranges;
mod threads;

use crate::check::Check;

/// The parts of the group.
const PARTS: [&[Check]; 5] = [puts::CHECKS, ranges::CHECKS, lists::CHECKS, names::CHECKS, threads::CHECKS];
const COUNT: usize = {
    let [a, b, c, d, e] = PARTS;
    a.len() + b.len() + c.len() + d.len() + e.len()
};

/// All of them, one after the other.
#[expect(clippy::indexing_slicing, reason = "the compiler does it, and fails where it does not fit")]
pub(crate) const CHECKS: &[Check] = &{
    let mut all = [PARTS[0][0]; COUNT];
    let (mut part, mut at, mut next) = (0, 0, 0);
    while part < PARTS.len() {
        while at < PARTS[part].len() {
            all[next] = PARTS[part][at];
            (at, next) = (at + 1, next + 1);
        }
        (part, at) = (part + 1, 0);
    }
    all
};
