use bevy_ecs::message::Message;
use keepstone_slots::{SaveId, SaveRequest};

/// Asks for a save to a slot. The world is captured at the end of the frame (in the schedule `Last`), and [`SaveStarted`](super::SaveStarted) tells of that.
#[derive(Message, Debug, Clone, Default)]
#[doc(alias = "SaveRequested")]
#[non_exhaustive]
pub struct SaveGame {
    /// The slot.
    pub slot: u8,
    /// What else is said about the save.
    pub request: SaveRequest,
}

impl SaveGame {
    /// A save to this slot.
    pub fn slot(slot: u8) -> Self {
        Self { slot, ..Self::default() }
    }

    /// Names the save.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.request = self.request.name(name);
        self
    }

    /// Says everything else about the save: place, time played, a picture. A name that was given before is forgotten.
    pub fn request(mut self, request: SaveRequest) -> Self {
        self.request = request;
        self
    }
}

/// Asks for a save to the slot of quick saves. To say something about it, make it with `request`.
#[derive(Message, Debug, Clone, Default)]
#[non_exhaustive]
pub struct QuickSave {
    /// What is said about the save.
    pub request: SaveRequest,
}

impl QuickSave {
    /// Says everything about the save: name, place, time played, a picture.
    pub fn request(request: SaveRequest) -> Self {
        Self { request }
    }
}

/// Asks for an automatic save, whether one is due or not, to the slot whose turn it is. To say something about it, make it with `request`.
#[derive(Message, Debug, Clone, Default)]
#[non_exhaustive]
pub struct AutosaveNow {
    /// What is said about the save.
    pub request: SaveRequest,
}

impl AutosaveNow {
    /// Says everything about the save: name, place, time played, a picture.
    pub fn request(request: SaveRequest) -> Self {
        Self { request }
    }
}

/// Asks for a load. It takes place at the end of the frame, after the saves of the same frame and before were waited for.
#[derive(Message, Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadGame {
    /// The latest good save of a slot.
    Slot(u8),
    /// One save, such as a backup chosen from a list. Nothing is loaded in the place of a damaged one.
    Save(SaveId),
}

impl LoadGame {
    /// Loads the latest good save of this slot.
    pub fn slot(slot: u8) -> Self {
        Self::Slot(slot)
    }
}

/// Asks for a load of the latest quick save.
#[derive(Message, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QuickLoad;
