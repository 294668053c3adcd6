use super::*;

fn id(number: u8) -> SaveId {
    SaveId::from_bytes([number; 16]).unwrap()
}

/// A save and the saves that it follows.
fn version(number: u8, ancestors: &[u8]) -> Version {
    let stem = Stem { slot: Some(3), sequence: number.into(), revision: 0, id: id(number) };
    Version { stem, ancestors: ancestors.iter().map(|number| [*number; 8]).collect(), created_at: None }
}

struct Case {
    here: Option<Version>,
    there: Vec<Version>,
    base: Option<u8>,
    base_holds: bool,
    unwanted: Vec<u8>,
    elsewhere: Vec<u8>,
}

fn case(here: Option<Version>, there: impl IntoIterator<Item = Version>) -> Case {
    let there = there.into_iter().collect();
    Case { here, there, base: None, base_holds: true, unwanted: vec![], elsewhere: vec![] }
}

impl Case {
    fn base(mut self, base: u8) -> Self {
        self.base = Some(base);
        self
    }

    fn elsewhere_seen(mut self) -> Self {
        self.base_holds = false;
        self
    }

    fn unwanted(mut self, number: u8) -> Self {
        self.unwanted.push(number);
        self
    }

    fn elsewhere(mut self, number: u8) -> Self {
        self.elsewhere.push(number);
        self
    }

    #[track_caller]
    fn is(&self, relation: Relation, step: &Step) {
        let is = |numbers: &[u8], asked: SaveId| numbers.iter().any(|number| id(*number) == asked);
        let sides = Sides {
            here: self.here.as_ref(),
            there: &self.there,
            base: self.base.map(id),
            base_holds: self.base_holds,
            is_unwanted: &|asked| is(&self.unwanted, asked),
            is_elsewhere: &|asked| is(&self.elsewhere, asked),
        };
        assert_eq!(judge(&sides), (relation, step.clone()));
        // The order in which the other side lists its files says nothing.
        let mut turned = self.there.clone();
        turned.reverse();
        let (found, taken) = judge(&Sides { there: &turned, ..sides });
        assert_eq!(found, relation);
        match (&taken, step) {
            (Step::Take { winner: a, .. }, Step::Take { winner: b, .. })
            | (Step::Settle { winner: a, .. }, Step::Settle { winner: b, .. }) => assert_eq!(a, b),
            _ => assert_eq!(&taken, step),
        }
    }
}

fn take_one(number: u8) -> Step {
    Step::Take { winner: id(number), others: vec![] }
}

fn settle(winner: u8, others: &[u8]) -> Step {
    Step::Settle { winner: id(winner), others: others.iter().map(|number| id(*number)).collect() }
}

#[test]
fn the_relations_of_one_save_here_and_one_there() {
    let (old, new) = (version(1, &[]), version(2, &[1]));
    let (mine, theirs) = (version(3, &[1]), version(4, &[1]));
    case(Some(new.clone()), [new.clone()]).is(Relation::Same, &Step::Nothing);
    case(Some(new.clone()), [old.clone()]).is(Relation::Ahead, &Step::Upload);
    case(Some(old.clone()), [new.clone()]).is(Relation::Behind, &take_one(2));
    case(Some(mine), [theirs]).is(Relation::Forked, &settle(4, &[]));
    case(Some(old.clone()), []).is(Relation::OnlyHere, &Step::Upload);
    case(None, [old]).is(Relation::OnlyThere, &take_one(1));
}

#[test]
fn what_is_superseded_there_has_no_say() {
    let chain = [version(1, &[]), version(2, &[1]), version(5, &[2, 1])];
    case(Some(version(5, &[2, 1])), chain.clone()).is(Relation::Same, &Step::Nothing);
    case(Some(version(6, &[5])), chain.clone()).is(Relation::Ahead, &Step::Upload);
    // By way of saves that are there: the head itself doesn't name it.
    let long = [version(1, &[]), version(2, &[1]), version(5, &[2])];
    case(Some(version(1, &[])), long.clone()).is(Relation::Behind, &take_one(5));
    case(None, long.clone()).is(Relation::OnlyThere, &take_one(5));
}

#[test]
fn a_base_bridges_chains_that_are_longer_than_a_save_remembers() {
    let (near, far) = (version(1, &[]), version(9, &[8, 7]));
    case(Some(far.clone()), [near.clone()]).is(Relation::Forked, &settle(1, &[]));
    case(Some(far.clone()), [near.clone()]).base(1).is(Relation::Ahead, &Step::Upload);
    case(Some(near.clone()), [far.clone()]).is(Relation::Forked, &settle(9, &[]));
    case(Some(near.clone()), [far.clone()]).base(1).is(Relation::Behind, &take_one(9));
    // Neither has what was in common.
    case(Some(far.clone()), [version(6, &[5])]).base(1).is(Relation::Forked, &settle(6, &[]));
    // Another side under the same name knows nothing of what was in common.
    case(Some(near.clone()), [far]).base(1).elsewhere_seen().is(Relation::Forked, &settle(9, &[]));
}

#[test]
fn ancestors_count_more_than_a_base() {
    // The other side went back to an earlier save: what is here isn't lost over it.
    case(Some(version(2, &[1])), [version(1, &[])]).base(2).is(Relation::Ahead, &Step::Upload);
    // This side did.
    case(Some(version(1, &[])), [version(2, &[1])]).base(2).is(Relation::Behind, &take_one(2));
}

#[test]
fn forks_are_settled_in_the_same_way_on_all_machines() {
    let (one, two) = (version(3, &[1]), version(4, &[1]));
    // Both were put at the same time: whoever looks gives the slot to the same one.
    case(Some(one.clone()), [one.clone(), two.clone()]).is(Relation::Forked, &settle(4, &[]));
    case(Some(two.clone()), [one.clone(), two.clone()]).is(Relation::Forked, &settle(4, &[3]));
    case(None, [one.clone(), two.clone()])
        .is(Relation::OnlyThere, &Step::Take { winner: id(4), others: vec![id(3)] });
    case(Some(version(1, &[])), [one.clone(), two.clone()])
        .is(Relation::Behind, &Step::Take { winner: id(4), others: vec![id(3)] });
    // What isn't there yet never takes the slot from what is.
    case(Some(version(9, &[1])), [one.clone()]).is(Relation::Forked, &settle(3, &[]));
    // The one here follows one of them.
    case(Some(version(9, &[3, 1])), [one, two]).is(Relation::Forked, &settle(4, &[]));
}

#[test]
fn a_fork_that_another_slot_has_is_settled() {
    let (one, two) = (version(3, &[1]), version(4, &[1]));
    case(Some(two.clone()), [one.clone(), two.clone()]).elsewhere(3).is(Relation::Same, &Step::Nothing);
    case(None, [one.clone(), two.clone()]).elsewhere(4).is(Relation::OnlyThere, &take_one(3));
    case(None, [one.clone()]).elsewhere(3).is(Relation::OnlyThere, &take_one(3));
    case(Some(one.clone()), [two.clone()]).elsewhere(4).is(Relation::Ahead, &Step::Upload);
    // All of them are: the slot is that of the same one everywhere, and there is nothing to move.
    case(Some(one.clone()), [two.clone()]).elsewhere(3).elsewhere(4).is(Relation::Forked, &settle(4, &[]));
    let both = [one.clone(), two.clone()];
    case(Some(one), both.clone()).elsewhere(3).elsewhere(4).is(Relation::Forked, &settle(4, &[]));
    case(Some(two), both).elsewhere(3).elsewhere(4).is(Relation::Same, &Step::Nothing);
}

#[test]
fn what_was_deleted_here_doesn_t_come_back_until_it_is_followed() {
    let (old, new) = (version(1, &[]), version(2, &[1]));
    case(None, [old.clone(), new.clone()]).unwanted(2).is(Relation::OnlyThere, &Step::Nothing);
    case(Some(old.clone()), [old.clone(), new.clone()])
        .unwanted(2)
        .base(2)
        .is(Relation::Behind, &Step::Nothing);
    case(Some(version(7, &[])), [new.clone()]).unwanted(2).base(2).is(Relation::Ahead, &Step::Upload);
    case(None, [new, version(5, &[2])]).unwanted(2).is(Relation::OnlyThere, &take_one(5));
}

#[test]
fn saves_that_follow_each_other_are_settled_as_forks() {
    let (one, two) = (version(3, &[4]), version(4, &[3]));
    case(None, [one.clone(), two.clone()])
        .is(Relation::OnlyThere, &Step::Take { winner: id(4), others: vec![id(3)] });
    case(Some(version(3, &[3])), [version(3, &[3])]).is(Relation::Same, &Step::Nothing);
    case(Some(version(8, &[])), [one, two]).is(Relation::Forked, &settle(4, &[3]));
}
