//! Small deltas that could make whoever applies them work, or remember, without end.

use std::time::{Duration, Instant};

use keepstone_ecs_persist::{
    Column, ColumnData, ComponentSchema, DeltaChain, Encoding, Error, Mark, Table, WorldDelta, WorldDoc,
};
use keepstone_format::{Kind, plain::OwnedLayout};

use crate::support::{column, links, rows};

/// Far more than it takes, and far less than it took where each row cost as much as a world.
const LONG: Duration = Duration::from_secs(12);

fn applied(base: WorldDoc<'static>, delta: &WorldDelta<'_>) -> Result<DeltaChain, Error> {
    let mut chain = DeltaChain::new(base)?;
    let start = Instant::now();
    chain.apply(delta)?;
    assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
    Ok(chain)
}

#[test]
fn an_entity_that_loses_a_thousand_components_is_moved_once() {
    let (components, entities) = (16_000_u16, 64);
    let encoding = Encoding::Plain(OwnedLayout::Struct(Vec::new()));
    let marker = |number| Column {
        schema: ComponentSchema::new(&format!("m{number:05}"), 1, false, encoding.clone()),
        data: ColumnData::Plain(Vec::new()),
    };
    let mut base = WorldDoc::default();
    base.columns = (0..components).map(marker).collect();
    base.tables = vec![Table { rows: entities, components: (0..components).collect() }];
    let mut delta = WorldDelta::since(&Mark::base(base.state_id().unwrap(), entities, ()));
    delta.removed =
        (0..u32::from(components)).map(|number| (format!("m{number:05}"), vec![number % entities])).collect();
    let chain = applied(base, &delta).unwrap();
    assert_eq!(chain.doc().value_count(), u64::from(components) * u64::from(entities - 1));
    assert_eq!(chain.doc().tables.len(), 64);
}

#[test]
fn entities_without_values_cost_the_relationships_of_others_nothing() {
    let (components, lonely) = (400_u16, 1 << 23);
    let mut base = WorldDoc::default();
    base.columns =
        (0..components).map(|number| column(&format!("m{number:05}"), false, links(&[0], None))).collect();
    let own = Table { rows: 1, components: (0..components).collect() };
    base.tables = vec![Table { rows: lonely, components: vec![] }, own.clone()];
    let mut delta = WorldDelta::since(&Mark::base(base.state_id().unwrap(), lonely + 1, ()));
    delta.rows = vec![lonely];
    delta.doc.tables = vec![own];
    delta.doc.columns = base.columns.clone();
    for column in &mut delta.doc.columns {
        column.data = links(&[1], Some(&[0])).1;
    }
    let chain = applied(base, &delta).unwrap();
    let ColumnData::References { targets, .. } = &chain.doc().columns[7].data else { panic!("references") };
    assert_eq!(**targets, [1]);
}

#[test]
fn units_without_end_in_rows_of_two_shapes_are_refused() {
    let list = |counts: &[usize]| {
        let lists: Vec<Vec<()>> = counts.iter().map(|count| vec![(); *count]).collect();
        let mut doc = WorldDoc::default();
        doc.tables = vec![Table { rows: u32::try_from(counts.len()).unwrap(), components: vec![0] }];
        doc.columns = vec![column("a.units", false, rows(&lists))];
        doc.into_owned()
    };
    let base = list(&[60_000; 40]);
    let mut delta = WorldDelta::since(&Mark::base(base.state_id().unwrap(), 40, ()));
    delta.rows = vec![3];
    // An empty list has a shape of its own.
    delta.doc = list(&[0]);
    let error = applied(base, &delta).unwrap_err();
    assert_eq!(error.kind(), Kind::Limit, "{error}");
}
