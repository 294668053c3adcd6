use std::{fmt, ops::ControlFlow};

use keepstone::checkpoint::{Checkpoint, CheckpointReader, Plan, Policy, Pruned, Swept};
use serde::Serialize;

use super::store;
use crate::args::PruneArgs;
use crate::error::Error;
use crate::output::{Exit, Report};
use crate::progress::Progress;
use crate::slot::now;
use crate::text::{Shown, count, plural};

const DAY: i64 = 24 * 3600 * 1_000_000_000;

/// What `checkpoint prune` did, or would do.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    dry_run: bool,
    gone: Vec<Name>,
    kept: Vec<Kept>,
    /// Moves of heads that `undo` no longer takes back.
    ended_undo: Vec<Step>,
    /// Bytes of all states before, and about as many afterwards.
    bytes_before: u64,
    bytes_after: u64,
    /// Bytes that were written for what stays.
    bytes_written: u64,
    /// Bytes of files that are gone, and files whose time is not over yet.
    bytes_removed: u64,
    packs_waiting: u64,
    #[serde(skip)]
    text: String,
}

#[derive(Debug, Serialize)]
struct Name {
    id: String,
    number: u64,
    session: String,
}

#[derive(Debug, Serialize)]
struct Kept {
    #[serde(flatten)]
    name: Name,
    reasons: Vec<String>,
    /// Whether its state is written anew, since what it is a difference to goes.
    rebased: bool,
}

#[derive(Debug, Serialize)]
struct Step {
    session: String,
    branch: String,
    #[serde(rename = "move")]
    number: u64,
}

/// Lets go of checkpoints.
pub(super) fn run(args: &PruneArgs, progress: &Progress) -> Result<Answer, Error> {
    let policy = policy(args);
    let grace = days(args.grace);
    if args.dry_run {
        let reader = CheckpointReader::open_with(&args.store, store::options(grace))?;
        let plan = reader.plan(&policy, None)?;
        return Ok(Answer::new(&plan, None));
    }
    let store = store::open_with_grace(&args.store, grace)?;
    let plan = store.plan(&policy, None)?;
    let pruned = store.apply(&plan, &mut |done| {
        progress.step(&format!("{} of {} written anew", done.done, done.total));
        ControlFlow::Continue(())
    })?;
    // Also of what went before.
    let swept = store.sweep(now())?;
    Ok(Answer::new(&plan, Some((pruned, swept))))
}

fn policy(args: &PruneArgs) -> Policy {
    let mut policy = counted(Policy::new(), args.keep_last, Policy::keep_last);
    policy = counted(policy, args.keep_hourly, Policy::keep_hourly);
    policy = counted(policy, args.keep_daily, Policy::keep_daily);
    policy = counted(policy, args.keep_weekly, Policy::keep_weekly);
    policy = counted(policy, args.keep_monthly, Policy::keep_monthly);
    policy = counted(policy, args.keep_yearly, Policy::keep_yearly);
    policy = args.keep_tag.iter().fold(policy, Policy::keep_tag);
    policy = args.keep_annotated.iter().fold(policy, Policy::keep_annotated);
    policy = args.session.iter().fold(policy, Policy::only_session);
    if let Some(within) = args.keep_within {
        policy = policy.keep_within(days(within));
    }
    if args.keep_tagged {
        policy = policy.keep_any_tagged();
    }
    if let Some(bytes) = args.max_bytes {
        policy = policy.max_bytes(bytes);
    }
    if args.per_branch { policy.per_branch() } else { policy }
}

/// Adds a rule that counts, if it was asked for.
fn counted(policy: Policy, count: Option<usize>, rule: fn(Policy, usize) -> Policy) -> Policy {
    match count {
        Some(count) => rule(policy, count),
        None => policy,
    }
}

/// So many days in nanoseconds.
fn days(count: u32) -> i64 {
    i64::from(count).saturating_mul(DAY)
}

impl Name {
    fn of(checkpoint: &Checkpoint) -> Self {
        Self {
            id: checkpoint.id.to_string(),
            number: checkpoint.sequence.0,
            session: checkpoint.session.to_string(),
        }
    }
}

impl Answer {
    fn new(plan: &Plan, done: Option<(Pruned, Swept)>) -> Self {
        let kept = plan.kept().iter().map(|kept| Kept {
            name: Name::of(&kept.checkpoint),
            reasons: kept.reasons.iter().map(ToString::to_string).collect(),
            rebased: kept.rebased,
        });
        let steps = plan.ended_undo().iter().map(|step| Step {
            session: step.session.to_string(),
            branch: step.branch.to_string(),
            number: step.taken_back.number,
        });
        let (pruned, swept) = done.unwrap_or_default();
        Self {
            dry_run: done.is_none(),
            gone: plan.gone().iter().map(|gone| Name::of(gone)).collect(),
            kept: kept.collect(),
            ended_undo: steps.collect(),
            bytes_before: plan.bytes_before(),
            bytes_after: plan.bytes_after(),
            bytes_written: pruned.bytes_written,
            bytes_removed: swept.bytes,
            packs_waiting: swept.waiting,
            text: plan.to_string(),
        }
    }
}

impl Report for Answer {
    fn exit(&self) -> Exit {
        Exit::Good
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dry_run {
            return self.text.lines().try_for_each(|line| writeln!(f, "{}", Shown(line)));
        }
        let (gone, kept) = (plural(self.gone.len() as u64, "checkpoint"), count(self.kept.len() as u64));
        writeln!(f, "{gone} gone, {kept} kept")?;
        let (before, after) = (count(self.bytes_before), count(self.bytes_after));
        writeln!(f, "  {before} bytes of states before, about {after} now")?;
        if !self.ended_undo.is_empty() {
            writeln!(f, "  undo no longer takes back {}", plural(self.ended_undo.len() as u64, "move"))?;
        }
        write!(f, "  {} bytes of files removed", count(self.bytes_removed))?;
        match self.packs_waiting {
            0 => writeln!(f),
            waiting => writeln!(f, "; {} until --grace is over", plural(waiting, "more file")),
        }
    }
}
