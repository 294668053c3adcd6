use std::collections::BTreeSet;

use keepstone_format::SectionId;

use crate::{
    check::invalid,
    decode::{Sections, TableList, column},
    doc::{Column, ColumnData, WorldDoc},
    error::Error,
    parts::WorldPart,
    schema::{Encoding, Schema},
};

/// Decodes parts one after the other and checks that they are one world.
pub(crate) struct Parts {
    schema: Schema,
    encoded: Vec<u8>,
    rows_max: u32,
    count: u16,
    next: u32,
    total: Option<u32>,
    name: String,
    foreign_ids: bool,
    /// By component, whether its rows have ranks, once that is known.
    ranked: Vec<Option<bool>>,
}

impl Parts {
    /// Starts before the first part.
    pub(crate) fn new(schema: Schema, rows_max: u32) -> Self {
        let ranked = vec![None; schema.components().len()];
        let (count, next, total) = (0, 0, None);
        let (name, foreign_ids, encoded) = (String::new(), false, Vec::new());
        Self { schema, encoded, rows_max, count, next, total, name, foreign_ids, ranked }
    }

    /// How many were decoded.
    pub(crate) fn count(&self) -> u16 {
        self.count
    }

    /// Whether the parts so far have all entities that there are.
    pub(crate) fn are_all(&self) -> bool {
        self.total == Some(self.next)
    }

    /// Checks that no part is missing at the end.
    pub(crate) fn finish(&self) -> Result<(), Error> {
        match self.total {
            Some(total) if total == self.next => Ok(()),
            total => Err(invalid("entities of all parts", self.next, total.unwrap_or_default())),
        }
    }

    /// Decodes the next part.
    pub(crate) fn decode<'a>(&mut self, sections: &mut impl Sections<'a>) -> Result<WorldPart<'a>, Error> {
        self.take_schema(sections)?;
        let tables = sections.take(SectionId::TABLES, 0)?;
        let TableList { name, tables, first, total } = TableList::decode(&tables, self.rows_max, true)?;
        let mut doc = WorldDoc { name, tables, ..WorldDoc::default() };
        self.follow(&doc, first, total)?;
        self.take_foreign_ids(sections, &mut doc)?;
        self.take_columns(sections, &mut doc)?;
        self.count =
            self.count.checked_add(1).ok_or_else(|| invalid("parts of the world", "more", 65_535))?;
        let part = WorldPart::new(doc, first, total);
        part.check()?;
        Ok(part)
    }

    /// Each part has the schema of all.
    fn take_schema<'a>(&mut self, sections: &mut impl Sections<'a>) -> Result<(), Error> {
        let schema = sections.take(SectionId::SCHEMA, 0)?;
        if self.count == 0 {
            self.encoded = schema.into_owned();
        } else if *schema != *self.encoded {
            return Err(invalid("schema of a part", "another", "that of the first part"));
        }
        Ok(())
    }

    /// Checks that the part comes where it has to.
    fn follow(&mut self, doc: &WorldDoc<'_>, first: u32, total: u32) -> Result<(), Error> {
        if self.count == 0 {
            self.total = Some(total);
            self.name.clone_from(&doc.name);
        } else if doc.tables.is_empty() {
            return Err(invalid("entities of a part", 0, "at least 1"));
        }
        if first != self.next {
            return Err(invalid("first ordinal of a part", first, self.next));
        }
        if self.total != Some(total) {
            return Err(invalid("entities of all parts", total, self.total.unwrap_or_default()));
        }
        if self.name != doc.name {
            return Err(invalid("name of a part", &doc.name, &self.name));
        }
        let next = first.checked_add(doc.entity_count()).filter(|&next| next <= total);
        self.next = next.ok_or_else(|| invalid("entities of the parts", "more", total))?;
        Ok(())
    }

    fn take_foreign_ids<'a>(
        &mut self,
        sections: &mut impl Sections<'a>,
        doc: &mut WorldDoc<'a>,
    ) -> Result<(), Error> {
        let has = sections.has(SectionId::FOREIGN_IDS, 0);
        if self.count == 0 {
            self.foreign_ids = has;
        } else if has != self.foreign_ids {
            return Err(invalid("foreign ids of a part", has, self.foreign_ids));
        }
        if has {
            doc.foreign_ids = Some(sections.take_plain(SectionId::FOREIGN_IDS, 0)?);
        }
        Ok(())
    }

    /// Takes the columns that have rows here, and numbers the components of the tables by them.
    fn take_columns<'a>(
        &mut self,
        sections: &mut impl Sections<'a>,
        doc: &mut WorldDoc<'a>,
    ) -> Result<(), Error> {
        let used: BTreeSet<u16> =
            doc.tables.iter().flat_map(|table| table.components.iter().copied()).collect();
        let components = self.schema.components();
        if let Some(&beyond) = used.iter().find(|&&place| usize::from(place) >= components.len()) {
            return Err(invalid("component of a table", beyond, format!("below {}", components.len())));
        }
        let is_first = self.count == 0;
        let mut places = vec![None; components.len()];
        let mut columns = Vec::new();
        for ((component, schema), place) in (0_u16..).zip(components).zip(&mut places) {
            if used.contains(&component) || (schema.resource && is_first) {
                *place = u16::try_from(columns.len()).ok();
                columns.push((
                    component,
                    Column { schema: schema.clone(), data: ColumnData::Plain(Vec::new()) },
                ));
            }
        }
        for component in doc.tables.iter_mut().flat_map(|table| &mut table.components) {
            // All that are used have a place.
            *component = places.get(usize::from(*component)).copied().flatten().unwrap_or(u16::MAX);
        }
        let numbers: Vec<u16> = columns.iter().map(|(component, _)| *component).collect();
        doc.columns = columns.into_iter().map(|(_, column)| column).collect();
        let rows = doc.rows_per_column();
        for ((component, taken), rows) in numbers.into_iter().zip(&mut doc.columns).zip(rows) {
            taken.data = column(sections, component, &taken.schema, rows)?;
            self.check_ranked(component, taken)?;
        }
        Ok(())
    }

    /// A linked column has ranks in all parts or in none.
    fn check_ranked(&mut self, component: u16, column: &Column<'_>) -> Result<(), Error> {
        let ColumnData::References { ranks, .. } = &column.data else { return Ok(()) };
        if !matches!(column.schema.encoding, Encoding::Reference { linked: true }) {
            return Ok(());
        }
        let Some(known) = self.ranked.get_mut(usize::from(component)) else { return Ok(()) };
        match *known {
            Some(before) if before != ranks.is_some() => {
                Err(invalid("ranks of a part", ranks.is_some(), before))
            }
            _ => {
                *known = Some(ranks.is_some());
                Ok(())
            }
        }
    }
}
