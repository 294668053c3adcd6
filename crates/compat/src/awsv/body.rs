use keepstone_format::Limits;

use crate::awsv::cursor::Cursor;
use crate::awsv::{
    CompanionProfile, ItemStack, PlayerInventory, SaveBundleV1, SaveBundleV2, SaveId, Warning, WorldState,
    date,
};
use crate::error::Error;
use crate::reserve::reserve;

/// Two empty strings, a byte and three empty lists.
const COMPANION_LEN_MIN: u64 = 6;
/// An empty string, a one-byte number and an empty map.
const ITEM_LEN_MIN: u64 = 3;

impl SaveBundleV2 {
    /// Reads the decoded body of a file of version 2, and what was odd about it.
    ///
    /// # Errors
    ///
    /// [`Error::Body`], [`Error::Count`] or [`Error::Value`] name the field that cannot be read;
    /// [`Error::Limit`] says that there are more elements than `limits` allow, and
    /// [`Error::OutOfMemory`] that they allow more than the machine has.
    pub fn from_body(body: &[u8], limits: &Limits) -> Result<(Self, Vec<Warning>), Error> {
        let mut cursor = Cursor::new(body, limits);
        let schema = cursor.value("schema")?;
        if schema != 2 {
            cursor.warn(Warning::Schema { found: schema, version: 2 });
        }
        let save_id = save_id(&mut cursor)?;
        let (created_at, created_at_offset_seconds) = created_at(&mut cursor)?;
        let bundle = Self {
            schema,
            save_id,
            created_at,
            created_at_offset_seconds,
            player_id: cursor.value("player_id")?,
            slot: cursor.value("slot")?,
            world: world(&mut cursor)?,
            companions: cursor.list("companions", COMPANION_LEN_MIN, companion)?,
            inventory: inventory(&mut cursor)?,
            meta: cursor.map("meta")?,
        };
        Ok((bundle, cursor.finish()))
    }
}

impl SaveBundleV1 {
    /// Reads the decoded body of a file of version 1, and what was odd about it.
    ///
    /// # Errors
    ///
    /// As [`SaveBundleV2::from_body`].
    pub fn from_body(body: &[u8], limits: &Limits) -> Result<(Self, Vec<Warning>), Error> {
        let mut cursor = Cursor::new(body, limits);
        let player_id = cursor.value("player_id")?;
        let slot = cursor.value("slot")?;
        let (created_at, created_at_offset_seconds) = created_at(&mut cursor)?;
        let bundle = Self {
            player_id,
            slot,
            created_at,
            created_at_offset_seconds,
            world: world(&mut cursor)?,
            inventory: inventory(&mut cursor)?,
            companion: optional_companion(&mut cursor)?,
            meta: cursor.map("meta")?,
        };
        Ok((bundle, cursor.finish()))
    }
}

/// The `uuid` crate writes a byte string: its length, always 16, stands before the bytes.
fn save_id(cursor: &mut Cursor<'_>) -> Result<SaveId, Error> {
    let offset = cursor.offset();
    let bytes: &[u8] = cursor.value("save_id")?;
    <[u8; 16]>::try_from(bytes).map(SaveId).map_err(|_| Error::Value {
        field: "save_id length".to_owned(),
        offset,
        found: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
        expected: "16",
    })
}

fn created_at(cursor: &mut Cursor<'_>) -> Result<(i64, i32), Error> {
    let moment = date::read(cursor).map_err(|e| e.within("created_at"))?;
    let nanos = i64::try_from(moment.unix_nanos).unwrap_or_else(|_| {
        cursor.warn(Warning::CreatedAtOutOfRange { year: moment.year });
        if moment.unix_nanos < 0 { i64::MIN } else { i64::MAX }
    });
    Ok((nanos, moment.offset_seconds))
}

fn world(cursor: &mut Cursor<'_>) -> Result<WorldState, Error> {
    Ok(WorldState {
        tick: cursor.value("world.tick")?,
        ecs_blob: {
            let bytes: &[u8] = cursor.value("world.ecs_blob")?;
            let mut blob = reserve(bytes.len())?;
            blob.extend_from_slice(bytes);
            blob
        },
        state_hash: cursor.value("world.state_hash")?,
    })
}

fn inventory(cursor: &mut Cursor<'_>) -> Result<PlayerInventory, Error> {
    Ok(PlayerInventory {
        credits: cursor.value("inventory.credits")?,
        items: cursor.list("inventory.items", ITEM_LEN_MIN, |cursor| {
            Ok(ItemStack {
                kind: cursor.value("kind")?,
                qty: cursor.value("qty")?,
                attrs: cursor.map("attrs")?,
            })
        })?,
    })
}

fn companion(cursor: &mut Cursor<'_>) -> Result<CompanionProfile, Error> {
    Ok(CompanionProfile {
        id: cursor.value("id")?,
        name: cursor.value("name")?,
        level: cursor.value("level")?,
        skills: cursor.strings("skills")?,
        facts: cursor.strings("facts")?,
        episodes_summarized: cursor.strings("episodes_summarized")?,
    })
}

fn optional_companion(cursor: &mut Cursor<'_>) -> Result<Option<CompanionProfile>, Error> {
    let offset = cursor.offset();
    match cursor.value::<u8>("companion")? {
        0 => Ok(None),
        1 => companion(cursor).map(Some).map_err(|e| e.within("companion")),
        tag => Err(Error::Value {
            field: "companion".to_owned(),
            offset,
            found: i64::from(tag),
            expected: "0 or 1",
        }),
    }
}
