//! What the head of a save says.

use keepstone_format::{Metadata, tag};

use super::Identity;
use crate::{
    entry::{Mod, SaveEntry},
    kind::SaveKind,
    manager::{Shared, folder::Folder},
    request::SaveRequest,
    stem::Stem,
};

/// How many earlier saves a save names.
const ANCESTORS_MAX: usize = 32;

impl Shared {
    /// What a list will show.
    pub(super) fn head(
        &self,
        folder: &Folder,
        stem: &Stem,
        kind: SaveKind,
        request: &SaveRequest,
        latest: Option<&SaveEntry>,
        identity: &Identity<'_>,
    ) -> Metadata {
        let mut head = identity.origin().map(|origin| origin.head.clone()).unwrap_or_default();
        stem.to_head(&mut head);
        head.set(tag::PLAYER, folder.player.as_str().as_bytes()).set(tag::SAVE_KIND, &[kind.number()]);
        if identity.follows() {
            let shorts = latest
                .into_iter()
                .flat_map(|latest| std::iter::once(latest.id().short()).chain(latest.ancestors()));
            let ancestors: Vec<[u8; 8]> = shorts.take(ANCESTORS_MAX).collect();
            head.remove(tag::ANCESTORS);
            if !ancestors.is_empty() {
                head.set(tag::ANCESTORS, ancestors.as_flattened());
            }
        }
        let schema = match identity {
            Identity::New => self.options.schema_of(stem.slot),
            Identity::Revision(_, schema) => Some(*schema),
            // A copied payload is of the type and version that it was.
            Identity::Copy(_) | Identity::Same(_) => None,
        };
        if let Some(schema) = schema {
            head.set(tag::PAYLOAD_TYPE, schema.name.as_bytes());
            head.set(tag::PAYLOAD_VERSION, &schema.version.to_le_bytes());
        }
        if let (Identity::New, Some((name, version))) = (identity, &self.options.application) {
            head.set_application(name).set_application_version(version);
        }
        if let Identity::Revision(..) = identity {
            // That of the old state.
            head.remove(tag::STATE_HASH);
        }
        let name = match identity {
            Identity::New => latest.and_then(|latest| latest.name().map(str::to_owned)),
            Identity::Copy(of) => of.name.clone(),
            Identity::Same(_) | Identity::Revision(..) => None,
        };
        if let Some(name) = request.name.clone().or(name) {
            head.set_name(&name);
        }
        let now = if let Identity::New = identity { self.options.now() } else { None };
        if let Some(created_at) = request.created_at.or(now) {
            head.set_created_at(created_at);
        }
        request.to_head(&mut head);
        head
    }
}

impl SaveRequest {
    /// What of a request stands in the head of a save.
    fn to_head(&self, head: &mut Metadata) {
        if let Some(tick) = self.tick {
            head.set_tick(tick);
        }
        if let Some(play_time) = self.play_time {
            let nanoseconds = u64::try_from(play_time.as_nanos()).unwrap_or(u64::MAX);
            head.set(tag::PLAY_TIME, &nanoseconds.to_le_bytes());
        }
        if let Some(place) = &self.place {
            head.set(tag::PLACE, place.as_bytes());
        }
        if let Some(version) = &self.game_version {
            head.set_application_version(version);
        }
        if !self.mods.is_empty() {
            head.set(tag::MODS, &Mod::encode_all(&self.mods));
        }
        for (key, value) in &self.custom {
            head.set_custom(key, value);
        }
        if let Some(hash) = self.state_hash {
            head.set(tag::STATE_HASH, &hash.to_le_bytes());
        }
        if let Some(thumbnail) = &self.thumbnail {
            let len = u32::try_from(thumbnail.len()).unwrap_or(u32::MAX);
            head.set(tag::THUMBNAIL_LEN, &len.to_le_bytes());
        }
    }
}
