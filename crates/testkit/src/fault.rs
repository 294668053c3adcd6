use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use keepstone_storage::{Files, Op};

use crate::tap::{Call, Tap, Tapped, Verdict};

/// Files of which some calls fail as planned: `Tapped::new(files, Plan::..)`, as one name.
pub type FaultFiles = Tapped<Plan>;

impl FaultFiles {
    /// Lets call number `at` (from 0), and with [`Until::Forever`] all later ones, meet `fault`.
    pub fn over(inner: Arc<dyn Files>, at: u64, fault: Fault, until: Until) -> Self {
        let made = AtomicU64::new(0);
        Tapped::new(inner, Plan { at, fault, until, made })
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
}

impl Fault {
    /// The faults that make a call fail.
    pub const ERRORS: [Self; 5] = [Self::NoSpace, Self::Io, Self::ReadOnly, Self::Denied, Self::TooManyOpen];

    fn verdict(self) -> Verdict {
        // The numbers of Unix systems, which all share these, and of Windows.
        let (unix, windows) = match self {
            Self::NoSpace => (28, 112),
            Self::Io => (5, 1117),
            Self::ReadOnly => (30, 19),
            Self::Denied => (13, 5),
            Self::TooManyOpen => (24, 4),
            Self::Interrupted => return Verdict::Fail(io::ErrorKind::Interrupted.into()),
            Self::Short => return Verdict::Short,
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
        let transfers = matches!(call.op, Op::Read | Op::Write);
        let applies = transfers || self.fault != Fault::Interrupted;
        if meets && applies { self.fault.verdict() } else { Verdict::Run }
    }
}
