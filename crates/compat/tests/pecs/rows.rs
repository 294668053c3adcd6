//! Worlds with their component data in files of PECS.

mod damage;
mod golden;
mod kept;
mod made;
mod random;
mod refused;
