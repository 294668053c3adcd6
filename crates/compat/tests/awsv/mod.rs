mod container;
mod converted;
#[cfg(feature = "lz4")]
mod damage;
mod files;
mod hostile;
mod identity;
mod index;
mod listing;
mod names;
mod root;
mod round_trip;
mod wire;
#[cfg(feature = "lz4")]
mod written;
