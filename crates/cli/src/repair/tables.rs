use keepstone::{
    ecs::{ComponentSchema, Table},
    format::{self, Limits, wire::Input},
};

/// Most tables of a world, which take two bytes each in the file and many more in memory.
const TABLES_MAX: u64 = 1 << 20;

/// What a section TABLES says.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) name: String,
    pub(super) runs: Vec<Table>,
    pub(super) entities: u32,
    /// The ordinal of the first entity; 0 of a world in one piece.
    pub(super) first: u32,
    /// Entities of the whole world.
    pub(super) total: u32,
}

impl Tables {
    /// Reads them by FORMAT.md, section 3.2, and those of a part by section 3.5.
    pub(super) fn read(bytes: &[u8], limits: &Limits, in_parts: bool) -> Result<Self, format::Error> {
        let check = |what, needs: u64, allowed: u64| {
            if needs > allowed { Err(format::Error::Limit { what, needs, allowed }) } else { Ok(()) }
        };
        let mut input = Input::new("tables", bytes);
        let name = input.name()?.to_owned();
        let entities = input.varint_u32()?;
        check("entities", entities.into(), limits.rows_max.into())?;
        let mut tables = Vec::new();
        let mut left = entities;
        let count = input.count(2)?;
        check("tables of a world", count as u64, TABLES_MAX)?;
        for _ in 0..count {
            let rows = input.varint_u32()?;
            left =
                left.checked_sub(rows).ok_or_else(|| input.invalid("tables have more rows than entities"))?;
            let mut components = Vec::new();
            for _ in 0..input.count(1)? {
                let component = u16::try_from(input.varint_u32()?);
                components.push(component.map_err(|_| input.invalid("a component's ordinal has 16 bits"))?);
            }
            tables.push(Table { rows, components });
        }
        if left != 0 {
            return Err(input.invalid("tables have fewer rows than entities"));
        }
        let (first, total) =
            if in_parts { (input.varint_u32()?, input.varint_u32()?) } else { (0, entities) };
        input.finish()?;
        check("entities", total.into(), limits.rows_max.into())?;
        Ok(Self { name, runs: tables, entities, first, total })
    }

    /// The rows of each component; a resource has one.
    pub(super) fn rows_per_column(&self, schema: &[ComponentSchema]) -> Result<Vec<u32>, String> {
        let mut rows: Vec<u32> = schema.iter().map(|component| u32::from(component.resource)).collect();
        for table in &self.runs {
            if table.rows == 0 {
                return Err("a table has no rows".to_owned());
            }
            if !table.components.is_sorted_by(|a, b| a < b) {
                return Err("the components of a table don't ascend".to_owned());
            }
            for component in &table.components {
                let place = usize::from(*component);
                let rows = rows.get_mut(place).filter(|_| schema.get(place).is_some_and(|c| !c.resource));
                let rows = rows.ok_or("a table names a component that the schema doesn't have")?;
                *rows = rows.saturating_add(table.rows);
            }
        }
        Ok(rows)
    }
}
