use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use keepstone_storage::{Files, Op};

use crate::{
    SimFiles,
    tap::{Call, Tap, Tapped, Verdict},
};

/// Files of which some calls fail as planned: `Tapped::new(files, Plan::..)`, as one name.
pub type FaultFiles = Tapped<Plan>;

impl FaultFiles {
    /// Lets call number `at` (from 0), and with [`Until::Forever`] all later ones, meet `fault`.
    pub fn over(inner: Arc<dyn Files>, at: u64, fault: Fault, until: Until) -> Self {
        let made = AtomicU64::new(0);
        Tapped::new(inner, Plan { at, fault, until, made, told: None })
    }

    /// As [`over`](Self::over), over a disk that is told of failed syncs.
    pub(crate) fn telling(disk: SimFiles, at: u64, fault: Fault, until: Until) -> Self {
        let made = AtomicU64::new(0);
        Tapped::new(Arc::new(disk.clone()), Plan { at, fault, until, made, told: Some(disk) })
    }

    /// How many calls have been made, failed ones included.
    pub fn calls(&self) -> u64 {
        self.tap().made.load(Ordering::SeqCst)
    }
}

/// The tap of [`FaultFiles`].
#[derive(Debug)]
pub struct Plan {
    at: u64,
    fault: Fault,
    until: Until,
    made: AtomicU64,
    told: Option<SimFiles>,
}

/// How a planned call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// ENOSPC.
    NoSpace,
    /// EIO.
    Io,
    /// EROFS.
    ReadOnly,
    /// EACCES.
    Denied,
    /// EMFILE.
    TooManyOpen,
    /// EINTR: on reads and writes only, since the standard library hides it elsewhere.
    Interrupted,
    /// A read or write handles half its bytes.
    Short,
    /// A read answers with one bit turned over, which the number of the call chooses.
    BitFlip,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::NoSpace,
        Self::Io,
        Self::ReadOnly,
        Self::Denied,
        Self::TooManyOpen,
        Self::Interrupted,
        Self::Short,
        Self::BitFlip,
    ];

    /// The faults that make a call fail.
    pub const ERRORS: [Self; 5] = [Self::NoSpace, Self::Io, Self::ReadOnly, Self::Denied, Self::TooManyOpen];

    /// Whether a call of this kind can go wrong so; others are made as if nothing were planned.
    fn applies_to(self, op: Op) -> bool {
        match self {
            Self::Interrupted | Self::Short => matches!(op, Op::Read | Op::Write),
            Self::BitFlip => op == Op::Read,
            _ => true,
        }
    }

    fn verdict(self, index: u64) -> Verdict {
        // The numbers of Unix systems, which all share these, and of Windows.
        let (unix, windows) = match self {
            Self::NoSpace => (28, 112),
            Self::Io => (5, 1117),
            Self::ReadOnly => (30, 19),
            Self::Denied => (13, 5),
            Self::TooManyOpen => (24, 4),
            Self::Interrupted => return Verdict::Fail(io::ErrorKind::Interrupted.into()),
            Self::Short => return Verdict::Short,
            Self::BitFlip => return Verdict::FlipBit(index),
        };
        let errno = if cfg!(windows) { windows } else { unix };
        Verdict::Fail(io::Error::from_raw_os_error(errno))
    }
}

/// How long a fault lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// One call.
    Once,
    /// From that call on: the cause stays, or with any error the process is dead.
    Forever,
}

impl Tap for Plan {
    fn before(&self, call: &Call<'_>) -> Verdict {
        let index = self.made.fetch_add(1, Ordering::SeqCst);
        let meets = match self.until {
            Until::Once => index == self.at,
            // A fault that a loop gets over must let every second call through.
            Until::Forever if self.fault == Fault::Interrupted => {
                index >= self.at && (index - self.at).is_multiple_of(2)
            }
            Until::Forever => index >= self.at,
        };
        if !meets || !self.fault.applies_to(call.op) {
            return Verdict::Run;
        }
        let verdict = self.fault.verdict(index);
        if let (Verdict::Fail(_), Op::SyncData | Op::SyncAll) = (&verdict, call.op)
            && let (Some(disk), Some(file)) = (&self.told, call.file)
        {
            disk.fail_sync(file.inode);
        }
        verdict
    }
}
