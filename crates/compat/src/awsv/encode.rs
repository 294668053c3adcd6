use std::collections::BTreeMap;

use keepstone_format::wire::put_varint;

use crate::awsv::{
    CompanionProfile, Payload, PlayerInventory, SaveBundle, SaveBundleV2, SaveId, WorldState, date,
};
use crate::error::Error;
use crate::reserve::reserve;

/// Room for what is small in nearly every save: all but the bytes of the engine.
const ROOM: usize = 1 << 10;

impl SaveBundle {
    /// Gives the save as a file of version 2, as aw-save writes and reads it: LZ4, with a checksum. Maps are in the
    /// order of their keys, so the same bundle gives the same bytes; aw-save's own differ from one write to the next.
    ///
    /// A bundle of version 1 becomes one of version 2 by this, once it has a [`save_id`](Self::save_id):
    ///
    /// ```
    /// # #[cfg(feature = "lz4")] {
    /// use keepstone_compat::awsv::File;
    /// use keepstone_format::Limits;
    ///
    /// # let bytes = include_bytes!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"),
    /// #     "/tests/fixtures/awsv/v1_with_companion.awsv",
    /// # ));
    /// // `bytes` is the content of an .awsv file.
    /// let limits = Limits::for_file_len(bytes.len() as u64);
    /// let mut save = File::read(bytes, &limits)?.bundle;
    /// save.save_id = Some(save.save_id_or_derived(bytes));
    /// let written = save.to_awsv()?;
    /// assert_eq!(File::read(&written, &limits)?.bundle.player_id, save.player_id);
    /// # }
    /// # Ok::<(), keepstone_compat::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::CantHold`] for a save without an id, an offset of the clock beyond 25:59:59, or a body beyond the
    /// 2113929216 bytes of one LZ4 block; [`Error::CodecNotBuilt`] without the feature `lz4`;
    /// [`Error::OutOfMemory`].
    #[doc(alias = "write_awsv")]
    pub fn to_awsv(&self) -> Result<Vec<u8>, Error> {
        let save_id = self.save_id.ok_or_else(|| Error::CantHold {
            format: "aw-save",
            what: "a save without an id".to_owned(),
            remedy: "set save_id, for a file of version 1 to save_id_or_derived",
        })?;
        let fields = Fields {
            schema: self.schema,
            save_id,
            created_at: (self.created_at, self.created_at_offset_seconds),
            player_id: &self.player_id,
            slot: self.slot,
            world: &self.world,
            companions: &self.companions,
            inventory: &self.inventory,
            meta: &self.meta,
        };
        Payload::encode(2, &fields.to_body()?)
    }
}

impl SaveBundleV2 {
    /// Gives the save as a file of version 2: see [`SaveBundle::to_awsv`].
    ///
    /// # Errors
    ///
    /// As [`SaveBundle::to_awsv`].
    pub fn to_awsv(&self) -> Result<Vec<u8>, Error> {
        Payload::encode(2, &self.to_body()?)
    }

    /// Gives the body of a file of version 2 before it is compressed; [`from_body`](Self::from_body) reads it.
    ///
    /// # Errors
    ///
    /// [`Error::CantHold`] for an offset of the clock beyond 25:59:59, [`Error::OutOfMemory`].
    pub fn to_body(&self) -> Result<Vec<u8>, Error> {
        let fields = Fields {
            schema: self.schema,
            save_id: self.save_id,
            created_at: (self.created_at, self.created_at_offset_seconds),
            player_id: &self.player_id,
            slot: self.slot,
            world: &self.world,
            companions: &self.companions,
            inventory: &self.inventory,
            meta: &self.meta,
        };
        fields.to_body()
    }
}

/// The fields of a file of version 2.
struct Fields<'a> {
    schema: u16,
    save_id: SaveId,
    /// With the offset of the clock in seconds.
    created_at: (i64, i32),
    player_id: &'a str,
    slot: u8,
    world: &'a WorldState,
    companions: &'a [CompanionProfile],
    inventory: &'a PlayerInventory,
    meta: &'a BTreeMap<String, String>,
}

impl Fields<'_> {
    fn to_body(&self) -> Result<Vec<u8>, Error> {
        let mut out = reserve(self.world.ecs_blob.len().saturating_add(ROOM))?;
        put_varint(&mut out, self.schema.into());
        put_bytes(&mut out, &self.save_id.0);
        let (created_at, offset_seconds) = self.created_at;
        date::write(&mut out, created_at, offset_seconds)?;
        put_text(&mut out, self.player_id);
        out.push(self.slot);
        put_varint(&mut out, self.world.tick);
        put_bytes(&mut out, &self.world.ecs_blob);
        put_varint(&mut out, self.world.state_hash);
        put_list(&mut out, self.companions, |out, companion| {
            put_text(out, &companion.id);
            put_text(out, &companion.name);
            out.push(companion.level);
            for texts in [&companion.skills, &companion.facts, &companion.episodes_summarized] {
                put_list(out, texts, |out, text| put_text(out, text));
            }
        });
        put_varint(&mut out, self.inventory.credits);
        put_list(&mut out, &self.inventory.items, |out, item| {
            put_text(out, &item.kind);
            put_varint(out, item.qty.into());
            put_map(out, &item.attrs, |out, value| {
                put_varint(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
            });
        });
        put_map(&mut out, self.meta, |out, value| put_text(out, value));
        Ok(out)
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_bytes(out, text.as_bytes());
}

fn put_list<T>(out: &mut Vec<u8>, list: &[T], mut put: impl FnMut(&mut Vec<u8>, &T)) {
    put_varint(out, list.len() as u64);
    for element in list {
        put(out, element);
    }
}

fn put_map<V>(out: &mut Vec<u8>, map: &BTreeMap<String, V>, mut put: impl FnMut(&mut Vec<u8>, &V)) {
    put_varint(out, map.len() as u64);
    for (key, value) in map {
        put_text(out, key);
        put(out, value);
    }
}
