//! Saves of a game as a plugin of its app.

mod clock;
mod condition;
mod event;
mod message;
mod order;
mod plugin;
mod saves;
mod serve;
mod settings;

pub use self::{
    condition::{has_save, idle, saving},
    event::{
        LoadFailed, LoadFinished, SaveFailed, SaveFinished, SaveRecovered, SaveStarted, SavesUnavailable,
    },
    message::{AutosaveNow, LoadGame, QuickLoad, QuickSave, SaveGame},
    plugin::{KeepstonePlugin, KeepstoneSystems},
    saves::Saves,
    serve::wait_for_saves,
};
