use std::io::Write;

use keepstone_format::limits::NAME_LEN_MAX;
use keepstone_format::{Codec, FileKind, Limits, Metadata, ReadAt, Reader, Writer, WriterOptions};

use crate::awsv::converted::{check_size, find};
use crate::awsv::{Converted, Part, SaveBundle, SaveFields, WorldState};
use crate::error::Error;

impl SaveBundle {
    /// Writes the save as a keepstone container of kind save, one section for each part, and returns how many
    /// sections there are. The same bundle and codec give the same bytes.
    ///
    /// ```
    /// # #[cfg(feature = "lz4")] {
    /// use keepstone_compat::awsv::{File, SaveBundle};
    /// use keepstone_format::{Codec, Limits};
    ///
    /// # let bytes = include_bytes!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"),
    /// #     "/tests/fixtures/awsv/slot05_2026-03-13T08-45-25Z_6ea6b68a-b2e8-41b3-bc0a-09d93acfe4cd.awsv",
    /// # ));
    /// // `bytes` is the content of an .awsv file.
    /// let save = File::read(bytes, &Limits::for_file_len(bytes.len() as u64))?.bundle;
    /// let (keep, sections) = save.write_keep(Vec::new(), Codec::None)?;
    /// assert_eq!(sections, 5);
    ///
    /// let again = SaveBundle::from_keep(&keep, &Limits::for_file_len(keep.len() as u64))?;
    /// assert_eq!(again, save);
    /// # }
    /// # Ok::<(), keepstone_compat::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Container`] if `out` fails or the codec is not built in, [`Error::Part`] if a part is beyond what a
    /// row can hold. Something may have been written then.
    pub fn write_keep<W: Write>(&self, out: W, codec: Codec) -> Result<(W, u32), Error> {
        let options = WriterOptions::new(FileKind::SAVE).codec(codec).head(self.head());
        let mut writer = Writer::new(out, options)?;
        for part in Part::ALL {
            let bytes = match part {
                Part::Save => part.encode(&SaveFields::from(self))?,
                Part::Companions => part.encode(&self.companions)?,
                Part::Inventory => part.encode(&self.inventory)?,
                Part::Meta => part.encode(&self.meta)?,
                Part::World => {
                    writer.coded_from(part.id(), 0, &[&self.world.ecs_blob])?;
                    continue;
                }
            };
            writer.coded_from(part.id(), 0, &[&bytes])?;
        }
        let (out, written) = writer.finish(Metadata::new())?;
        Ok((out, written.sections))
    }

    /// Reads a save back from the bytes of a container that [`write_keep`](Self::write_keep) or
    /// `keepstone convert` has written.
    ///
    /// # Errors
    ///
    /// As [`SaveBundle::read_keep`], and [`Error::Container`] if the bytes are no container.
    pub fn from_keep(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        Self::read_keep(&Reader::open(bytes, *limits)?)
    }

    /// Reads a save back from a container.
    ///
    /// # Errors
    ///
    /// All of [`Converted::read`], where the bytes of the engine count as well; [`Error::PartMissing`] if a part was
    /// lost in a repair: [`Converted`] gives those that are left.
    pub fn read_keep<R: ReadAt>(reader: &Reader<R>) -> Result<Self, Error> {
        check_size(reader, &Part::ALL)?;
        let Converted { fields, companions, inventory, meta, .. } = Converted::read(reader)?;
        let missing = |part| Error::PartMissing { part };
        let world = find(reader, Part::World).ok_or(missing(Part::World))?;
        Ok(Self {
            version: fields.version,
            schema: fields.schema,
            save_id: fields.save_id,
            created_at: fields.created_at,
            created_at_offset_seconds: fields.created_at_offset_seconds,
            player_id: fields.player_id,
            slot: fields.slot,
            companions: companions.ok_or(missing(Part::Companions))?,
            inventory: inventory.ok_or(missing(Part::Inventory))?,
            meta: meta.ok_or(missing(Part::Meta))?,
            world: WorldState {
                tick: fields.tick,
                ecs_blob: reader.read(world)?.into_owned(),
                state_hash: fields.state_hash,
            },
        })
    }

    /// What the head metadata says, enough for a list of saves.
    fn head(&self) -> Metadata {
        let mut head = Metadata::new();
        head.set_created_at(self.created_at).set_tick(self.world.tick);
        head.set_custom("origin", b"awsv");
        if self.player_id.len() <= NAME_LEN_MAX {
            head.set_custom("awsv.player_id", self.player_id.as_bytes());
        }
        if let Some(id) = self.save_id {
            head.set_custom("awsv.save_id", id.to_string().as_bytes());
        }
        head.set_custom("awsv.schema", self.schema.to_string().as_bytes());
        head.set_custom("awsv.slot", self.slot.to_string().as_bytes());
        head.set_custom("awsv.state_hash", format!("{:016x}", self.world.state_hash).as_bytes());
        head.set_custom("awsv.version", self.version.to_string().as_bytes());
        head
    }
}
