//! Deals groups to parts, the rarest answer first.

use multihot_kernels::random;
use multihot_table::Cell;

use super::answers::{Answer, Answers};
use super::groups::Groups;

/// Tells this use of the seed from the others.
const PURPOSE: u64 = 0x7370_6c69_7400_0002;

/// The parts that groups are dealt to.
pub(super) struct Parts {
    /// Rows that each part is to have, at least one; together those of the table.
    pub(super) rows: Vec<usize>,
    /// Whether the parts differ in purpose. Then the first, to learn from, has a yes of each label,
    /// and where there are more the second, and so on.
    pub(super) in_order: bool,
}

/// The part of each group: 0 is the first.
///
/// This is the iterative stratification of Sechidis, Tsoumakas and Vlahavas (ECML PKDD 2011): the
/// answer that the fewest waiting groups give is dealt out first, as long as there is a choice; a
/// frequent one can be evened out later. Three things differ. They choose the part that misses
/// most of *that* answer; here all answers of the group and its rows have a say (see
/// [`Deal::best_part`]). A part that has its rows gets no more, so that parts have the sizes that
/// were asked for, as far as groups allow. And parts in order have one of each answer before one
/// of them has two, as soon as there is no choice left.
///
/// `None` where some part can have no group: there are too few, or the first part needs them.
pub(super) fn deal(
    groups: &Groups,
    answers: &Answers,
    parts: &Parts,
    seed: u64,
) -> Option<Vec<usize>> {
    let mut deal = Deal::new(groups, answers, parts, seed);
    while let Some(answer) = deal.rarest_answer() {
        for &group in answers.given_by(answer) {
            deal.place(group);
        }
    }
    // Those without an answer that is shared out.
    (0..groups.len()).for_each(|group| deal.place(group));
    deal.fill_empty_parts()?;
    Some(deal.part_of)
}

/// Not dealt yet.
const WAITING: usize = usize::MAX;

/// The state of dealing.
struct Deal<'a> {
    groups: &'a Groups,
    answers: &'a Answers,
    parts: &'a Parts,
    key: u64,
    /// The part of each group, or [`WAITING`].
    part_of: Vec<usize>,
    /// Groups of each part.
    n_groups: Vec<usize>,
    /// Rows of each part.
    n_rows: Vec<usize>,
    /// Rows that each part wants of each answer, a row of parts an answer.
    wanted: Vec<f64>,
    /// Rows that it has.
    got: Vec<f64>,
    /// Waiting groups that give each answer.
    waiting: Vec<usize>,
    /// Groups in the first part that give each answer.
    in_first: Vec<usize>,
}

impl<'a> Deal<'a> {
    fn new(groups: &'a Groups, answers: &'a Answers, parts: &'a Parts, seed: u64) -> Self {
        let (n_answers, n_parts) = (answers.all.len(), parts.rows.len());
        Self {
            groups,
            answers,
            parts,
            key: random::key(seed, &[PURPOSE]),
            part_of: vec![WAITING; groups.len()],
            n_groups: vec![0; n_parts],
            n_rows: vec![0; n_parts],
            wanted: wanted(answers, parts),
            got: vec![0.0; n_answers * n_parts],
            waiting: answers.all.iter().map(|answer| answer.groups).collect(),
            in_first: vec![0; n_answers],
        }
    }

    /// The answer that the fewest waiting groups give, at least one.
    fn rarest_answer(&self) -> Option<usize> {
        let answers = 0..self.waiting.len();
        let given = answers.filter(|&answer| self.waiting[answer] > 0);
        given.min_by_key(|&answer| self.waiting[answer])
    }

    /// Deals a group, if it still waits.
    fn place(&mut self, group: usize) {
        if self.part_of[group] != WAITING {
            return;
        }
        let part = self.part_for(group);
        for (answer, _) in self.answers.of_group(group) {
            self.waiting[answer] -= 1;
        }
        self.give(group, part);
    }

    /// The part for a group: one that needs it, else the best one with room, else the one with
    /// the most room.
    fn part_for(&self, group: usize) -> usize {
        if let Some(part) = self.part_in_need(group) {
            return part;
        }
        let parts = 0..self.parts.rows.len();
        let with_room = parts.clone().filter(|&part| self.has_room(part, group));
        self.best_part(group, with_room).unwrap_or_else(|| {
            let most_room = parts.max_by_key(|&part| self.room(part));
            most_room.expect("there is a part")
        })
    }

    /// The first part that needs the group for one of its known answers.
    fn part_in_need(&self, group: usize) -> Option<usize> {
        if !self.parts.in_order {
            return None;
        }
        let answers = self.answers.of_group(group).map(|(answer, _)| answer);
        let known = answers.filter(|&answer| self.answers.all[answer].cell != Cell::Unknown);
        known
            .filter_map(|answer| self.part_without(answer, group))
            .min()
    }

    /// The first part that has nothing of `answer` and has room for `group`, where so few groups
    /// wait that each is for such a part. For a yes the first part has room at any time.
    fn part_without(&self, answer: usize, group: usize) -> Option<usize> {
        let has_none = |part: &usize| self.got[self.place_of(answer, *part)] == 0.0;
        let mut without = (0..self.parts.rows.len()).filter(has_none);
        if self.waiting[answer] > without.clone().count() {
            return None;
        }
        let is_yes = self.answers.all[answer].cell == Cell::Yes;
        without.find(|&part| (is_yes && part == 0) || self.has_room(part, group))
    }

    /// Rows that a part still wants.
    fn room(&self, part: usize) -> usize {
        self.parts.rows[part].saturating_sub(self.n_rows[part])
    }

    fn has_room(&self, part: usize, group: usize) -> bool {
        self.room(part) >= self.groups.rows(group).len()
    }

    /// The part in which the group does most good, by chance among equal ones.
    ///
    /// With `got` and `wanted` rows of each answer, and of rows as such, what is to become small
    /// is the sum of `(got - wanted)^2 / wanted`, Pearson's chi-squared. A group adds to it what
    /// [`Self::harm`] says, up to a number that is the same for all parts.
    fn best_part(&self, group: usize, parts: impl Iterator<Item = usize>) -> Option<usize> {
        let chance = |part: usize| {
            let index = group * self.parts.rows.len() + part;
            random::uniform(self.key, index as u64)
        };
        let harms = parts.map(|part| (part, self.harm(group, part)));
        let by_harm = |a: &(usize, f64), b: &(usize, f64)| a.1.total_cmp(&b.1);
        let by_chance = |a: usize, b: usize| chance(a).total_cmp(&chance(b));
        let best = harms.min_by(|a, b| by_harm(a, b).then_with(|| by_chance(a.0, b.0)));
        best.map(|(part, _)| part)
    }

    fn harm(&self, group: usize, part: usize) -> f64 {
        let added = |own: usize, got: f64, wanted: f64| {
            let own = own as f64;
            own * (got + own / 2.0) / wanted
        };
        let of_answer = |(answer, own)| {
            let place = self.place_of(answer, part);
            added(own, self.got[place], self.wanted[place])
        };
        let answers: f64 = self.answers.of_group(group).map(of_answer).sum();
        let rows = self.groups.rows(group).len();
        let wanted = self.parts.rows[part] as f64;
        answers + added(rows, self.n_rows[part] as f64, wanted)
    }

    /// Gives a part to every part that has none: a group as small as can be that its own part can
    /// do without.
    fn fill_empty_parts(&mut self) -> Option<()> {
        for part in 0..self.n_groups.len() {
            if self.n_groups[part] == 0 {
                let groups = (0..self.groups.len()).rev();
                let spare = groups.filter(|&group| self.may_leave(group));
                let size = |group: &usize| self.groups.rows(*group).len();
                let group = spare.min_by_key(size)?;
                self.take(group);
                self.give(group, part);
            }
        }
        Some(())
    }

    /// Whether a group's part keeps another one, and the first part a yes of each label.
    fn may_leave(&self, group: usize) -> bool {
        let part = self.part_of[group];
        let is_needed = |answer| self.in_first[answer] == 1;
        let stays = part == 0 && self.parts.in_order && self.yes_of(group).any(is_needed);
        self.n_groups[part] > 1 && !stays
    }

    /// The answers of a group that are a yes.
    fn yes_of(&self, group: usize) -> impl Iterator<Item = usize> {
        let answers = self.answers.of_group(group).map(|(answer, _)| answer);
        answers.filter(|&answer| self.answers.all[answer].cell == Cell::Yes)
    }

    fn give(&mut self, group: usize, part: usize) {
        self.part_of[group] = part;
        self.n_groups[part] += 1;
        self.n_rows[part] += self.groups.rows(group).len();
        for (answer, own) in self.answers.of_group(group) {
            let place = self.place_of(answer, part);
            self.got[place] += own as f64;
            self.in_first[answer] += usize::from(part == 0);
        }
    }

    fn take(&mut self, group: usize) {
        let part = std::mem::replace(&mut self.part_of[group], WAITING);
        self.n_groups[part] -= 1;
        self.n_rows[part] -= self.groups.rows(group).len();
        for (answer, own) in self.answers.of_group(group) {
            let place = self.place_of(answer, part);
            self.got[place] -= own as f64;
            self.in_first[answer] -= usize::from(part == 0);
        }
    }

    fn place_of(&self, answer: usize, part: usize) -> usize {
        answer * self.parts.rows.len() + part
    }
}

/// The rows of each answer that each part wants: its share. Of a label's most frequent answer it
/// has its share when it has that of the others, so there it wants whatever it gets.
fn wanted(answers: &Answers, parts: &Parts) -> Vec<f64> {
    let n_rows: usize = parts.rows.iter().sum();
    let of_answer = |answer: &Answer| {
        let whole = if answer.is_most {
            f64::INFINITY
        } else {
            answer.rows as f64
        };
        let shares = parts.rows.iter();
        shares.map(move |rows| *rows as f64 / n_rows as f64 * whole)
    };
    answers.all.iter().flat_map(of_answer).collect()
}
