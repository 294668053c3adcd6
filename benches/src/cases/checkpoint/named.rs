use std::path::Path;

use anyhow::{Context, Result};

use crate::{
    Watch,
    case::{Case, Plan},
    forge::{self, Call},
};

/// A benchmark of forge by its name: ours beside the same by hand.
pub(in crate::cases) fn case(plan: &Plan, dir: &Path) -> Result<Case> {
    let named = forge::find(plan.name()).context("no benchmark of forge has this name")?;
    let (ours, by_hand) = (named.ours(dir)?, named.by_hand(dir)?);
    Ok(plan.case().ours(side(ours)).floor(1.0, "JSON by hand", side(by_hand)))
}

fn side(mut call: Call) -> impl FnMut(&mut Watch) -> Result<()> {
    move |watch| match &mut call {
        Call::Whole(call) => watch.together(call),
        Call::Timed(call) => watch.spent(call),
    }
}
