use bevy_ecs::system::Res;

use super::saves::Saves;

/// A run condition: whether a save was asked for and is not done yet. A game shows a sign meanwhile.
pub fn saving(saves: Option<Res<'_, Saves>>) -> bool {
    saves.is_some_and(|saves| saves.is_saving())
}

/// A run condition: whether no save is on its way.
pub fn idle(saves: Option<Res<'_, Saves>>) -> bool {
    !saving(saves)
}

/// A run condition: whether the player has a save in a slot that isn't known to be damaged. It looks at the directory, so it is for menus and not for
/// each frame of a game.
///
/// ```
/// use bevy_app::{App, Update};
/// use bevy_ecs::prelude::*;
/// use keepstone_bevy::has_save;
///
/// fn offer_to_continue() {}
///
/// App::new().add_systems(Update, offer_to_continue.run_if(has_save(0)));
/// ```
pub fn has_save(slot: u8) -> impl Fn(Option<Res<'_, Saves>>) -> bool + Clone {
    move |saves: Option<Res<'_, Saves>>| saves.is_some_and(|saves| saves.has_save(slot))
}
