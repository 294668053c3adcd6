use crate::{
    dangling::DanglingReference,
    doc::{ColumnData, WorldDoc},
    error::Error,
    gather::{Ids, Index},
    identity::PersistId,
    report::{Capture, LeftOut},
};

/// How many places of one kind a [`Validation`] lists; it counts all.
const LISTED_MAX: usize = 1000;

/// What is not as an application would have it, in a document that is valid by the rules of the format.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Validation {
    /// References to nothing: the component and the ordinal of the entity that holds one, or none for a resource. The first 1,000.
    pub dangling: Vec<(String, Option<u32>)>,
    /// How many there are.
    pub dangling_total: u64,
    /// Ids that more than one entity has, with their ordinals. The first 1,000.
    pub duplicate_ids: Vec<(PersistId, Vec<u32>)>,
    /// How many there are.
    pub duplicate_ids_total: u64,
    /// How many entities have no [`PersistId`], as long as others have one.
    pub missing_ids: u64,
    /// Entities without any component.
    pub bare_entities: u64,
    /// Values that are not in the document, and why: known for a [`Capture`] alone.
    pub left_out: Vec<LeftOut>,
    /// Entities that are not in the document; as above.
    pub entities_left_out: u64,
}

impl Validation {
    /// Whether nothing was found that a load would miss: no reference to nothing, no id twice or missing, no value lost.
    pub fn is_good(&self) -> bool {
        self.dangling_total == 0
            && self.duplicate_ids_total == 0
            && self.missing_ids == 0
            && !self.left_out.iter().any(|left| left.reason.is_loss())
    }
}

/// The most that a document may have, for [`WorldDoc::check_limits`]. By default nothing is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DocLimits {
    /// The most entities.
    pub entities_max: u32,
    /// The most bytes of all columns, before a codec.
    pub bytes_max: u64,
}

impl Default for DocLimits {
    fn default() -> Self {
        Self { entities_max: u32::MAX, bytes_max: u64::MAX }
    }
}

impl DocLimits {
    /// Limits how many entities there are.
    pub fn entities_max(mut self, entities_max: u32) -> Self {
        self.entities_max = entities_max;
        self
    }

    /// Limits how many bytes the columns have, before a codec.
    pub fn bytes_max(mut self, bytes_max: u64) -> Self {
        self.bytes_max = bytes_max;
        self
    }
}

impl WorldDoc<'_> {
    /// Looks for what an application would want to know before it saves, or after it has loaded.
    ///
    /// ```
    /// use keepstone_ecs_persist::WorldDoc;
    ///
    /// let validation = WorldDoc::default().validate()?;
    /// assert!(validation.is_good());
    /// # Ok::<(), keepstone_ecs_persist::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`WorldDoc::check`]: what breaks a rule of the format; [`Error::Value`] when a serde row can't be read, [`Error::Mismatch`] when the
    /// ids are no plain u64.
    pub fn validate(&self) -> Result<Validation, Error> {
        let mut found = Validation::default();
        for DanglingReference { column, holder, .. } in self.dangling_references()? {
            found.dangling_total += 1;
            if let Some(column) = self.columns.get(column)
                && found.dangling.len() < LISTED_MAX
            {
                found.dangling.push((column.schema.name.clone(), holder));
            }
        }
        let ids = Ids::of(self, &Index::of(self))?;
        for group in ids.sorted().chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1) {
            found.duplicate_ids_total += 1;
            if let Some((id, _)) = group.first()
                && found.duplicate_ids.len() < LISTED_MAX
            {
                let ordinals = group.iter().take(LISTED_MAX).map(|&(_, ordinal)| ordinal).collect();
                found.duplicate_ids.push((PersistId(*id), ordinals));
            }
        }
        found.missing_ids = if ids.is_nobodys() { 0 } else { ids.missing() };
        let bare = self.tables.iter().filter(|table| table.components.is_empty());
        found.bare_entities = bare.map(|table| u64::from(table.rows)).sum();
        Ok(found)
    }

    /// How many bytes the columns have, before a codec: values, lengths of rows, references, ranks and foreign ids, 4 bytes a length, reference or
    /// rank.
    pub fn value_bytes(&self) -> u64 {
        let lengths =
            |lengths: &crate::Lengths| if lengths.common().is_some() { 0 } else { lengths.rows() * 4 };
        let column = |data: &ColumnData<'_>| match data {
            ColumnData::Plain(pieces) => pieces.iter().map(|piece| piece.len() as u64).sum(),
            ColumnData::Rows { data, lengths: each, targets } => {
                data.len() as u64 + lengths(each) + targets.len() as u64 * 4
            }
            ColumnData::Opaque { data, lengths: each } => data.len() as u64 + lengths(each),
            ColumnData::References { targets, ranks } => {
                (targets.len() + ranks.as_ref().map_or(0, |ranks| ranks.len())) as u64 * 4
            }
        };
        let ids = self.foreign_ids.as_ref().map_or(0, |ids| ids.len() as u64 * 16);
        self.columns.iter().map(|c| column(&c.data)).sum::<u64>() + ids
    }

    /// Checks limits of the caller before a document is written.
    ///
    /// # Errors
    /// [`Error::Limit`] with the limit that is exceeded.
    pub fn check_limits(&self, limits: &DocLimits) -> Result<(), Error> {
        let entities = self.tables.iter().map(|table| u64::from(table.rows)).sum();
        let check = |what, needs, allowed| {
            if needs > allowed { Err(Error::Limit { what, needs, allowed }) } else { Ok(()) }
        };
        check("entities", entities, limits.entities_max.into())?;
        check("bytes of the values of a world", self.value_bytes(), limits.bytes_max)
    }
}

impl<E: Copy> Capture<'_, E> {
    /// As [`WorldDoc::validate`], and says what of the world is not in the document.
    ///
    /// # Errors
    /// As [`WorldDoc::validate`].
    pub fn validate(&self) -> Result<Validation, Error> {
        let mut found = self.doc.validate()?;
        found.left_out.clone_from(&self.left_out);
        found.entities_left_out = self.entities_left_out;
        Ok(found)
    }
}
