//! What holds for any bytes that are read as a delta.

use std::collections::BTreeSet;

use keepstone_ecs_persist::{DeltaChain, EncodeOptions, ReadOptions, WorldDelta, WorldDoc};
use keepstone_format::{Codec, FileKind, Limits, Metadata, Reader, SectionId, Writer, WriterOptions};

use super::columns::Section;

/// Deltas that a fuzzer can read many of in a second.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.decoded_max = 1 << 20;
    limits.rows_max = 1 << 16;
    limits
}

/// Reads the delta. What is accepted is written again and reads equal, and applies to a base or leaves it as it was.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(reader) = Reader::open(bytes, limits()) else { return };
    let Ok(delta) = WorldDelta::decode(&reader) else { return };
    delta.check().unwrap();
    let state = delta.state_id().unwrap();
    let options = EncodeOptions::default().codec(Codec::None);
    let (written, _) = delta.encode(Vec::new(), &options).unwrap();
    let again = WorldDelta::read(&mut written.as_slice(), &ReadOptions::default().limits(limits())).unwrap();
    assert!(again.state_id().unwrap() == state, "the delta has another id once written");
    let (rewritten, _) = again.encode(Vec::new(), &options).unwrap();
    assert!(rewritten == written, "the delta reads differently once written");
    apply(again);
}

/// A base that was read is as good as any: the delta is made to be its first.
fn apply(mut delta: WorldDelta<'static>) {
    let base = Reader::open(&include_bytes!("../golden/world-v1-small.bin")[..], limits()).unwrap();
    let mut chain = DeltaChain::new(WorldDoc::decode(&base, 0).unwrap().into_owned()).unwrap();
    (delta.root, delta.previous, delta.sequence) = (chain.root(), chain.root(), 1);
    delta.check().unwrap();
    let (before, rows) = (chain.doc().clone(), chain.rows().to_vec());
    if chain.apply(&delta).is_err() {
        assert!(
            *chain.doc() == before && chain.rows() == rows,
            "a delta that doesn't apply changed the base"
        );
        return;
    }
    chain.doc().check().unwrap();
    let entities = chain.rows().len();
    assert_eq!(entities, chain.doc().entity_count() as usize);
    assert_eq!(chain.rows().iter().collect::<BTreeSet<_>>().len(), entities, "a row stands there twice");
    assert_eq!(chain.state(), delta.state_id().unwrap());
    let spawned = (delta.rows_after - delta.rows_before) as usize;
    assert_eq!(entities, before.entity_count() as usize + spawned - delta.despawned.len());
}

/// Puts sections into a delta with right checksums. Of two sections with one name the first counts.
pub(crate) fn sealed(sections: &[Section]) -> Vec<u8> {
    let options = WriterOptions::new(FileKind::DELTA).codec(Codec::None);
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    let mut seen = BTreeSet::new();
    for Section { id, instance, payload } in sections {
        if seen.insert((id, instance)) {
            writer.coded_from(SectionId(*id), *instance, &[payload]).unwrap();
        }
    }
    writer.finish(Metadata::new()).unwrap().0
}
