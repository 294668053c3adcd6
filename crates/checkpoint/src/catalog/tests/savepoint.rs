use super::*;

#[test]
fn what_is_taken_back_leaves_nothing_and_hinders_nothing() {
    let (mut taken_back, mut kinds) = (0, [0; 5]);
    for seed in 0..200 {
        let mut history = RandomHistory::new(seed);
        let mut catalog = Catalog::default();
        for _ in 0..30 + seed % 50 {
            let op = history.op(&catalog);
            let _ = catalog.apply(op);
        }
        let (before, savepoint) = (Picture::of(&catalog), catalog.savepoint());
        let mut ops = Vec::new();
        for _ in 0..40 {
            let op = history.op(&catalog);
            if Savepoint::covers(&op) && catalog.apply(op.clone()).is_ok() {
                ops.push(op);
            }
        }
        let after = Picture::of(&catalog);
        catalog.roll_back(&savepoint);
        assert_eq!(Picture::of(&catalog), before, "seed {seed}");
        // The same happens once more as if it had not been taken back.
        taken_back += ops.len();
        for op in ops {
            match &op {
                Op::Checkpoint(new) if new.id.is_some() => kinds[0] += 1,
                Op::Checkpoint(_) => kinds[1] += 1,
                Op::Session { .. } => kinds[2] += 1,
                Op::Branch { .. } => kinds[3] += 1,
                Op::Head { .. } => kinds[4] += 1,
                _ => {}
            }
            assert_eq!(catalog.apply(op.clone()), Ok(()), "seed {seed}: {op:?}");
        }
        assert_eq!(Picture::of(&catalog), after, "seed {seed}");
    }
    assert!(taken_back > 1000 && kinds.iter().all(|count| *count > 10), "{taken_back} {kinds:?}");
}

#[test]
fn where_a_catalog_stands_takes_no_room() {
    assert!(size_of::<Savepoint>() <= 128);
    let op = Op::Lock { of: Sequence(1), locked: true };
    assert!(!Savepoint::covers(&op) && !Savepoint::covers(&prune(&[1])) && Savepoint::covers(&whole(0)));
}
