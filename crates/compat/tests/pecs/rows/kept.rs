//! What a world keeps on its way through a file.

use keepstone_compat::pecs::{File, PecsRows};
use keepstone_ecs_persist::{ColumnData, PersistId, Table};
use keepstone_format::Limits;

use super::made::{assert_same, column, links, load, numbers, small, write};

#[test]
fn stable_ids_are_the_foreign_ones_then_those_of_the_component_then_the_ordinals() {
    let ids = |bytes: &[u8]| -> Vec<u128> {
        File::read(bytes, &Limits::default()).unwrap().entities().map(|entity| entity.id.0).collect()
    };
    let mut doc = small();
    doc.columns.push(column(PersistId::COMPONENT, PersistId::VERSION, false, numbers(&[70, 71])));
    doc.columns.sort_by(|a, b| a.schema.name.cmp(&b.schema.name));
    // Only the first table has it.
    doc.tables[0].components = vec![1, 3, 4];
    doc.tables[1].components = vec![0, 2, 5];
    doc.check().unwrap();
    let bytes = write(PecsRows::new().extended(), &doc);
    let half = u128::from(u64::from_be_bytes(*b"keepston")) << 64;
    assert_eq!(ids(&bytes), [70, 71, half | 3, half | 4, half | 5]);
    assert_same(&load(&bytes, None).unwrap(), &doc);
    doc.foreign_ids = Some(vec![5, 4, 3, 2, 1].into());
    let bytes = write(PecsRows::new().extended(), &doc);
    assert_eq!(ids(&bytes), [5, 4, 3, 2, 1]);
    assert_same(&load(&bytes, None).unwrap(), &doc);
}

#[test]
fn tables_stay_where_the_file_is_extended_and_else_the_order_of_children_does() {
    // Entities 1 and 4 name 0, and so does 3 between them: by ordinal 1, 3, 4.
    let mut doc = small();
    doc.columns = vec![
        column("a", 1, false, numbers(&[31])),
        column("parent", 1, false, links(&[0, 0, 0], None, true)),
    ];
    doc.tables = vec![
        Table { rows: 1, components: vec![] },
        Table { rows: 1, components: vec![1] },
        Table { rows: 1, components: vec![] },
        Table { rows: 1, components: vec![0, 1] },
        Table { rows: 1, components: vec![1] },
    ];
    doc.check().unwrap();
    assert_same(&load(&write(PecsRows::new().extended(), &doc), None).unwrap(), &doc);
    // Without the block tables with the same components become one.
    let schema = doc.schema();
    let back = load(&write(PecsRows::new(), &doc), Some(&schema)).unwrap();
    let tables: Vec<_> = back.tables.iter().map(|table| (table.rows, table.components.clone())).collect();
    assert_eq!(tables, [(2, vec![]), (2, vec![1]), (1, vec![0, 1])]);
    // Rows of the column are now those of 1, 4 and 3.
    let ColumnData::References { targets, ranks } = &back.columns[1].data else { panic!() };
    assert_eq!((targets.as_ref(), ranks.as_deref()), (&[0, 0, 0][..], Some(&[0, 2, 1][..])));
    // A second time nothing changes.
    assert_same(&load(&write(PecsRows::new(), &back), Some(&schema)).unwrap(), &back);
}

#[test]
fn ranks_that_the_order_says_already_are_not_kept() {
    let mut doc = small();
    doc.columns[2] = column("game.parent", 1, false, links(&[0, 0], Some(&[0, 1]), true));
    let back = load(&write(PecsRows::new().extended(), &doc), None).unwrap();
    let ColumnData::References { ranks, .. } = &back.columns[2].data else { panic!() };
    assert_eq!(*ranks, None);
}
