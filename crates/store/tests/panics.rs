//! Code of the caller that panics where it is least wanted.

use keepstone_store::{Error, Ticket};

use crate::support::{Failed, occupy, worker};

/// Panics when it goes.
struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "dropped");
    }
}

fn works(worker: &keepstone_store::Worker<Failed>) {
    assert_eq!(worker.submit(|| Ok(5)).wait().unwrap(), 5);
}

#[test]
fn a_panic_is_an_error_on_the_ticket_and_the_worker_goes_on() {
    let worker = worker(4);
    let with_text: Ticket<(), Failed> = worker.submit(|| panic!("number {}", 7));
    let error = with_text.wait().unwrap_err();
    assert!(
        matches!(&error, Failed::Worker(Error::Panicked { message }) if message == "number 7"),
        "{error:?}"
    );
    works(&worker);
    let with_a_value: Ticket<(), Failed> = worker.submit(|| std::panic::panic_any(Grenade));
    assert!(matches!(with_a_value.wait(), Err(Failed::Worker(Error::Panicked { .. }))));
    works(&worker);
}

#[test]
fn results_and_jobs_that_panic_when_they_are_dropped_stop_nothing() {
    let worker = worker(4);
    let (release, busy) = occupy(&worker);
    drop(worker.submit(|| Ok(Grenade)));
    let grenade = Grenade;
    let superseded: Ticket<(), Failed> = worker.submit_latest("a", move || {
        let _owned = &grenade;
        Ok(())
    });
    let later = worker.submit_latest("a", || Ok(1));
    assert!(matches!(superseded.wait(), Err(Failed::Worker(Error::Superseded { .. }))));
    let grenade = Grenade;
    let cancelled: Ticket<(), Failed> = worker.submit(move || {
        let _owned = &grenade;
        Ok(())
    });
    cancelled.cancel().unwrap();
    drop(release);
    busy.wait().unwrap();
    later.wait().unwrap();
    works(&worker);
    drop(worker);
}
