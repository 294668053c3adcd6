mod container;
mod converted;
#[cfg(feature = "lz4")]
mod damage;
mod files;
mod hostile;
mod listing;
mod round_trip;
mod wire;
