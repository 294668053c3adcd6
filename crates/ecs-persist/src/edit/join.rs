use crate::{
    doc::WorldDoc,
    edit::{cells, count},
    error::Error,
};

impl WorldDoc<'static> {
    /// Gives the entities that have one component another instead, which others have and they don't. The rows of a relationship come behind those that
    /// their target has already, in the order that they had.
    pub(crate) fn join_component(&mut self, from: &str, into: &str) -> Result<(), Error> {
        let (at, joining) = self.holders_of(from)?;
        let column = self.column_at(at)?;
        let order = cells::links(column, &joining);
        let values =
            cells::read(column, count(&joining))?.into_iter().map(keepstone_value::Value::into_owned);
        let values: Vec<_> = joining.into_iter().zip(values).collect();
        self.remove_component(from);
        self.set_values(into, values)?;
        let (at, holders) = self.holders_of(into)?;
        let entities = self.entity_count();
        let column = self.column_at(at)?;
        let mut links = cells::links(column, &holders);
        let behind = count(&holders);
        for link in &mut links {
            if let Ok(at) = order.binary_search_by_key(&link.holder, |old| old.holder) {
                link.rank = order.get(at).map_or(link.rank, |old| behind.saturating_add(old.rank));
            }
        }
        cells::order(column, &holders, &links, entities);
        Ok(())
    }
}
