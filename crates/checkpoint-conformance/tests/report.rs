use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use keepstone_checkpoint::{Backend, MemBackend};
use keepstone_checkpoint_conformance::{BoxError, Group, InMemory, Openings, Outcome, Place, Report, Suite};

fn of(group: Group) -> Report {
    Suite::new(|| InMemory::new(MemBackend::new())).only(group).run()
}

#[test]
fn a_report_of_some_groups_is_never_complete() {
    let report = of(Group::Pages);
    assert!(report.has_passed() && !report.is_complete());
    assert!(report.skipped().all(|(group, _)| group != Group::Pages));
    let counted = report.groups().iter().map(|group| group.checks.len()).sum::<usize>();
    assert_eq!(report.all().count(), counted);
    let text = report.to_string();
    assert!(
        text.contains("skipped: objects: ") && text.contains("not complete: 9 passed, 0 failed"),
        "{text}"
    );
    let panic = catch_unwind(AssertUnwindSafe(|| report.assert_complete())).unwrap_err();
    assert!(panic.downcast_ref::<String>().unwrap().contains("its group was not asked for"));
}

#[test]
fn a_place_that_is_opened_once_is_never_complete() {
    let report = Suite::new(|| Arc::new(MemBackend::new())).only(Group::Openings).run();
    let skipped: Vec<_> = report.skipped().filter(|(group, _)| *group == Group::Openings).collect();
    assert!(report.has_passed() && !report.is_complete(), "{report}");
    assert_eq!(skipped.len(), 6, "{report}");
    assert!(
        matches!(&skipped[0].1.outcome, Outcome::Skipped(why) if why.contains("Place::open")),
        "{report}"
    );
}

#[test]
fn claims_are_sentences_each_made_once_and_more_than_200() {
    let report = of(Group::Room);
    let mut claims: Vec<&str> = report.all().map(|(_, check)| check.claim.as_str()).collect();
    assert!(claims.len() > 200, "{}", claims.len());
    assert!(claims.iter().all(|claim| claim.split(' ').count() >= 4), "{claims:?}");
    claims.sort_unstable();
    let count = claims.len();
    claims.dedup();
    assert_eq!(claims.len(), count);
    assert!(report.groups().iter().map(|group| group.group).eq(Group::ALL));
}

#[test]
fn a_factory_that_fails_and_a_backend_that_panics_fail_their_checks() {
    struct Broken;
    impl Place for Broken {
        fn open(&self) -> Result<Arc<dyn Backend>, BoxError> {
            Err("no network".into())
        }

        fn openings(&self) -> Openings {
            panic!("nobody knows")
        }
    }
    let report = Suite::new(|| Broken).only(Group::Openings).run();
    assert_eq!(report.failed().count(), report.groups()[1].checks.len(), "{report}");
    let text = report.to_string();
    assert!(text.contains("no network") && text.contains("it panicked: nobody knows"), "{text}");
}
