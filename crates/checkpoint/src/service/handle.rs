use std::sync::Arc;

use crate::{
    Checkpoint, CheckpointInfo, CheckpointService, Command, Error, Failure, Line, PlanInfo, Reply, State,
    StateData,
};

impl CheckpointService {
    /// Does what a command says, as the method of its name does.
    ///
    /// # Errors
    /// As that method.
    pub fn handle(&self, command: Command) -> Result<Reply, Error> {
        let done = |()| Reply::Done;
        match command {
            Command::CreateSession { name, metadata } => {
                self.create_session(&name, metadata).map(|_| Reply::Done)
            }
            Command::EndSession { name } => self.end_session(&name).map(done),
            Command::RenameSession { name, to } => self.rename_session(&name, &to).map(done),
            Command::Sessions => self.sessions().map(Reply::Sessions),
            Command::Fork { session, name, from } => self.fork(&session, &name, from).map(|_| Reply::Done),
            Command::EndBranch { session, name } => self.end_branch(&session, &name).map(done),
            Command::Checkpoint { request, state } => {
                let made = self.checkpoint(request, &State::from(state))?;
                Ok(Reply::Checkpoint(CheckpointInfo::from(&made.checkpoint)))
            }
            Command::List { query } => self.list(&query).map(listed),
            Command::ListBySession { session } => self.list_by_session(&session).map(listed),
            Command::Latest { query } => {
                Ok(Reply::Latest(self.latest(&query)?.as_ref().map(CheckpointInfo::from)))
            }
            Command::Describe { id } => Ok(Reply::Checkpoint(CheckpointInfo::from(&self.describe(id)?))),
            Command::Get { id } => Ok(Reply::State(StateData::from(self.state(id)?))),
            Command::Restore { session, branch, id } => {
                let restored = self.restore_state(line(&session, branch.as_deref()), id)?;
                Ok(Reply::State(StateData::from(restored)))
            }
            Command::Undo { session, branch } => {
                let undone = self.undo(line(&session, branch.as_deref()))?;
                Ok(Reply::Undone { from: undone.from, to: undone.to })
            }
            Command::Tag { id, tags } => self.tag(id, &borrowed(&tags)).map(done),
            Command::Untag { id, tags } => self.untag(id, &borrowed(&tags)).map(done),
            Command::Annotate { id, key, value } => self.annotate(id, &key, value.as_deref()).map(done),
            Command::SetMessage { id, message } => self.set_message(id, &message).map(done),
            Command::Lock { id, locked } => self.lock(id, locked).map(done),
            Command::Plan { policy, now } => Ok(Reply::Plan(PlanInfo::from(&self.plan(&policy, now)?))),
            Command::Prune { policy, now } => self.prune(&policy, now).map(Reply::Pruned),
            Command::Compact { count } => {
                self.compact(usize::try_from(count).unwrap_or(usize::MAX)).map(Reply::Pruned)
            }
            Command::Sweep { now } => self.sweep(now).map(Reply::Swept),
            Command::Seal => self.seal().map(done),
            Command::Flush => self.flush().map(done),
            Command::Stats => self.stats().map(Reply::Stats),
            Command::Metrics => Ok(Reply::Metrics(self.metrics())),
            Command::Health => Ok(Reply::Health(self.health())),
        }
    }

    /// The same with a failure that can be sent.
    ///
    /// # Errors
    /// What [`handle`](Self::handle) says, as plain data.
    pub fn answer(&self, command: Command) -> Result<Reply, Failure> {
        self.handle(command).map_err(Failure::from)
    }
}

fn line<'l>(session: &'l str, branch: Option<&'l str>) -> Line<'l> {
    Line { session, branch }
}

fn borrowed(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

#[expect(clippy::needless_pass_by_value, reason = "it ends what was listed")]
fn listed(checkpoints: Vec<Arc<Checkpoint>>) -> Reply {
    Reply::Checkpoints(checkpoints.iter().map(CheckpointInfo::from).collect())
}
