use crate::entities::{EntityType, Resolve};
use crate::error::Problem;
use crate::fault::Fault;
use crate::plan::Plan;

/// What is left of a row and of the targets.
pub(super) struct Reader<'d, 'a> {
    pub(super) plan: &'d Plan<'a>,
    pub(super) rest: &'a [u8],
    pub(super) targets: &'a [u32],
    pub(super) resolve: Option<&'d mut (dyn Resolve + 'a)>,
    pub(super) entity: &'d EntityType,
    pub(super) human_readable: bool,
    pub(super) depth_max: u32,
    /// Levels that the value may still go down.
    pub(super) depth_left: u32,
    /// Elements without bytes that were read.
    pub(super) empties: &'d mut u64,
    pub(super) empties_max: u64,
}

impl Reader<'_, '_> {
    /// Goes into a container; whoever leaves it says so.
    #[inline(always)]
    pub(super) fn enter(&mut self) -> Result<(), Fault> {
        match self.depth_left.checked_sub(1) {
            Some(left) => {
                self.depth_left = left;
                Ok(())
            }
            None => Err(too_deep(self.depth_max)),
        }
    }

    #[inline(always)]
    pub(super) fn leave(&mut self) {
        self.depth_left += 1;
    }

    #[inline]
    pub(super) fn target(&mut self) -> Result<u32, Fault> {
        let Some((target, rest)) = self.targets.split_first() else { return Err(Problem::Targets.into()) };
        self.targets = rest;
        Ok(*target)
    }

    #[inline]
    pub(super) fn reference(&mut self) -> Result<u64, Fault> {
        let ordinal = self.target()?;
        match &mut self.resolve {
            Some(resolve) => Ok(resolve.bits(ordinal)),
            None => Err(Problem::Unresolved.into()),
        }
    }

    /// Pays for elements that take no bytes.
    #[inline]
    pub(super) fn pay(&mut self, count: u64) -> Result<(), Fault> {
        if count > 0 {
            *self.empties = self.empties.saturating_add(count);
            if *self.empties > self.empties_max {
                return Err(Problem::Elements { allowed: self.empties_max }.into());
            }
        }
        Ok(())
    }

    /// Everything counted takes at least one byte or one reference.
    #[inline]
    pub(super) fn check_count(&self, count: u64) -> Result<(), Fault> {
        let left = self.rest.len().saturating_add(self.targets.len());
        if usize::try_from(count).is_ok_and(|count| count <= left) {
            Ok(())
        } else {
            Err(Problem::Truncated.into())
        }
    }
}

#[cold]
fn too_deep(allowed: u32) -> Fault {
    Problem::Depth { allowed }.into()
}
