//! What holds for any bytes that are read as a snapshot of EdgeVec.

use keepstone_compat::edgevec::Snapshot;
use keepstone_compat::edgevec::snapshot::{Salvaged, read_metadata, verify};
use keepstone_format::{Codec, Limits, Reader, SectionId, crc32};

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.decoded_max = 1 << 20;
    limits.rows_max = 1 << 12;
    limits
}

/// Reading, verifying and salvaging agree; what is read becomes a container that is good and has all of it.
pub(crate) fn check(bytes: &[u8]) {
    let limits = limits();
    let read = Snapshot::read(bytes, &limits);
    assert_eq!(verify(bytes, &limits).is_ok(), read.is_ok());
    match (read, Snapshot::salvage(bytes, &limits)) {
        (Ok(snapshot), Ok(Salvaged { snapshot: salvaged, losses })) => {
            assert!(losses.is_empty());
            // NaN is not equal to itself.
            assert_eq!(format!("{snapshot:?}"), format!("{salvaged:?}"));
            check_snapshot(bytes, &snapshot);
        }
        (Ok(_), Err(error)) => panic!("{error}"),
        (Err(_), Ok(Salvaged { snapshot, .. })) => check_snapshot(bytes, &snapshot),
        (Err(_), Err(_)) => {}
    }
}

fn check_snapshot(bytes: &[u8], snapshot: &Snapshot<'_>) {
    let (rows, width) = (snapshot.row_count() as usize, snapshot.header.dimensions as usize);
    assert_eq!(snapshot.vector_bytes(), &bytes[64..64 + rows * width * 4]);
    assert_eq!(snapshot.vectors().count(), rows);
    for (_, vector) in snapshot.vectors() {
        assert_eq!(vector.to_f32().unwrap().count(), width);
    }
    assert!(snapshot.vector(snapshot.row_count()).is_none());
    let deleted = (0..snapshot.row_count()).filter(|row| snapshot.is_deleted(*row)).count();
    assert_eq!(deleted, snapshot.deleted_count() as usize);
    assert!(snapshot.deleted().is_none_or(|bits| bits.len() == rows.div_ceil(8)));
    if let Some(graph) = snapshot.graph() {
        assert!(graph.node_count() <= rows as u64);
        for node in graph.nodes() {
            let _ = node.neighbors();
        }
    }
    let Ok((keep, _)) = snapshot.write_keep(Vec::new(), Codec::None) else {
        // A row of a container has at most 2^24 bytes.
        assert!(width * 4 > 1 << 24);
        return;
    };
    let reader = Reader::open(keep, Limits::default()).unwrap();
    reader.verify(&mut |error| panic!("{error}")).unwrap();
    assert_eq!(format!("{:?}", read_metadata(&reader).unwrap()), format!("{:?}", snapshot.metadata));
    if width > 0 {
        let values = reader.find(SectionId::ARRAY, 0).unwrap();
        assert_eq!(reader.view_raw(values).unwrap(), snapshot.vector_bytes());
    }
}

/// Makes the checksums right: of metadata where the header says they are, of the data, of the header.
pub(crate) fn reseal(bytes: &mut [u8]) {
    if bytes.len() < 64 {
        return;
    }
    let field = |bytes: &[u8], at: usize| u64::from_le_bytes(*bytes[at..].first_chunk().unwrap());
    let start = field(bytes, 24).max(64).saturating_add(field(bytes, 8).div_ceil(8));
    let section = usize::try_from(start).ok().and_then(|start| bytes.get_mut(start..));
    if let Some((header, rest)) = section.and_then(<[u8]>::split_first_chunk_mut::<16>) {
        let size = u32::from_le_bytes([header[8], header[9], header[10], header[11]]) as usize;
        if let Some(payload) = rest.get(..size) {
            header[12..].copy_from_slice(&crc32(payload).to_le_bytes());
        }
    }
    let data = crc32(&bytes[64..]);
    bytes[56..60].copy_from_slice(&data.to_le_bytes());
    bytes[44..48].fill(0);
    let header = crc32(&bytes[..64]);
    bytes[44..48].copy_from_slice(&header.to_le_bytes());
}
