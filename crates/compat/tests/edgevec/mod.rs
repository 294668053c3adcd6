mod damage;
mod files;
mod hostile;
mod listing;
mod oddities;
mod wire;
