//! What is left of damaged snapshots.

use keepstone_compat::Error;
use keepstone_compat::edgevec::Snapshot;
use keepstone_compat::edgevec::snapshot::{Loss, Salvaged, Warning};
use keepstone_format::Limits;

use super::files::{FULL, HEADER, ONE, read};
use crate::edgevec::evec::{Evec, patched};

fn salvage(bytes: &[u8]) -> Salvaged<'_> {
    Snapshot::salvage(bytes, &Limits::for_file_len(bytes.len() as u64)).unwrap()
}

/// The rows of the whole file that the other one has.
fn check_rows(found: &Snapshot<'_>, whole: &Snapshot<'_>) {
    let len = found.vector_bytes().len();
    assert_eq!(found.vector_bytes(), &whole.vector_bytes()[..len]);
    assert_eq!(len, found.row_count() as usize * whole.header.dimensions as usize * 4);
}

#[test]
fn of_what_is_whole_nothing_is_lost() {
    for bytes in [HEADER, ONE, FULL] {
        let Salvaged { snapshot, losses } = salvage(bytes);
        assert!(losses.is_empty());
        assert_eq!(snapshot, read(bytes).unwrap());
    }
}

#[test]
fn every_flipped_bit_of_a_header_is_put_right() {
    for bytes in [HEADER, FULL] {
        let whole = read(bytes).unwrap();
        for bit in 0..512 {
            let mut damaged = bytes.to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let Salvaged { snapshot, losses } = salvage(&damaged);
            assert!(
                matches!(losses[..], [Loss::HeaderBit { bit: found }] if usize::from(found) == bit),
                "{bit}"
            );
            assert_eq!(snapshot, whole, "bit {bit}");
        }
    }
}

/// Bits at steps that meet each place of a byte.
#[test]
fn flipped_bits_behind_the_header_keep_all_rows() {
    let whole = read(FULL).unwrap();
    for bit in (512..FULL.len() * 8).step_by(5) {
        let mut damaged = FULL.to_vec();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let Salvaged { snapshot, losses } = salvage(&damaged);
        assert_eq!(snapshot.row_count(), 100, "bit {bit}");
        assert!(matches!(losses.last(), Some(Loss::Unverified { .. })), "bit {bit}: {losses:?}");
        // The metadata have a checksum of their own, and are what was written or not there.
        assert!(snapshot.metadata == whole.metadata || snapshot.metadata.is_none(), "bit {bit}");
        let is_metadata_lost = losses.iter().any(|loss| matches!(loss, Loss::Metadata { .. }));
        assert_eq!(is_metadata_lost, snapshot.metadata.is_none(), "bit {bit}");
        let in_vectors = bit / 8 < 3264;
        assert_eq!(snapshot.vector_bytes() == whole.vector_bytes(), !in_vectors, "bit {bit}");
    }
}

#[test]
fn a_file_cut_short_keeps_the_rows_that_are_whole() {
    let whole = read(FULL).unwrap();
    for len in 0..FULL.len() {
        let cut = &FULL[..len];
        if len < 64 + 32 {
            assert!(Snapshot::salvage(cut, &Limits::default()).is_err(), "{len} bytes");
            continue;
        }
        let Salvaged { snapshot, losses } = salvage(cut);
        check_rows(&snapshot, &whole);
        let rows = ((len - 64) / 32).min(100);
        assert_eq!(snapshot.row_count() as usize, rows, "{len} bytes");
        let lost = |is: fn(&Loss) -> bool| losses.iter().any(is);
        assert_eq!(lost(|loss| matches!(loss, Loss::Rows { .. })), rows < 100, "{len} bytes");
        assert_eq!(lost(|loss| matches!(loss, Loss::Graph)), len < 6592, "{len} bytes");
        assert_eq!(snapshot.graph().is_none(), len < 6592, "{len} bytes");
        // The nodes say what is deleted as well.
        assert_eq!(lost(|loss| matches!(loss, Loss::Deleted)), len < 4864, "{len} bytes");
        assert_eq!(lost(|loss| matches!(loss, Loss::Bitmap)), (4864..6605).contains(&len), "{len} bytes");
        assert_eq!(snapshot.deleted(), whole.deleted().filter(|_| len >= 4864), "{len} bytes");
        assert!(lost(|loss| matches!(loss, Loss::Metadata { .. })) && snapshot.metadata.is_none());
        assert!(lost(|loss| matches!(loss, Loss::Unverified { .. })), "{len} bytes");
        let texts = losses.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        assert!(
            rows == 100 || texts.contains(&format!("{} vectors, from row {rows}", 100 - rows)),
            "{texts}"
        );
    }
}

#[test]
fn a_header_of_which_much_is_lost_is_taken_where_the_nodes_confirm_it() {
    let whole = read(FULL).unwrap();
    // Seed and both parameters; then the count, the dimensions or the offset of the graph as well.
    for more in [0..0, 8..16, 40..44, 16..24] {
        let mut damaged = FULL.to_vec();
        damaged[32..40].fill(0xff);
        damaged[48..56].fill(0xff);
        damaged[more.clone()].fill(0xff);
        let Salvaged { snapshot, losses } = salvage(&damaged);
        assert!(matches!(losses[..], [Loss::Header { .. }]), "{more:?}: {losses:?}");
        check_rows(&snapshot, &whole);
        assert_eq!((snapshot.row_count(), snapshot.deleted()), (100, whole.deleted()));
        assert_eq!(snapshot.metadata, whole.metadata);
    }
    // Both count and dimensions: nobody knows what a row is.
    let mut damaged = FULL.to_vec();
    damaged[8..16].fill(0xff);
    damaged[40..44].fill(0xff);
    let error = Snapshot::salvage(&damaged, &Limits::default()).unwrap_err();
    assert!(matches!(error, Error::Checksum { offset: 0, .. }), "{error}");
}

#[test]
fn a_stream_without_a_checksum_is_said_to_be_unverified() {
    let mut bytes = FULL.to_vec();
    bytes[56..60].fill(0);
    crate::edgevec::evec::seal_header(&mut bytes);
    let Salvaged { snapshot, losses } = salvage(&bytes);
    assert!(matches!(losses[..], [Loss::NoChecksum]), "{losses:?}");
    assert_eq!(snapshot.vector_bytes(), read(FULL).unwrap().vector_bytes());
}

#[test]
fn bytes_behind_the_end_cost_nothing() {
    for bytes in [Evec::new(5).build(), FULL.to_vec()] {
        let longer = [&bytes[..], b"more"].concat();
        assert!(read(&longer).is_err());
        let Salvaged { snapshot, losses } = salvage(&longer);
        assert!(losses.is_empty());
        assert_eq!(snapshot.warnings, [Warning::Trailing { offset: bytes.len() as u64, len: 4 }]);
    }
}

#[test]
fn what_a_newer_version_wrote_is_left_alone() {
    for bytes in [patched(FULL, 4, &[1]), patched(FULL, 6, &[0x0c])] {
        let error = Snapshot::salvage(&bytes, &Limits::default()).unwrap_err();
        assert!(matches!(error, Error::Version { .. } | Error::Flags { .. }), "{error}");
    }
}

#[test]
fn a_graph_offset_that_is_wrong_costs_what_is_behind_the_rows() {
    let bytes = patched(FULL, 16, &3000_u64.to_le_bytes());
    let Salvaged { snapshot, losses } = salvage(&bytes);
    check_rows(&snapshot, &read(FULL).unwrap());
    assert!(matches!(losses[..], [Loss::Graph, Loss::Deleted, Loss::Metadata { .. }]), "{losses:?}");
}

/// Two bits of the offset of the bitmap were wrong, and bytes of the graph were taken for the bitmap: live rows
/// were deleted and deleted ones came back.
#[test]
fn two_wrong_bits_of_a_header_never_make_other_rows_deleted() {
    let whole = read(FULL).unwrap();
    for bytes in [FULL, HEADER] {
        let whole = read(bytes).unwrap();
        for first in 32..352 {
            // Bits 44 to 47 of the bytes are the checksum; versions and flags are looked at below.
            for second in [first + 1, first + 9, 130 + first % 70, 192 + first % 40] {
                let mut damaged = bytes.to_vec();
                for bit in [first, second] {
                    damaged[bit / 8] ^= 1 << (bit % 8);
                }
                let Ok(Salvaged { snapshot, losses }) =
                    Snapshot::salvage(&damaged, &Limits::for_file_len(bytes.len() as u64))
                else {
                    continue;
                };
                let case = format!("bits {first} and {second}: {losses:?}");
                if first == second {
                    continue;
                }
                assert!(!losses.is_empty(), "{case}");
                check_rows(&snapshot, &whole);
                let lost = |is: fn(&Loss) -> bool| losses.iter().any(is);
                let is_deleted_lost = lost(|loss| matches!(loss, Loss::Deleted));
                let has_version = first >= 48 && second >= 48;
                assert!(!has_version || is_deleted_lost || snapshot.deleted() == whole.deleted(), "{case}");
                let is_metadata_lost = lost(|loss| matches!(loss, Loss::Metadata { .. }));
                assert!(snapshot.metadata == whole.metadata || is_metadata_lost, "{case}");
            }
        }
    }
    // The offset alone, and the flag with it: the metadata are found by their own checksum.
    for more in [24..32, 6..7] {
        let mut damaged = FULL.to_vec();
        damaged[32..36].fill(0xff);
        damaged[more.clone()].fill(0);
        let Salvaged { snapshot, losses } = salvage(&damaged);
        assert!(matches!(losses[..], [Loss::Header { .. }]), "{more:?}: {losses:?}");
        assert_eq!((snapshot.deleted(), &snapshot.metadata), (whole.deleted(), &whole.metadata));
    }
    // Without metadata that hold nothing says where the bitmap begins, and the nodes say what is deleted.
    let mut damaged = FULL.to_vec();
    damaged[24..32].fill(0xff);
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    let Salvaged { snapshot, losses } = salvage(&damaged);
    assert!(losses.iter().any(|loss| matches!(loss, Loss::Bitmap)), "{losses:?}");
    assert!(losses.iter().any(|loss| matches!(loss, Loss::Metadata { .. })), "{losses:?}");
    assert_eq!(snapshot.deleted(), whole.deleted());
}
