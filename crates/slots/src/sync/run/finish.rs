use super::Run;
use crate::{
    Error,
    sync::{base::Base, history::Version},
};

impl Run<'_> {
    /// Writes down what is there and what is in common, and deletes what is superseded: in this order, each only once the one before it is done.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        if self.options.may_upload() {
            let superseded = if self.options.prune_remote { self.superseded()? } else { Vec::new() };
            match self.remote.write_manifest(&superseded, self.options) {
                Ok(()) => superseded.iter().for_each(|stem| match self.remote.delete(stem) {
                    Ok(name) => self.report.pruned.push(name),
                    Err(err) => self.report.errors.push(err),
                }),
                Err(err) => self.report.errors.push(err),
            }
        }
        let base = Base { manifest_id: self.remote.manifest_id(), slots: self.in_common()? };
        if base != self.base
            && self.survey()?.is_there
            && let Err(err) = self.write_base(&base)
        {
            self.report.errors.push(err);
        }
        Ok(())
    }

    /// The remote files that a save which is both here and there has superseded. What only a remote file says of itself is no reason to delete another.
    fn superseded(&self) -> Result<Vec<crate::stem::Stem>, Error> {
        let survey = self.survey()?;
        let newest = survey.slots().into_iter().filter_map(|slot| survey.newest(slot));
        let both = newest.filter(|here| self.remote.has(here.slot(), here.id()));
        let versions: Vec<Version> = both.map(Version::of_entry).collect();
        Ok(self.remote.superseded(&versions))
    }
}
