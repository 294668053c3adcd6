mod damage;
mod evec;
mod files;
mod hostile;
mod listing;
mod oddities;
mod snapshot;
mod wire;
