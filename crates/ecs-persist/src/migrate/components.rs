use keepstone_value::Value;

use crate::{
    doc::WorldDoc,
    edit::failed,
    error::Error,
    evolve::ColumnStep,
    migrate::{ComponentStep, MigrationChain, apply::guarded, bad},
};

/// What becomes of one column.
pub(super) struct Move<'c> {
    pub(super) from: (String, u32),
    pub(super) steps: Vec<&'c ComponentStep>,
}

impl Move<'_> {
    pub(super) fn into(&self) -> &(String, u32) {
        self.steps.last().map_or(&self.from, |step| &step.into)
    }
}

impl ComponentStep {
    pub(super) fn name(&self) -> String {
        self.column_step().to_string()
    }

    pub(super) fn column_step(&self) -> ColumnStep {
        ColumnStep {
            from: self.from.0.clone(),
            from_version: self.from.1,
            into: self.into.0.clone(),
            into_version: self.into.1,
        }
    }
}

impl MigrationChain {
    /// The steps from a version of a component, one after the other.
    pub(super) fn path(&self, from: &(String, u32)) -> Result<Vec<&ComponentStep>, Error> {
        let (mut path, mut at) = (Vec::new(), from);
        while let Some(step) = self.components.iter().find(|step| step.from == *at) {
            if path.len() == self.components.len() {
                return Err(bad(step.name(), "leads back to where it begins".to_owned()));
            }
            path.push(step);
            at = &step.into;
        }
        Ok(path)
    }

    /// The way of each column that changes, as far as the steps lead.
    pub(super) fn moves(&self, columns: &[(String, u32)]) -> Result<Vec<Move<'_>>, Error> {
        let mut moves = Vec::new();
        for from in columns {
            let steps = self.path(from)?;
            let end = steps.last().map_or(from, |step| &step.into);
            if self.components.iter().any(|step| step.from.0 == end.0 && step.from.1 > end.1) {
                return Err(self.missing(end));
            }
            if !steps.is_empty() {
                moves.push(Move { from: from.clone(), steps });
            }
        }
        Ok(moves)
    }

    /// The way of each column to the versions that a world step asks for.
    pub(super) fn moves_to(
        &self,
        columns: &[(String, u32)],
        needs: &[(String, u32)],
        world_step: &str,
    ) -> Result<Vec<Move<'_>>, Error> {
        let mut moves = Vec::new();
        for from in columns {
            let mut steps = self.path(from)?;
            let asked = |at: &(String, u32)| needs.iter().find(|need| need.0 == at.0);
            let good = |at: &(String, u32)| needs.contains(at);
            let end = if good(from) { Some(0) } else { None };
            let end = end.or_else(|| Some(steps.iter().position(|step| good(&step.into))? + 1));
            let Some(len) = end else {
                let Some(need) = asked(from) else { continue };
                if from.1 < need.1 {
                    return Err(self.missing(steps.last().map_or(from, |step| &step.into)));
                }
                let reason = format!(
                    "was made for version {} of component {}, and the file has {}",
                    need.1, from.0, from.1
                );
                return Err(bad(world_step.to_owned(), reason));
            };
            steps.truncate(len);
            if !steps.is_empty() {
                moves.push(Move { from: from.clone(), steps });
            }
        }
        Ok(moves)
    }

    fn missing(&self, (name, found): &(String, u32)) -> Error {
        let own = self.components.iter().filter(|step| step.from.0 == *name || step.into.0 == *name);
        let known: Vec<_> = own.map(ComponentStep::name).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Error::NoMigration { name: name.clone(), found: *found, known }
    }
}

/// What the columns become: names and versions, ascending.
pub(super) fn moved(mut columns: Vec<(String, u32)>, moves: &[Move<'_>]) -> Vec<(String, u32)> {
    columns.retain(|column| moves.iter().all(|found| found.from != *column));
    columns.extend(moves.iter().map(|found| found.into().clone()));
    columns.sort();
    columns.dedup();
    columns
}

/// Changes the columns. They are set aside under other names until all of them have changed, so that components may take each other's names.
pub(super) fn run(doc: &mut WorldDoc<'static>, moves: &[Move<'_>]) -> Result<(), Error> {
    for (at, found) in moves.iter().enumerate() {
        let name = &found.from.0;
        let step = std::cell::Cell::new(0);
        let name_of = || found.steps.get(step.get()).map(|step| step.name()).unwrap_or_default();
        let all = |value: &mut Value<'_>| {
            for (at, each) in found.steps.iter().enumerate() {
                step.set(at);
                (each.edit)(value)?;
            }
            Ok(())
        };
        guarded(&name_of, || edit(doc, name, found.into().1, &all))?;
        doc.rename_component(name, &aside(at))?;
    }
    for (at, found) in moves.iter().enumerate() {
        let into = found.into();
        let name_of = || found.steps.last().map(|step| step.name()).unwrap_or_default();
        guarded(&name_of, || {
            if doc.column(&into.0).is_some() {
                join(doc, &aside(at), into)
            } else {
                doc.rename_component(&aside(at), &into.0)
            }
        })?;
    }
    Ok(())
}

fn aside(at: usize) -> String {
    format!("\0keepstone.aside.{at}")
}

fn edit(
    doc: &mut WorldDoc<'static>,
    name: &str,
    version: u32,
    all: &dyn Fn(&mut Value<'_>) -> Result<(), String>,
) -> Result<(), Error> {
    if doc.column(name).is_none_or(|column| !column.schema.resource) {
        doc.edit_values(name, |_, value| all(value))?;
        return doc.set_component_version(name, version);
    }
    let Some(value) = doc.resource(name)? else { return Ok(()) };
    let mut value = value.into_owned();
    all(&mut value).map_err(|reason| failed(name, None, reason))?;
    doc.set_resource(name, version, value)
}

/// Adds the values of one component to another of the same version.
fn join(doc: &mut WorldDoc<'static>, from: &str, (into, version): &(String, u32)) -> Result<(), Error> {
    let found = doc.column(into).map(|column| column.schema.clone());
    let is_good = found.is_some_and(|schema| schema.version == *version && !schema.resource);
    if !is_good || doc.column(from).is_some_and(|column| column.schema.resource) {
        let reason = format!("the document has it already, and not as a component of version {version}");
        return Err(failed(into, None, reason));
    }
    let own: Vec<u32> = doc.values(into)?.map(|(ordinal, _)| ordinal).collect();
    let both =
        doc.values(from)?.map(|(ordinal, _)| ordinal).find(|ordinal| own.binary_search(ordinal).is_ok());
    if let Some(ordinal) = both {
        return Err(failed(
            into,
            Some(ordinal),
            "the entity has the component that became this one, and this one",
        ));
    }
    doc.join_component(from, into)
}
