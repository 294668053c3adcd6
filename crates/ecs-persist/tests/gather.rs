use std::collections::BTreeSet;

use keepstone_ecs_persist::{
    ColumnData, Error, Gathered, Keep, NONE, PersistId, Selection, Table, WorldDoc, targets_by_row,
};

use crate::{
    random::{Model, NAMES, Random, model, world},
    support::{column, links, plain, small_world},
};

const SEEDS: u64 = 150;

/// What a model becomes when a selection leaves out entities, values by entity and component, and resources.
fn without(
    mut model: Model,
    gone: &BTreeSet<u128>,
    stays: impl Fn(u128, &str) -> bool,
    resource: impl Fn(&str) -> bool,
) -> Model {
    model.entities.retain(|tag, _| !gone.contains(tag));
    for (tag, values) in &mut model.entities {
        values.retain(|name, _| stays(*tag, name));
    }
    model.resources.retain(|name, _| resource(name));
    let every = model.entities.values_mut().flat_map(|values| values.values_mut());
    for value in every.chain(model.resources.values_mut()) {
        value.names.iter_mut().for_each(|name| *name = name.filter(|tag| !gone.contains(tag)));
    }
    for ((name, _), list) in &mut model.lists {
        list.retain(|holder| !gone.contains(holder) && stays(*holder, name));
    }
    model.lists.retain(|(_, target), list| !gone.contains(target) && !list.is_empty());
    model
}

fn dangling(doc: &WorldDoc<'_>) -> u64 {
    doc.columns.iter().map(keepstone_ecs_persist::Column::dangling).sum()
}

fn random_selection(doc: &WorldDoc<'_>, random: &mut Random) -> Selection {
    let entities = doc.entity_count();
    let mut selection = Selection::all();
    if random.chance(2) {
        let keep = |random: &mut Random| if random.chance(3) { Keep::Drop } else { Keep::Whole };
        selection = selection.entities((0..entities).map(|_| keep(random)).collect());
    }
    if random.chance(2) {
        let mut order: Vec<u32> = (0..entities).filter(|_| !random.chance(4)).collect();
        random.shuffle(&mut order);
        selection = selection.order(order);
    }
    for at in 0..doc.columns.len() {
        if random.chance(5) {
            selection = selection.without(at);
        }
    }
    selection
}

#[test]
fn everything_kept_is_the_original() {
    for seed in 0..SEEDS {
        let mut random = Random(seed);
        let doc = world(&mut random, 6);
        let entities = doc.entity_count();
        let rows = doc.rows_per_column();
        let all = [
            Selection::all(),
            Selection::all().entities(vec![Keep::Whole; entities as usize]),
            Selection::all().values(0, vec![true; rows[0] as usize]).values(4, vec![true; rows[4] as usize]),
        ];
        for selection in all {
            let gathered = doc.gather(&selection).unwrap();
            assert_eq!(gathered.doc, doc, "seed {seed}");
            assert_eq!(gathered.ordinals, (0..entities).collect::<Vec<_>>());
            assert!(gathered.values_left_out.iter().all(|&count| count == 0));
        }
    }
}

#[test]
fn kept_entities_have_their_values_and_references_follow() {
    for seed in 0..SEEDS {
        let mut random = Random(seed);
        let doc = world(&mut random, 6);
        let selection = random_selection(&doc, &mut random);
        let Gathered { doc: new, ordinals, values_left_out, dangling: lost, .. } =
            doc.gather(&selection).unwrap();
        let tags = doc.foreign_ids.as_deref().unwrap();
        let gone = |(tag, new): (&u128, &u32)| (*new == NONE).then_some(*tag);
        let gone: BTreeSet<u128> = tags.iter().zip(&ordinals).filter_map(gone).collect();
        let kept: BTreeSet<&str> = new.columns.iter().map(|column| column.schema.name.as_str()).collect();
        let expected = without(model(&doc), &gone, |_, name| kept.contains(name), |name| kept.contains(name));
        assert_eq!(model(&new), expected, "seed {seed}: {selection:?}");
        for (tag, &ordinal) in tags.iter().zip(&ordinals).filter(|(_, new)| **new != NONE) {
            assert_eq!(new.foreign_ids.as_ref().unwrap()[ordinal as usize], *tag);
        }
        let left: u64 = values_left_out.iter().sum();
        assert_eq!(left, doc.value_count() - new.value_count(), "seed {seed}");
        let none_before: u64 = doc
            .columns
            .iter()
            .filter(|c| kept.contains(c.schema.name.as_str()))
            .map(|c| surviving_none(&doc, c, &ordinals))
            .sum();
        assert_eq!(lost, dangling(&new) - none_before, "seed {seed}");
    }
}

/// References to nothing in the rows that are kept.
fn surviving_none(doc: &WorldDoc<'_>, column: &keepstone_ecs_persist::Column<'_>, ordinals: &[u32]) -> u64 {
    let at = doc.columns.iter().position(|c| c.schema.name == column.schema.name).unwrap();
    let at = u16::try_from(at).unwrap();
    let mut stays = Vec::new();
    let mut start = 0;
    for table in &doc.tables {
        if table.components.contains(&at) {
            stays.extend(ordinals[start..start + table.rows as usize].iter().map(|&new| new != NONE));
        }
        start += table.rows as usize;
    }
    if column.schema.resource {
        stays.push(true);
    }
    let by_row = targets_by_row(column).unwrap();
    let of_kept = by_row.iter().zip(stays).filter(|(_, stays)| *stays).flat_map(|(row, _)| row.iter());
    of_kept.filter(|&&target| target == NONE).count() as u64
}

#[test]
fn single_values_can_be_left_out() {
    for seed in 0..SEEDS {
        let mut random = Random(seed);
        let doc = world(&mut random, 5);
        let mut selection = Selection::all();
        let mut gone: BTreeSet<(u128, String)> = BTreeSet::new();
        let tags = doc.foreign_ids.as_deref().unwrap();
        for (at, name) in (0_u16..).zip(NAMES) {
            if random.chance(2) {
                continue;
            }
            let mut mask = Vec::new();
            let mut start = 0;
            for table in &doc.tables {
                for tag in &tags[start..start + table.rows as usize] {
                    if table.components.contains(&at) {
                        mask.push(!random.chance(3));
                        if mask.last() == Some(&false) {
                            gone.insert((*tag, name.to_owned()));
                        }
                    }
                }
                start += table.rows as usize;
            }
            selection = selection.values(at.into(), mask);
        }
        let gathered = doc.gather(&selection).unwrap();
        let stays = |tag, name: &str| !gone.contains(&(tag, name.to_owned()));
        assert_eq!(
            model(&gathered.doc),
            without(model(&doc), &BTreeSet::new(), stays, |_| true),
            "seed {seed}"
        );
        assert_eq!(gathered.values_left_out.iter().sum::<u64>(), gone.len() as u64);
        for pair in gathered.doc.tables.windows(2) {
            assert_ne!(pair[0].components, pair[1].components, "neighbours with one set are one table");
        }
    }
}

#[test]
fn gathering_twice_is_gathering_the_composition() {
    for seed in 0..SEEDS {
        let mut random = Random(seed);
        let doc = world(&mut random, 6);
        let first = random_selection(&doc, &mut random);
        let once = doc.gather(&first).unwrap();
        let second = random_selection(&once.doc, &mut random);
        let twice = once.doc.gather(&second).unwrap();

        let through = |&middle: &u32| twice.ordinals.get(middle as usize).copied().unwrap_or(NONE);
        let ordinals: Vec<u32> = once.ordinals.iter().map(through).collect();
        let mut order: Vec<(u32, u32)> = (0_u32..).zip(&ordinals).map(|(old, &new)| (new, old)).collect();
        order.retain(|(new, _)| *new != NONE);
        order.sort_unstable();
        let mut composition = Selection::all().order(order.into_iter().map(|(_, old)| old).collect());
        for (at, column) in doc.columns.iter().enumerate() {
            if twice.doc.column(&column.schema.name).is_none() {
                composition = composition.without(at);
            }
        }
        let direct = doc.gather(&composition).unwrap();
        assert_eq!(direct.ordinals, ordinals, "seed {seed}");
        assert_eq!(whole(direct.doc.clone()), whole(merged(&twice.doc)), "seed {seed}");
    }
}

/// Tables that a selection of everything left as they were, as others make them.
fn merged(doc: &WorldDoc<'_>) -> WorldDoc<'static> {
    let order = (0..doc.entity_count()).collect();
    doc.gather(&Selection::all().order(order)).unwrap().doc.into_owned()
}

/// One piece a plain column.
fn whole(doc: WorldDoc<'_>) -> WorldDoc<'static> {
    let mut doc = doc.into_owned();
    for column in &mut doc.columns {
        if let ColumnData::Plain(pieces) = &mut column.data {
            *pieces = vec![pieces.concat().into()];
        }
    }
    doc
}

#[test]
fn bare_entities_keep_their_id_alone() {
    let mut random = Random(5);
    let doc = world(&mut random, 6);
    let entities = doc.entity_count() as usize;
    assert!(entities > 1);
    let gathered = doc.gather(&Selection::all().entities(vec![Keep::Bare; entities])).unwrap();
    let found = model(&gathered.doc);
    assert_eq!(found.entities.len(), entities);
    assert!(found.entities.values().all(|values| values.keys().eq([PersistId::COMPONENT])));
    assert_eq!(gathered.dangling, 0, "they are still there");
}

#[test]
fn ranks_close_their_gaps_and_go_when_the_order_says_them() {
    let mut doc = WorldDoc::default();
    doc.tables = vec![Table { rows: 4, components: vec![0] }];
    doc.columns = vec![column("a.child", false, links(&[3, 3, 3, NONE], Some(&[1, 2, 0, 0])))];
    let ranks = |selection: Selection| {
        let gathered = doc.gather(&selection).unwrap().into_owned();
        let ColumnData::References { targets, ranks } = &gathered.doc.columns[0].data else {
            panic!("references stay references")
        };
        (targets.to_vec(), ranks.as_ref().map(|ranks| ranks.to_vec()))
    };
    let keep = |list: &[u32]| Selection::all().order(list.to_vec());
    assert_eq!(ranks(keep(&[1, 2, 3])), (vec![2, 2, NONE], Some(vec![1, 0, 0])));
    assert_eq!(ranks(keep(&[0, 1, 3])), (vec![2, 2, NONE], None));
    assert_eq!(ranks(keep(&[2, 0, 1, 3])), (vec![3, 3, 3, NONE], None));
    doc.columns = vec![column("a.child", false, links(&[3, 3, 3, NONE], None))];
    let gathered = doc.gather(&keep(&[3, 2, 1, 0])).unwrap();
    let ColumnData::References { ranks: Some(ranks), .. } = &gathered.doc.columns[0].data else {
        panic!("the order has to be written down")
    };
    assert_eq!(ranks.as_ref(), [0, 2, 1, 0]);
}

#[test]
fn what_stays_whole_is_borrowed() {
    let values: Vec<u64> = (0..10_000).collect();
    let mut doc = WorldDoc::default();
    doc.tables =
        vec![Table { rows: 9_000, components: vec![0] }, Table { rows: 1_000, components: vec![0, 1] }];
    doc.columns = vec![column("a", false, plain(&values)), column("b", false, plain(&values[..1_000]))];
    let at = |doc: &WorldDoc<'_>, column: usize| match &doc.columns[column].data {
        ColumnData::Plain(pieces) => pieces.iter().map(|piece| piece.as_ptr()).collect::<Vec<_>>(),
        _ => panic!("numbers are plain"),
    };
    let mut keep = vec![Keep::Whole; 10_000];
    keep[8_000..9_000].fill(Keep::Drop);
    let gathered = doc.gather(&Selection::all().entities(keep)).unwrap();
    let start = at(&doc, 0)[0];
    assert_eq!(at(&gathered.doc, 0), [start, start.wrapping_add(72_000)]);
    assert_eq!(at(&gathered.doc, 1), at(&doc, 1));
}

#[test]
fn a_selection_of_another_document_is_refused() {
    let doc = small_world();
    let refused = [
        Selection::all().entities(vec![Keep::Whole; 5]),
        Selection::all().order(vec![6]),
        Selection::all().order(vec![0, 0]),
        Selection::all().values(0, vec![true]),
        Selection::all().without(4),
    ];
    for selection in refused {
        let error = doc.gather(&selection).unwrap_err();
        assert!(matches!(error, Error::BadSelection { .. }), "{selection:?}: {error}");
    }
    let mut broken = doc.clone();
    broken.tables[0].rows = 9;
    assert!(matches!(broken.gather(&Selection::all()), Err(Error::Invalid { .. })));
}

#[test]
fn resources_stay_unless_they_are_left_out() {
    let doc = small_world();
    let none = Selection::all().order(Vec::new());
    let gathered = doc.gather(&none).unwrap();
    assert_eq!(gathered.doc.columns.len(), 1);
    assert_eq!(gathered.doc.value_count(), 1);
    assert_eq!(doc.gather(&none.without(3)).unwrap().doc.value_count(), 0);
}
