mod damage;
mod files;
mod hostile;
mod listing;
mod oddities;
mod round_trip;
mod wire;
mod world;
