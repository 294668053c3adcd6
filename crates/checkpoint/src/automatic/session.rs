use std::sync::Arc;

use keepstone_store::Payload;

use super::{
    due::Due,
    policy::Automatic,
    schedule::{Schedule, Wanted},
};
use crate::{
    Error,
    id::Sequence,
    store::{Committed, Draft, Session},
    trigger::Trigger,
};

/// A session on which checkpoints are made by themselves, as an [`Automatic`] says.
///
/// It does nothing between calls: the program tells what happens, and asks in each frame, or after each step of an agent. What it is told costs no lock and no allocation but the first event's name; asking
/// costs some comparisons unless something is due. Times are nanoseconds UTC since 1970; where none is given it is that of the store's clock.
///
/// A clock that goes back makes nothing wait for longer than its span from then on. However long nobody has asked, one checkpoint is due, not several.
#[derive(Debug, Clone)]
#[doc(alias("AutoCheckpoint", "Checkpointer"))]
pub struct AutoSession {
    session: Session,
    schedule: Schedule,
    /// The head that was looked at last.
    seen: Option<Sequence>,
}

/// Automatic checkpoints.
impl Session {
    /// Makes checkpoints on this branch by themselves, when a policy says so.
    ///
    /// It goes on from what the store knows of the branch: the interval counts from the time of the head, and the throttle from the automatic checkpoints that there are. So a program that is started
    /// over and over makes neither one each time nor none. Without a head, or one whose time is unknown, the interval counts from the first time that is told.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use keepstone_checkpoint::{Automatic, CheckpointStore, Trigger};
    ///
    /// const SECOND: i64 = 1_000_000_000;
    /// let store = CheckpointStore::in_memory();
    /// let session = store.session("agent")?;
    /// let policy = Automatic::new()
    ///     .every(Duration::from_secs(60))
    ///     .after_bytes(64 << 10)
    ///     .on("tool-call")
    ///     .throttle(Duration::from_secs(5));
    /// let mut auto = session.automatic(policy)?;
    ///
    /// let mut state = vec![String::from("hello")];
    /// assert!(auto.poll(Some(0), &state)?.is_none());
    /// state.push("a tool is about to be called".into());
    /// auto.event("tool-call");
    /// let made = auto.poll(Some(SECOND), &state)?.expect("the event makes it due");
    /// assert_eq!(made.checkpoint.trigger, Trigger::Automatic("tool-call".into()));
    ///
    /// auto.changed(100_000);
    /// assert!(auto.poll(Some(3 * SECOND), &state)?.is_none(), "five seconds are not over");
    /// assert!(auto.poll(Some(6 * SECOND), &state)?.is_some());
    /// # Ok::<(), keepstone_checkpoint::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Length`] for names, tags or a message that no checkpoint may have; [`Error::NoBranch`] if the branch has ended; as a commit, if an earlier one has failed.
    pub fn automatic(&self, policy: Automatic) -> Result<AutoSession, Error> {
        policy.check()?;
        let head = self.head()?;
        let count = policy.at_most.map_or(1, |at_most| at_most.count.max(1));
        let mut made = self.automatic_times(usize::try_from(count).unwrap_or(usize::MAX))?;
        made.reverse();
        let schedule = Schedule::new(policy, head.as_ref().and_then(|head| head.time), made);
        Ok(AutoSession { session: self.clone(), schedule, seen: head.map(|head| head.sequence) })
    }
}

/// What happens.
impl AutoSession {
    /// Tells of an event: a tool is about to be called, a level is done. Answers whether the policy knows it.
    #[doc(alias = "trigger")]
    pub fn event(&mut self, name: &str) -> bool {
        self.schedule.event(name)
    }

    /// Tells that so many bytes of the state have changed. They add up until a checkpoint holds them.
    pub fn changed(&mut self, bytes: u64) {
        self.schedule.changed(bytes);
    }

    /// Tells that the program has made a checkpoint itself, which holds all that was told so far: events, bytes and the interval count anew. The throttle is as it was.
    ///
    /// Without it a checkpoint that was made otherwise counts for the interval alone.
    ///
    /// # Errors
    /// [`Error::Misuse`] if nobody knows the time.
    pub fn checkpointed(&mut self, now: Option<i64>) -> Result<(), Error> {
        let now = self.tell(now)?;
        self.schedule.holds_all(now);
        Ok(())
    }

    /// Tells that the state that a checkpoint was due of could not be captured: nothing is due before the back-off is over, and all that was told still counts. What fails in [`poll`](Self::poll) is
    /// known already.
    ///
    /// # Errors
    /// [`Error::Misuse`] if nobody knows the time.
    pub fn failed(&mut self, now: Option<i64>) -> Result<(), Error> {
        let now = self.tell(now)?;
        self.schedule.failed(now);
        Ok(())
    }
}

/// What is due.
impl AutoSession {
    /// Makes a checkpoint of a payload if one is due, and answers it. It has the time of the call, and the trigger [`Automatic`](Trigger::Automatic) with the cause.
    ///
    /// # Errors
    /// As [`Draft::commit`], and [`Error::Misuse`] if nobody knows the time. The throttle is not begun by it, nothing that was told is forgotten, and the next call after the back-off tries again.
    pub fn poll<P: Payload + ?Sized>(
        &mut self,
        now: Option<i64>,
        payload: &P,
    ) -> Result<Option<Committed>, Error> {
        let now = self.tell(now)?;
        match self.wanted(now) {
            Ok(None) => Ok(None),
            Ok(Some(wanted)) => self.noted(now, |auto| auto.serve(now, wanted, payload)),
            Err(err) => self.noted(now, |_| Err(err)),
        }
    }

    /// The same with a payload that is only made when a checkpoint is due, or when the state is to be measured.
    ///
    /// # Errors
    /// As [`AutoSession::poll`].
    pub fn poll_with<P: Payload>(
        &mut self,
        now: Option<i64>,
        capture: impl FnOnce() -> P,
    ) -> Result<Option<Committed>, Error> {
        let now = self.tell(now)?;
        match self.wanted(now) {
            Ok(None) => Ok(None),
            Ok(Some(wanted)) => {
                let payload = capture();
                self.noted(now, |auto| auto.serve(now, wanted, &payload))
            }
            Err(err) => self.noted(now, |_| Err(err)),
        }
    }

    /// Whether [`poll`](Self::poll) would look at the state: a checkpoint is due, or a measurement.
    ///
    /// # Errors
    /// [`Error::Misuse`] if nobody knows the time; as [`Session::head`], which counts as a failure.
    pub fn wants(&mut self, now: Option<i64>) -> Result<bool, Error> {
        let now = self.tell(now)?;
        match self.wanted(now) {
            Ok(wanted) => Ok(wanted.is_some()),
            Err(err) => self.noted(now, |_| Err(err)),
        }
    }

    /// Why a checkpoint is due, if one is; nothing is made. Whether a state differs enough nobody knows before [`poll`](Self::poll) has it.
    ///
    /// # Errors
    /// [`Error::Misuse`] if nobody knows the time; as [`Session::head`].
    pub fn due(&mut self, now: Option<i64>) -> Result<Option<Due>, Error> {
        let now = self.tell(now)?;
        Ok(match self.wanted(now)? {
            Some(Wanted::Checkpoint(due)) => Some(due),
            Some(Wanted::Measure) | None => None,
        })
    }

    /// When to ask next, unless something happens before: now or later; none if nothing comes due by itself. For programs that wait instead of asking in each frame.
    ///
    /// # Errors
    /// [`Error::Misuse`] if nobody knows the time; as [`Session::head`].
    pub fn next_due(&mut self, now: Option<i64>) -> Result<Option<i64>, Error> {
        let now = self.tell(now)?;
        self.look(now)?;
        Ok(self.schedule.next(now))
    }
}

impl AutoSession {
    /// The session that checkpoints are made on.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// When they are made.
    pub fn policy(&self) -> &Automatic {
        self.schedule.policy()
    }

    /// Changes when they are made, as of now. What was told still counts, apart from an event that the policy doesn't know.
    ///
    /// # Errors
    /// [`Error::Length`], as [`Session::automatic`]; then the policy is as it was.
    pub fn set_policy(&mut self, policy: Automatic) -> Result<(), Error> {
        policy.check()?;
        self.schedule.set_policy(policy);
        Ok(())
    }

    /// Learns the time, or looks at the store's clock.
    fn tell(&mut self, now: Option<i64>) -> Result<i64, Error> {
        let now = now.or_else(|| self.session.store().options().now()).ok_or(NO_TIME)?;
        self.schedule.tell(now);
        Ok(now)
    }

    /// What there is to do. Where that is only because of the interval, a look is taken at the head.
    fn wanted(&mut self, now: i64) -> Result<Option<Wanted>, Error> {
        let wanted = self.schedule.wanted(now);
        if !matches!(wanted, Some(Wanted::Checkpoint(Due::Interval(_)))) {
            return Ok(wanted);
        }
        self.look(now)?;
        Ok(self.schedule.wanted(now))
    }

    /// Looks at the head: somebody else may have made a checkpoint meanwhile.
    fn look(&mut self, now: i64) -> Result<(), Error> {
        let Some(head) = self.session.head()? else { return Ok(()) };
        // Each counts once, or one whose time lies ahead would count for ever.
        if self.seen.replace(head.sequence) != Some(head.sequence)
            && let Some(time) = head.time
        {
            self.schedule.overtake(time, now);
        }
        Ok(())
    }

    fn serve<P: Payload + ?Sized>(
        &mut self,
        now: i64,
        wanted: Wanted,
        payload: &P,
    ) -> Result<Option<Committed>, Error> {
        let due = match wanted {
            Wanted::Checkpoint(due) => due,
            Wanted::Measure => {
                let differs = self.session.difference(payload)?;
                if self.policy().difference.is_none_or(|difference| differs < difference.bytes) {
                    self.schedule.differs_too_little(now);
                    return Ok(None);
                }
                Due::Differs(differs)
            }
        };
        let committed = self.draft(&due, payload).at(now).commit()?;
        self.schedule.made(now);
        self.seen = Some(committed.checkpoint.sequence);
        Ok(Some(committed))
    }

    fn draft<'s, P: Payload + ?Sized>(&'s self, due: &Due, payload: &'s P) -> Draft<'s, P> {
        let (policy, (events, bytes)) = (self.policy(), self.schedule.told());
        let draft = self
            .session
            .checkpoint(payload)
            .trigger(Trigger::Automatic(due.cause()))
            .message(policy.message_for(due, events, bytes))
            .durability(policy.durability);
        policy.tags().iter().fold(draft, |draft, tag| draft.tag(Arc::clone(tag)))
    }

    /// Does something, and takes note if it fails.
    fn noted<T>(&mut self, now: i64, work: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        let done = work(self);
        if done.is_err() {
            self.schedule.failed(now);
        }
        done
    }
}

const NO_TIME: Error =
    Error::Misuse { what: "nobody knows the time; tell it, or give the store a clock in its options" };
