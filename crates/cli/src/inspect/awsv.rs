use std::{collections::BTreeMap, fmt, path::Path};

use keepstone::{
    compat::awsv::{CompanionProfile, Converted, File, PlayerInventory, SaveFields},
    format::{ReadAt, Reader},
};
use serde::Serialize;

use crate::error::Error;
use crate::text::{Grid, Shown, count, date, plural, size};
use crate::verify::awsv::{limits, read};

/// Most bytes of one text that people are shown.
const SHOWN_LEN_MAX: usize = 1000;

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
    #[serde(flatten)]
    bundle: Bundle,
    warnings: Vec<String>,
}

/// What a save holds, whatever the file.
#[derive(Debug, Serialize)]
pub(super) struct Bundle {
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
    ecs_blob_len: Option<u64>,
    companions: Option<Vec<CompanionProfile>>,
    inventory: Option<PlayerInventory>,
    meta: Option<BTreeMap<String, String>>,
}

/// Reads a whole save.
pub(super) fn inspect(path: &Path) -> Result<Save, Error> {
    let bytes = read(path)?;
    let file = File::read(&bytes, &limits(&bytes))
        .map_err(|source| Error::Foreign { path: path.to_owned(), source })?;
    Ok(Save::new(file, bytes.len() as u64))
}

/// Reads a save that was converted, if a container holds one. The bytes of the engine stay where they are.
pub(super) fn of_container<R: ReadAt>(path: &Path, reader: &Reader<R>) -> Result<Option<Bundle>, Error> {
    if !Converted::is_in(reader) {
        return Ok(None);
    }
    let converted =
        Converted::read(reader).map_err(|source| Error::Foreign { path: path.to_owned(), source })?;
    Ok(Some(Bundle::new(converted)))
}

impl Save {
    fn new(file: File, bytes: u64) -> Self {
        let File { header, size_prefix, body_len, bundle, warnings } = file;
        let converted = Converted {
            fields: SaveFields::from(&bundle),
            companions: Some(bundle.companions),
            inventory: Some(bundle.inventory),
            meta: Some(bundle.meta),
            ecs_blob_len: Some(bundle.world.ecs_blob.len() as u64),
        };
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
            bundle: Bundle::new(converted),
            warnings: warnings.iter().map(ToString::to_string).collect(),
        }
    }
}

impl Bundle {
    fn new(converted: Converted) -> Self {
        let Converted { fields, companions, inventory, meta, ecs_blob_len } = converted;
        Self {
            schema: fields.schema,
            id: fields.save_id.map(|id| id.to_string()),
            created_at_ns: fields.created_at,
            created_at: date(fields.created_at),
            created_at_offset_seconds: fields.created_at_offset_seconds,
            player_id: fields.player_id,
            slot: fields.slot,
            tick: fields.tick,
            state_hash: format!("{:016x}", fields.state_hash),
            ecs_blob_len,
            companions,
            inventory,
            meta,
        }
    }

    fn lines(&self, grid: &mut Grid) {
        let mut line = |name: &str, value: String| grid.line([name.to_owned(), value]);
        line("save", self.id.clone().unwrap_or_else(|| "no id in version 1".to_owned()));
        line("created", self.created_at.clone());
        line("player", shown(&self.player_id));
        line("slot", self.slot.to_string());
        line("tick", count(self.tick));
        line("state hash", self.state_hash.clone());
        let lost = || "lost".to_owned();
        line("world", self.ecs_blob_len.map_or_else(lost, |len| format!("{} bytes, opaque", count(len))));
        line("credits", self.inventory.as_ref().map_or_else(lost, |inventory| count(inventory.credits)));
        for (key, value) in self.meta.iter().flatten() {
            line(&shown(key), shown(value));
        }
    }

    fn write_lists(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(found) = self.companions.as_ref().filter(|companions| !companions.is_empty()) {
            writeln!(f, "\n{}", plural(found.len() as u64, "companion"))?;
            write!(f, "{}", companions(found))?;
        }
        if let Some(inventory) = self.inventory.as_ref().filter(|inventory| !inventory.items.is_empty()) {
            writeln!(f, "\n{}", plural(inventory.items.len() as u64, "item"))?;
            write!(f, "{}", items(inventory))?;
        }
        Ok(())
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
        self.bundle.lines(&mut grid);
        write!(f, "{grid}")?;
        self.bundle.write_lists(f)?;
        for warning in &self.warnings {
            writeln!(f, "\nwarning: {}", Shown(warning))?;
        }
        Ok(())
    }
}

impl fmt::Display for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut grid = Grid::new("<<");
        self.lines(&mut grid);
        write!(f, "save of aw-save\n{grid}")?;
        self.write_lists(f)
    }
}

/// A text of a save, for people: the beginning of a long one and how long it is. JSON has all of it.
fn shown(text: &str) -> String {
    let start = text.get(..text.floor_char_boundary(SHOWN_LEN_MAX)).unwrap_or_default();
    if start.len() == text.len() {
        return Shown(text).to_string();
    }
    format!("{}... ({} bytes)", Shown(start), count(text.len() as u64))
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
            shown(&companion.id),
            shown(&companion.name),
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
            item.attrs.iter().map(|(name, value)| format!("{} {value}", shown(name))).collect();
        grid.line([count(item.qty), shown(&item.kind), attrs.join(", ")]);
    }
    grid
}
