//! A save of aw-save in a container: FORMAT.md, section 9.1.

use std::{collections::BTreeMap, io::Write};

use keepstone::{
    compat::awsv::{CompanionProfile, PlayerInventory, SaveBundle, SaveId},
    format::{
        self, Codec, FileKind, Kind, Metadata, ReadAt, Reader, Section, SectionId, Writer, WriterOptions,
        wire::{Input, put_varint},
    },
    value::{self, Decoder, Options, Shape},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The bytes of the engine, as they are.
const WORLD: SectionId = SectionId(0x0060);
/// What the bundle says about itself.
pub(crate) const SAVE: SectionId = SectionId(0x0061);
/// The companions.
const COMPANIONS: SectionId = SectionId(0x0062);
/// The inventory.
const INVENTORY: SectionId = SectionId(0x0063);
/// The free-form metadata.
const META: SectionId = SectionId(0x0064);

/// The origin in the head metadata.
const ORIGIN: &str = "awsv";
/// Longest player that the head metadata repeats.
const PLAYER_LEN_MAX: usize = 255;

/// The fields of a bundle that have no section of their own.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Save {
    pub(crate) version: u16,
    pub(crate) schema: u16,
    #[serde(rename = "save_id")]
    pub(crate) id: Option<SaveId>,
    pub(crate) created_at: i64,
    pub(crate) created_at_offset_seconds: i32,
    pub(crate) player_id: String,
    pub(crate) slot: u8,
    pub(crate) tick: u64,
    pub(crate) state_hash: u64,
}

impl Save {
    pub(crate) fn new(bundle: &SaveBundle) -> Self {
        Self {
            version: bundle.version,
            schema: bundle.schema,
            id: bundle.save_id,
            created_at: bundle.created_at,
            created_at_offset_seconds: bundle.created_at_offset_seconds,
            player_id: bundle.player_id.clone(),
            slot: bundle.slot,
            tick: bundle.world.tick,
            state_hash: bundle.world.state_hash,
        }
    }
}

/// What a container has of a save; what was lost in a repair is none.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) save: Save,
    pub(crate) companions: Option<Vec<CompanionProfile>>,
    pub(crate) inventory: Option<PlayerInventory>,
    pub(crate) meta: Option<BTreeMap<String, String>>,
    /// How many bytes the engine gave.
    pub(crate) world_len: Option<u64>,
}

impl Contents {
    /// The sections that are not there.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let parts = [
            (COMPANIONS, self.companions.is_none()),
            (INVENTORY, self.inventory.is_none()),
            (META, self.meta.is_none()),
            (WORLD, self.world_len.is_none()),
        ];
        parts
            .into_iter()
            .filter(|(_, is_missing)| *is_missing)
            .filter_map(|(id, _)| section_name(id))
            .collect()
    }
}

/// Most bytes of the parts in a smaller file: what is made of them takes several times as much.
const PARTS_MAX: u64 = 16 << 20;

/// A save as head metadata and sections.
#[derive(Debug)]
pub(crate) struct Parts<'b> {
    head: Metadata,
    sections: [(SectionId, Vec<u8>); 4],
    world: &'b [u8],
}

/// What a section of a save is called, as FORMAT.md has it.
pub(crate) fn section_name(id: SectionId) -> Option<&'static str> {
    Some(match id {
        WORLD => "AWSV_WORLD",
        SAVE => "AWSV_SAVE",
        COMPANIONS => "AWSV_COMPANIONS",
        INVENTORY => "AWSV_INVENTORY",
        META => "AWSV_META",
        _ => return None,
    })
}

impl<'b> Parts<'b> {
    pub(crate) fn new(bundle: &'b SaveBundle) -> Result<Self, value::Error> {
        let save = Save::new(bundle);
        let sections = [
            (SAVE, row(&save)?),
            (COMPANIONS, row(&bundle.companions)?),
            (INVENTORY, row(&bundle.inventory)?),
            (META, row(&bundle.meta)?),
        ];
        Ok(Self { head: head(bundle), sections, world: &bundle.world.ecs_blob })
    }

    /// Writes the container and returns how many sections it has.
    pub(crate) fn write<W: Write>(&self, out: W, codec: Codec) -> Result<(W, u32), format::Error> {
        let options = WriterOptions::new(FileKind::SAVE).codec(codec).head(self.head.clone());
        let mut writer = Writer::new(out, options)?;
        // The largest part is the last: whoever has the beginning of a file knows whose it is.
        for (id, bytes) in &self.sections {
            writer.coded_from(*id, 0, &[bytes])?;
        }
        writer.coded_from(WORLD, 0, &[self.world])?;
        let (out, written) = writer.finish(Metadata::new())?;
        Ok((out, written.sections))
    }
}

/// What the head metadata says, enough for a list of saves.
fn head(bundle: &SaveBundle) -> Metadata {
    let mut head = Metadata::new();
    head.set_created_at(bundle.created_at).set_tick(bundle.world.tick);
    head.set_custom("origin", ORIGIN.as_bytes());
    if bundle.player_id.len() <= PLAYER_LEN_MAX {
        head.set_custom("awsv.player_id", bundle.player_id.as_bytes());
    }
    if let Some(id) = bundle.save_id {
        head.set_custom("awsv.save_id", id.to_string().as_bytes());
    }
    head.set_custom("awsv.schema", bundle.schema.to_string().as_bytes());
    head.set_custom("awsv.slot", bundle.slot.to_string().as_bytes());
    head.set_custom("awsv.state_hash", format!("{:016x}", bundle.world.state_hash).as_bytes());
    head.set_custom("awsv.version", bundle.version.to_string().as_bytes());
    head
}

/// Whether a container holds a save of aw-save.
pub(crate) fn is_here<R: ReadAt>(reader: &Reader<R>) -> bool {
    reader.header().kind == FileKind::SAVE && reader.find(SAVE, 0).is_ok()
}

/// Reads a save back from its sections, but for the bytes of the engine.
pub(crate) fn read<R: ReadAt>(reader: &Reader<R>) -> Result<Contents, Error> {
    let own = |section: &&Section| [SAVE, COMPANIONS, INVENTORY, META].contains(&section.id());
    let parts = reader.sections().iter().filter(own);
    let needs = parts.fold(0_u64, |sum, section| sum.saturating_add(section.decoded_len()));
    let allowed = reader.bytes().max(PARTS_MAX);
    if needs > allowed {
        return Err(format::Error::Limit { what: "parts of the save in bytes", needs, allowed }.into());
    }
    Ok(Contents {
        save: row_of(reader, reader.find(SAVE, 0)?)?,
        companions: part(reader, COMPANIONS)?,
        inventory: part(reader, INVENTORY)?,
        meta: part(reader, META)?,
        world_len: reader.find(WORLD, 0).ok().map(Section::decoded_len),
    })
}

/// A part of a save; none if it was lost in a repair.
fn part<T: DeserializeOwned, R: ReadAt>(reader: &Reader<R>, id: SectionId) -> Result<Option<T>, Error> {
    reader.find(id, 0).ok().map(|section| row_of(reader, section)).transpose()
}

/// Why a save can't be read back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Format(#[from] format::Error),
    #[error("section {section}")]
    Row { section: &'static str, source: value::Error },
}

impl Error {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Format(source) => source.kind(),
            Self::Row { source, .. } => source.kind(),
        }
    }
}

/// `shape length | shape | row`.
fn row<T: Serialize>(value: &T) -> Result<Vec<u8>, value::Error> {
    let rows = value::encode(std::iter::once(value), None, &Options::default())?;
    let shape = rows.shape.encode();
    let mut bytes = Vec::with_capacity(shape.len() + rows.data.len() + 5);
    put_varint(&mut bytes, shape.len() as u64);
    bytes.extend_from_slice(&shape);
    bytes.extend_from_slice(&rows.data);
    Ok(bytes)
}

fn row_of<T: DeserializeOwned, R: ReadAt>(reader: &Reader<R>, section: &Section) -> Result<T, Error> {
    let bytes = reader.read(section)?;
    let mut input = Input::new("a part of the save", &bytes);
    let len = input.count(1)?;
    let shape = input.take(len)?;
    let data = input.take_rest();
    let of_row = |source| Error::Row { section: section_name(section.id()).unwrap_or_default(), source };
    let shape = Shape::decode(shape).map_err(of_row)?;
    let options = Options::default();
    let mut decoder = Decoder::new(&shape, data, &[], None, &options);
    let len = u32::try_from(data.len()).map_err(|_| input.invalid("a row has at most 2^32 - 1 bytes"))?;
    let value = decoder.row(len).map_err(of_row)?;
    decoder.finish().map_err(of_row)?;
    Ok(value)
}
