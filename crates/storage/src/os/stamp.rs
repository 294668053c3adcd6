//! What the names in a directory are known by on Linux.
//!
//! The kernel dates a directory when a name in it comes, goes or changes, by a clock that moves on a few hundred times a second. So a look
//! believes a date only if the clock has left it behind: whatever changes later has another one, unless somebody sets the clock back and the change then meets
//! the very nanosecond, which is less likely than a disk that reads wrong.
//!
//! From Linux 6.13 on (multigrain timestamps) a date that was asked for is never given to a later change: there it is believed at once.

use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt,
    path::Path,
};

use rustix::{
    fs::statfs,
    system::uname,
    time::{ClockId, clock_gettime},
};

use crate::{FileId, Stamp};

/// File systems of this machine alone, which date a directory at every change and in nanoseconds: ext4, XFS, Btrfs, tmpfs. Others, and above all those
/// that several machines share, may date it late or not at all.
const TRUSTED: [u32; 4] = [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994];
/// From this Linux on these give no later change a date that was asked for.
const MULTIGRAIN: (u32, u32) = (6, 13);
/// Far more than a tick of the slowest clock.
const SETTLED_SECS: i64 = 2;

pub(super) fn of(dir: &Path) -> Option<Stamp> {
    // Before the date, so that what comes between the two is younger than what is compared.
    let now_secs = clock_gettime(ClockId::RealtimeCoarse).tv_sec;
    let stamp = settled(&fs::metadata(dir).ok()?, now_secs, is_multigrain())?;
    // Last, as it is seldom asked in a directory that saves go to.
    let kind = u32::try_from(statfs(dir).ok()?.f_type).ok()?;
    TRUSTED.contains(&kind).then_some(stamp)
}

/// Whether a directory still has a stamp that was believed: no later change has its date.
pub(super) fn is(dir: &Path, known: Stamp) -> bool {
    fs::metadata(dir).is_ok_and(|found| dated(&found) == known)
}

/// The stamp of a directory that was looked at when the clock said `now_secs`, or shortly after.
fn settled(found: &Metadata, now_secs: i64, is_multigrain: bool) -> Option<Stamp> {
    checked(dated(found), now_secs, is_multigrain)
}

fn dated(found: &Metadata) -> Stamp {
    let dir = FileId { device: found.dev(), inode: found.ino() };
    Stamp { dir, changed_secs: found.ctime(), changed_nanos: found.ctime_nsec() }
}

/// None for a stamp that a later change may have too.
fn checked(stamp: Stamp, now_secs: i64, is_multigrain: bool) -> Option<Stamp> {
    // One second is left out for the fractions of both. Old formats count whole seconds, where a clock that was set back would meet one again.
    let is_left_behind =
        is_multigrain || now_secs.checked_sub(stamp.changed_secs).is_some_and(|age| age > SETTLED_SECS);
    (is_left_behind && stamp.changed_nanos != 0).then_some(stamp)
}

/// Whether a date is not given twice once it was asked for.
fn is_multigrain() -> bool {
    version(uname().release().to_bytes()).is_some_and(|version| version >= MULTIGRAIN)
}

/// The first two numbers of a release.
fn version(release: &[u8]) -> Option<(u32, u32)> {
    let mut numbers = str::from_utf8(release).ok()?.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_date_that_no_later_change_can_have_is_believed() {
        let stamp = |changed_secs, changed_nanos| Stamp {
            dir: FileId { device: 1, inode: 2 },
            changed_secs,
            changed_nanos,
        };
        for (secs, nanos, now, is_believed) in [
            (100, 1, 103, true),
            (100, 999_999_999, 103, true),
            (100, 1, 102, false),
            (100, 1, 100, false),
            (100, 1, 99, false),
            // A clock that was set back, or a date of the far future.
            (i64::MAX, 1, 100, false),
            (i64::MIN, 1, i64::MAX, false),
            // Whole seconds.
            (100, 0, 103, false),
            (100, 0, 100_000, false),
        ] {
            let stamp = stamp(secs, nanos);
            assert_eq!(checked(stamp, now, false), is_believed.then_some(stamp), "{secs} {nanos} {now}");
            assert_eq!(checked(stamp, now, true), (nanos != 0).then_some(stamp), "{secs} {nanos} {now}");
        }
    }

    #[test]
    fn a_release_is_told_by_its_first_two_numbers() {
        for (release, expected) in [
            ("6.13.0", Some((6, 13))),
            ("6.9-rc1", Some((6, 9))),
            ("10.0.1-generic", Some((10, 0))),
            ("6", None),
            ("six.13", None),
            ("", None),
        ] {
            assert_eq!(version(release.as_bytes()), expected, "{release}");
        }
    }

    #[test]
    fn where_a_date_is_believed_at_once_each_change_gives_another() {
        let dir = tempfile::tempdir().unwrap();
        let mut last = of(dir.path());
        for number in 0..1000 {
            tempfile::NamedTempFile::with_prefix_in(number.to_string(), dir.path()).unwrap();
            let now = of(dir.path());
            assert!(now.is_none() || now != last, "{now:?}");
            assert!(
                last.is_none_or(|last| !is(dir.path(), last)) && now.is_none_or(|now| is(dir.path(), now))
            );
            last = now;
        }
    }

    #[test]
    fn a_directory_that_has_just_changed_and_one_that_is_missing_have_no_stamp() {
        let dir = tempfile::tempdir().unwrap();
        assert!(of(dir.path()).is_none() || is_multigrain());
        assert_eq!(of(&dir.path().join("nowhere")), None);
        // Nobody else's either: what the kernel makes up as it is asked is dated by nothing.
        assert_eq!(of(Path::new("/proc/self")), None);
    }
}
