//! The benchmarks of aw-save by their names, of ours: on 0x42 repeated, as theirs, and on mixed data.
//!
//! Saves and loads are whole calls, right behind each other; figures to hold against them come from the table of the other
//! program, where aw-save's own sequence runs beside ours.

use criterion::{Criterion, Throughput};
use keepstone_benches::{
    bundle::Data,
    machine,
    named::{NAMED, Named},
};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for (named, data, group) in
        NAMED.iter().flat_map(|named| [(named, Data::Repeated, ""), (named, Data::Mixed, "-mixed")])
    {
        measure(&mut criterion, named, data, &format!("{}{group}", named.group));
    }
    criterion.final_summary();
}

fn measure(criterion: &mut Criterion, named: &Named, data: Data, group: &str) {
    let dir = machine::default_dir();
    machine::create_dir(&dir).expect("files can be written beside the program");
    let mut group = criterion.benchmark_group(group);
    if named.len > 0 {
        group.throughput(Throughput::Bytes(named.len as u64));
    }
    // What the data needs is made when its turn comes, and not for those that a filter leaves out.
    let mut call = None;
    group.bench_function(named.name, |bencher| {
        let call = call.get_or_insert_with(|| named.ours(data, &dir).expect("the saves can be made"));
        bencher.iter(|| call().expect("it went well when it was made"));
    });
    group.finish();
}
