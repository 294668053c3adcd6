//! The benchmarks of forge by their names, of ours.
//!
//! Figures to hold against them come from the table of the other program, where the same by hand runs beside ours.

use std::time::Duration;

use criterion::Criterion;
use keepstone_benches::{
    forge::{Call, NAMED, Named},
    machine,
};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for named in &NAMED {
        measure(&mut criterion, named);
    }
    criterion.final_summary();
}

fn measure(criterion: &mut Criterion, named: &Named) {
    let dir = machine::default_dir();
    machine::create_dir(&dir).expect("files can be written beside the program");
    // What the data needs is made when its turn comes, and not for those that a filter leaves out.
    let mut call = None;
    criterion.bench_function(named.name, |bencher| {
        let call = call.get_or_insert_with(|| named.ours(&dir).expect("the store can be made"));
        match call {
            Call::Whole(call) => bencher.iter(|| call().expect("it went well when it was made")),
            Call::Timed(call) => bencher.iter_custom(|times| {
                let call = |_| call().expect("it went well when it was made");
                (0..times).map(call).sum::<Duration>()
            }),
        }
    });
}
