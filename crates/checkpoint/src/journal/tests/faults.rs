//! Every call of the disk failing while a journal works.

use keepstone_testkit::fault_sweep;

use super::*;
use crate::backend::DirBackend;

type Open<'a> = &'a dyn Fn(&Arc<dyn Files>, u64) -> support::Opened;

/// Works until the first error, and answers below which number all was acknowledged, and from where on it was not given up.
fn run(files: &Arc<dyn Files>, open: Open<'_>) -> (u64, u64) {
    let (mut acknowledged, mut from) = (1, 1);
    let mut go = || -> Result<(), Error> {
        let (journal, _) = open(files, 1)?;
        for count in [1, 3, 1] {
            for _ in 0..count {
                journal.append(&commit(journal.end()))?;
            }
            journal.wait(journal.end() - 1, Durability::Durable)?;
            acknowledged = journal.end();
        }
        from = acknowledged - 1;
        journal.truncate(from)?;
        journal.append(&commit(journal.end()))?;
        journal.close()?;
        acknowledged += 1;
        Ok(())
    };
    // What was acknowledged before it counts.
    let _ = go();
    (acknowledged, from)
}

fn sweep(open: Open<'_>) -> u64 {
    let empty = || Arc::new(MemFiles::new()) as Arc<dyn Files>;
    let run = |files: &FaultFiles| run(&(Arc::new(files.clone()) as Arc<dyn Files>), open);
    let swept = fault_sweep(&Fault::ERRORS, empty, run, |files, (acknowledged, from), _| {
        let (journal, found) = open(files, from).map_err(|e| e.to_string())?;
        let end = journal.end();
        if end < acknowledged || found != found_from(from, end) {
            return Err(format!("acknowledged below {acknowledged}, found {} up to {end}", found.len()));
        }
        put(&*journal, 1);
        Ok(())
    });
    swept.unwrap_or_else(|e| panic!("{e}")).calls
}

#[test]
fn any_call_may_fail_and_what_was_acknowledged_is_found_again() {
    assert!(sweep(&log) > 20);
    let in_objects: Open<'_> =
        &|files, from| objects(&Arc::new(DirBackend::open(Arc::clone(files), "store")?), from);
    assert!(sweep(in_objects) > 40);
}
