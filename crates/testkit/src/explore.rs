use std::{fmt::Write as _, time::Instant};

use crate::{
    Failure, Image, Random, SimFiles, Step, Sweep, Swept, TooManyStates,
    fault_sweep::caught,
    hash::{self, Map},
    model::Model,
    point::{self, Left},
    sweep::{Caps, Recover},
};

/// Does what [`Sweep::check`] says.
pub(crate) fn explore(
    sweep: Sweep<'_>,
    mut check: impl FnMut(&SimFiles, u64) -> Result<(), String>,
) -> Result<Swept, Failure> {
    let Sweep { setup, run, recover, depth, kills, caps, seed } = sweep;
    let start = Instant::now();
    let disk = SimFiles::empty();
    setup(&disk);
    let mut model = Model::default();
    disk.take_steps().iter().for_each(|step| model.apply(step));
    model.settle();
    let acknowledged = disk.acknowledged();
    run(&disk);

    let mut explorer = Explorer {
        check: &mut check,
        recover,
        kills,
        caps,
        random: Random::new(seed),
        met: (0..depth.max(1)).map(|_| Map::default()).collect(),
        legs: Vec::new(),
        swept: Swept { seed, ..Swept::default() },
    };
    explorer.leg(model, disk.take_steps(), acknowledged)?;
    let mut swept = explorer.swept;
    if explorer.recover.is_some() {
        let recovering = explorer.met.split_last().map_or(&[][..], |(_, before)| before);
        let passed_over = recovering.iter().flat_map(Map::values).filter(|recovered| !**recovered);
        swept.recoveries_passed_over = passed_over.count() as u64;
    }
    swept.elapsed = start.elapsed();
    Ok(swept)
}

struct Explorer<'s, 'c> {
    check: &'c mut dyn FnMut(&SimFiles, u64) -> Result<(), String>,
    recover: Option<Recover<'s>>,
    kills: bool,
    caps: Caps,
    random: Random,
    /// Of each depth: the states checked, and whether they were recovered from.
    met: Vec<Map<bool>>,
    legs: Vec<Leg>,
    swept: Swept,
}

/// A run or a recovery on the way to the state at hand.
struct Leg {
    steps: Vec<Step>,
    made: usize,
    /// Whether it ended by a kill and the power stayed.
    killed: bool,
}

impl Explorer<'_, '_> {
    /// Crashes before and after each of `steps`, which begin on the disk that `model` is.
    fn leg(&mut self, mut model: Model, steps: Vec<Step>, acknowledged: u64) -> Result<(), Failure> {
        let level = self.legs.len();
        let count = steps.len();
        self.legs.push(Leg { steps, made: 0, killed: false });
        let mut acknowledged = acknowledged;
        self.crash(&model, acknowledged, level)?;
        for made in 1..=count {
            let Some(leg) = self.legs.get_mut(level) else { break };
            leg.made = made;
            if let Some(step) = leg.steps.get(made - 1) {
                model.apply(step);
                if let Step::Acknowledge { value } = step {
                    acknowledged = *value;
                }
            }
            self.crash(&model, acknowledged, level)?;
        }
        self.legs.pop();
        Ok(())
    }

    /// Cuts the power, and kills the process, at one moment.
    fn crash(&mut self, model: &Model, acknowledged: u64, level: usize) -> Result<(), Failure> {
        self.swept.crash_points += 1;
        let states_max = if level == 0 { self.caps.states } else { self.caps.states_again };
        let states = model.count(states_max);
        if states > states_max {
            if self.caps.exhaustive {
                let source = TooManyStates { states, states_max };
                return Err(Failure::TooManyStates { step: self.made(), source });
            }
            self.swept.crash_points_sampled += 1;
        }
        self.swept.states += self.visit(model, states, states_max, &mut |explorer, left| {
            explorer.look(left, acknowledged, level).map(drop)
        })?;
        if self.recover.is_none() || level + 1 >= self.met.len() {
            return Ok(());
        }
        let recoveries_max = self.caps.recoveries.min(states_max);
        self.visit(model, states, recoveries_max, &mut |explorer, left| {
            let hash = explorer.look(left, acknowledged, level)?;
            let met = explorer.met.get_mut(level).and_then(|met| met.get_mut(&hash));
            if met.is_none_or(|recovered| std::mem::replace(recovered, true)) {
                return Ok(());
            }
            explorer.swept.recoveries += 1;
            let image = left.image();
            explorer.go_on(Model::found(&image), &image, acknowledged)
        })?;
        if self.kills {
            self.swept.kills += 1;
            self.mark_killed(true);
            self.go_on(model.clone(), &model.seen(), acknowledged)?;
            self.mark_killed(false);
        }
        Ok(())
    }

    /// Shows all of `states` to `act`, or `states_max` of them.
    fn visit(
        &mut self,
        model: &Model,
        states: u64,
        states_max: u64,
        act: &mut dyn FnMut(&mut Self, &Left<'_>) -> Result<(), Failure>,
    ) -> Result<u64, Failure> {
        if states <= states_max {
            return point::all(model, &mut |left| act(self, left));
        }
        let mut random = Random::new(self.random.next_u64());
        point::some(model, states_max, &mut random, &mut |left| act(self, left))
    }

    /// Checks a state, unless it was before, and answers its hash.
    fn look(&mut self, left: &Left<'_>, acknowledged: u64, level: usize) -> Result<u128, Failure> {
        let hash = hash::mix(left.hash, u128::from(acknowledged));
        let known = self.met.iter().any(|met| met.contains_key(&hash));
        if let Some(met) = self.met.get_mut(level) {
            met.entry(hash).or_insert(false);
        }
        if known {
            return Ok(hash);
        }
        self.swept.states_checked += 1;
        let image = left.image();
        let disk = SimFiles::mount(&image, left.inode_next(), acknowledged);
        let passed = caught(|| (self.check)(&disk, acknowledged));
        passed.map_err(|reason| Failure::Check {
            seed: self.swept.seed,
            step: self.made(),
            acknowledged,
            reason,
            image,
            history: self.history(),
        })?;
        Ok(hash)
    }

    /// Recovers on a disk that shows `image`, of which `model` knows what is durable.
    fn go_on(&mut self, model: Model, image: &Image, acknowledged: u64) -> Result<(), Failure> {
        let Some(recover) = &mut self.recover else { return Ok(()) };
        let disk = SimFiles::mount(image, model.inode_next(), acknowledged);
        let recovered = caught(|| recover(&disk));
        let steps = disk.take_steps();
        recovered.map_err(|reason| Failure::Recover {
            seed: self.swept.seed,
            acknowledged,
            reason,
            image: image.clone(),
            history: self.history() + &lines(&steps),
        })?;
        self.leg(model, steps, acknowledged)
    }

    fn made(&self) -> usize {
        self.legs.last().map_or(0, |leg| leg.made)
    }

    fn mark_killed(&mut self, killed: bool) {
        if let Some(leg) = self.legs.last_mut() {
            leg.killed = killed;
        }
    }

    /// The steps up to now, with what cut them short.
    fn history(&self) -> String {
        let mut text = String::new();
        for leg in &self.legs {
            text += &lines(leg.steps.get(..leg.made).unwrap_or_default());
            text += if leg.killed { "  -- process killed --\n" } else { "  -- power cut --\n" };
        }
        text
    }
}

fn lines(steps: &[Step]) -> String {
    let mut text = String::new();
    for (index, step) in steps.iter().enumerate() {
        writeln!(text, "  {}: {step}", index + 1).expect("a String takes all text");
    }
    text
}

#[cfg(test)]
mod tests;
