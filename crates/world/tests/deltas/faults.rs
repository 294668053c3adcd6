//! Deltas whose write fails.

use std::{io, sync::Arc};

use keepstone_storage::{Files, MemFiles};
use keepstone_testkit::{Fault, FaultFiles, Until};
use keepstone_world::{LoadOptions, SaveOptions, WorldDeltas as _};

use super::{
    BASE, assert_same, delta, from_files,
    game::{BevyWorld, Game, HecsWorld},
    in_files,
};

fn a_failed_delta_is_in_the_next<M, W: Game<M>>() {
    let mut failed = 0;
    for fault in Fault::ERRORS {
        for at in 0..12 {
            let disk = Arc::new(MemFiles::new());
            let mut world = W::game(5);
            let (_, mut mark) = world.save_base_with(BASE, &in_files(&disk)).unwrap();
            world.add(6);
            let files =
                Arc::new(FaultFiles::over(Arc::clone(&disk) as Arc<dyn Files>, at, fault, Until::Once));
            let result = world.save_delta_with(&mut mark, delta(1), &SaveOptions::default().files(files));
            assert_eq!(mark.sequence, u32::from(result.is_ok()), "{fault:?} at {at}");
            failed += u32::from(result.is_err());
            world.add(7);
            let next = delta(mark.sequence + 1);
            world.save_delta_with(&mut mark, next, &in_files(&disk)).unwrap();
            let paths = (1..=mark.sequence).map(delta);
            let chain = W::load_deltas_with(BASE, paths, &from_files(&disk)).unwrap();
            assert_same(&world, &mark, &chain.world, &chain.rows);
        }
    }
    assert!(failed > 15, "{failed}");
}

#[test]
fn a_failed_delta_is_in_the_next_in_both_ecs() {
    a_failed_delta_is_in_the_next::<_, HecsWorld>();
    a_failed_delta_is_in_the_next::<_, BevyWorld>();
}

/// A stream that breaks off.
struct Broken(usize);

impl io::Write for Broken {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_stream_that_breaks_off_leaves_the_mark() {
    let mut world = BevyWorld::game(5);
    let mut sent = Vec::new();
    let (_, mut mark) = world.save_base_to(&mut sent).unwrap();
    let mut peer = BevyWorld::load_base_from(&mut sent.as_slice(), &LoadOptions::default()).unwrap();
    world.add(6);
    for len in [0, 10, 200] {
        world.save_delta_to(&mut mark, &mut Broken(len)).unwrap_err();
        assert_eq!((mark.sequence, mark.state), (0, mark.root));
    }
    world.add(7);
    sent.clear();
    world.save_delta_to(&mut mark, &mut sent).unwrap();
    // Half of it changes nothing.
    let half = &sent[..sent.len() / 2];
    peer.world.apply_delta_from(&mut peer.rows, &mut &*half).unwrap_err();
    peer.world.apply_delta_from(&mut peer.rows, &mut sent.as_slice()).unwrap();
    assert_same(&world, &mark, &peer.world, &peer.rows);
}
