use std::{collections::BTreeMap, fmt, path::Path};

use keepstone::compat::awsv::{CompanionProfile, File, PlayerInventory, SaveBundle};
use serde::Serialize;

use crate::error::Error;
use crate::text::{Grid, Shown, count, date, plural, size};
use crate::verify::awsv::{limits, read};

/// What an aw-save file holds.
#[derive(Debug, Serialize)]
pub(super) struct Save {
    bytes: u64,
    kind: &'static str,
    version: u16,
    codec: Option<&'static str>,
    codec_id: u8,
    data_len: u32,
    crc32: String,
    size_prefix: Option<u32>,
    body_len: u64,
    schema: u16,
    #[serde(rename = "save_id")]
    id: Option<String>,
    created_at_ns: i64,
    created_at: String,
    created_at_offset_seconds: i32,
    player_id: String,
    slot: u8,
    tick: u64,
    state_hash: String,
    ecs_blob_len: u64,
    companions: Vec<CompanionProfile>,
    inventory: PlayerInventory,
    meta: BTreeMap<String, String>,
    warnings: Vec<String>,
}

/// Reads a whole save.
pub(super) fn inspect(path: &Path) -> Result<Save, Error> {
    let bytes = read(path)?;
    let file = File::read(&bytes, &limits(&bytes))
        .map_err(|source| Error::AwSave { path: path.to_owned(), source })?;
    Ok(Save::new(file, bytes.len() as u64))
}

impl Save {
    fn new(file: File, bytes: u64) -> Self {
        let File { header, size_prefix, body_len, bundle, warnings } = file;
        let SaveBundle { schema, save_id, created_at, world, companions, inventory, meta, .. } = bundle;
        Self {
            bytes,
            kind: "save",
            version: header.version,
            codec: header.codec_name(),
            codec_id: header.codec,
            data_len: header.data_len,
            crc32: format!("{:08x}", header.crc32),
            size_prefix,
            body_len,
            schema,
            id: save_id.map(|id| id.to_string()),
            created_at_ns: created_at,
            created_at: date(created_at),
            created_at_offset_seconds: bundle.created_at_offset_seconds,
            player_id: bundle.player_id,
            slot: bundle.slot,
            tick: world.tick,
            state_hash: format!("{:016x}", world.state_hash),
            ecs_blob_len: world.ecs_blob.len() as u64,
            companions,
            inventory,
            meta,
            warnings: warnings.iter().map(ToString::to_string).collect(),
        }
    }
}

impl fmt::Display for Save {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut grid = Grid::new("<<");
        let mut line = |name: &str, value: String| grid.line([name.to_owned(), value]);
        let codec = self.codec.unwrap_or("unknown");
        line("kind", format!("save of aw-save, version {}, codec {codec}", self.version));
        let sizes = (size(self.bytes), count(self.bytes), size(self.body_len));
        line("size", format!("{} ({} bytes), {} decoded", sizes.0, sizes.1, sizes.2));
        line("checksum", format!("{} (CRC-32)", self.crc32));
        line("save", self.id.clone().unwrap_or_else(|| "no id in version 1".to_owned()));
        line("created", self.created_at.clone());
        line("player", Shown(&self.player_id).to_string());
        line("slot", self.slot.to_string());
        line("tick", count(self.tick));
        line("state hash", self.state_hash.clone());
        line("world", format!("{} bytes, opaque", count(self.ecs_blob_len)));
        line("credits", count(self.inventory.credits));
        for (key, value) in &self.meta {
            line(&Shown(key).to_string(), Shown(value).to_string());
        }
        write!(f, "{grid}")?;
        if !self.companions.is_empty() {
            writeln!(f, "\n{}", plural(self.companions.len() as u64, "companion"))?;
            write!(f, "{}", companions(&self.companions))?;
        }
        if !self.inventory.items.is_empty() {
            writeln!(f, "\n{}", plural(self.inventory.items.len() as u64, "item"))?;
            write!(f, "{}", items(&self.inventory))?;
        }
        for warning in &self.warnings {
            writeln!(f, "\nwarning: {}", Shown(warning))?;
        }
        Ok(())
    }
}

fn companions(companions: &[CompanionProfile]) -> Grid {
    let mut grid = Grid::new("<<<<");
    for companion in companions {
        let parts = [
            plural(companion.skills.len() as u64, "skill"),
            plural(companion.facts.len() as u64, "fact"),
            plural(companion.episodes_summarized.len() as u64, "episode"),
        ];
        grid.line([
            Shown(&companion.id).to_string(),
            Shown(&companion.name).to_string(),
            format!("level {}", companion.level),
            parts.join(", "),
        ]);
    }
    grid
}

fn items(inventory: &PlayerInventory) -> Grid {
    let mut grid = Grid::new("><<");
    for item in &inventory.items {
        let attrs: Vec<String> =
            item.attrs.iter().map(|(name, value)| format!("{} {value}", Shown(name))).collect();
        grid.line([count(item.qty), Shown(&item.kind).to_string(), attrs.join(", ")]);
    }
    grid
}
