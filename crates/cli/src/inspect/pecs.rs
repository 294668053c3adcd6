use std::{fmt, path::Path};

use keepstone::compat::pecs::{Counts, File, decoded};
use serde::Serialize;

use crate::error::Error;
use crate::text::{Grid, Shown, count, plural, size};
use crate::verify::pecs::{limits, read};

/// Types that are listed for people; JSON lists all.
const TYPES_SHOWN_MAX: usize = 50;

/// What a world of PECS holds.
#[derive(Debug, Serialize)]
pub(super) struct World {
    bytes: u64,
    kind: &'static str,
    version: u32,
    flags: u32,
    flag_names: Vec<String>,
    #[serde(flatten)]
    counts: Counts,
    component_types: Vec<Type>,
    warnings: Vec<String>,
}

/// One component type.
#[derive(Debug, Serialize)]
struct Type {
    #[serde(rename = "type_id")]
    id: String,
    name: Option<String>,
    version: u32,
    column: Option<String>,
    rows: u64,
    bytes_decoded: u64,
}

/// Reads a whole world.
pub(super) fn inspect(path: &Path) -> Result<World, Error> {
    let bytes = read(path)?;
    let foreign = |source| Error::Foreign { path: path.to_owned(), source };
    let limits = limits(&bytes);
    // What keepstone coded is looked at decoded.
    let plain = decoded(&bytes, &limits).map_err(foreign)?;
    let file = File::read(&plain, &limits).map_err(foreign)?;
    let component_types = file.types().iter().map(|one| Type {
        id: one.type_id.to_string(),
        name: one.name.map(str::to_owned),
        version: one.version,
        column: one.column.clone(),
        rows: one.components,
        bytes_decoded: one.data_len,
    });
    Ok(World {
        bytes: bytes.len() as u64,
        kind: "world",
        version: file.header.version,
        flags: file.header.flags,
        flag_names: file.header.named_flags().map(|flag| flag.to_string()).collect(),
        counts: file.counts(),
        component_types: component_types.collect(),
        warnings: file.warnings.iter().map(ToString::to_string).collect(),
    })
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut grid = Grid::new("<<");
        let mut line = |name: &str, value: String| grid.line([name.to_owned(), value]);
        line("kind", format!("world of PECS, version {}", self.version));
        line("size", format!("{} ({} bytes)", size(self.bytes), count(self.bytes)));
        if !self.flag_names.is_empty() {
            line("flags", self.flag_names.join(", "));
        }
        line("entities", count(self.counts.entities));
        let values = (count(self.counts.components), count(self.counts.data_len));
        line("components", format!("{} in {} bytes, opaque", values.0, values.1));
        write!(f, "{grid}")?;
        if !self.component_types.is_empty() {
            writeln!(f, "\n{}", plural(self.component_types.len() as u64, "component type"))?;
            let mut grid = Grid::new("<<>>");
            grid.line(["column", "", "rows", "bytes"].map(str::to_owned));
            for one in self.component_types.iter().take(TYPES_SHOWN_MAX) {
                let name = one.column.as_deref().or(one.name.as_deref()).unwrap_or_default();
                grid.line([
                    Shown(name).to_string(),
                    format!("v{}", one.version),
                    count(one.rows),
                    count(one.bytes_decoded),
                ]);
            }
            write!(f, "{grid}")?;
            let more = self.component_types.len().saturating_sub(TYPES_SHOWN_MAX);
            if more > 0 {
                writeln!(f, "  and {} more; --json lists all", count(more as u64))?;
            }
        }
        for warning in &self.warnings {
            writeln!(f, "\nwarning: {}", Shown(warning))?;
        }
        Ok(())
    }
}
