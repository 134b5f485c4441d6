//! The questions of a model, and what they have to do with each other.
//!
//! Most are yes/no questions of their own. Some exclude each other ([`ExclusiveGroup`]): of these
//! exactly one holds, or at most one. And a yes to one may imply a yes to another
//! ([`Implication`]). `relations.rs` has how a person says so, `settle.rs` what follows from it
//! for the cells of a table.

mod relations;
mod settle;

use multihot_table::Cell;

pub use relations::{Exclusive, Implies, Relations, RelationsError, UnknownRelation};
pub use settle::{Place, Settled, UnsettledError};

/// The labels of a model, in the order of its outputs, with their relations: nothing left to
/// validate.
#[derive(Clone, Debug, PartialEq)]
pub struct Questions {
    labels: Vec<String>,
    exclusive: Vec<ExclusiveGroup>,
    implications: Vec<Implication>,
    /// The exclusive group of each label.
    group_of: Vec<Option<usize>>,
    /// What takes a label of an exactly-one group up with it, all the way.
    raises: Vec<Implication>,
    /// What is taken down with its consequence, the consequences' own before.
    lowers: Vec<Implication>,
}

/// Labels of which at most one holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExclusiveGroup {
    /// What it is called.
    pub name: String,
    /// Its labels, by their places, at least two.
    pub members: Vec<usize>,
    /// Whether none of them may hold; otherwise exactly one does.
    pub at_most_one: bool,
}

/// A label that holds only where another one holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Implication {
    /// The label, by its place.
    pub cause: usize,
    /// The other one, which holds wherever the cause does.
    pub consequence: usize,
}

/// What a row says about an exclusive group. Outcomes are its members in their order, and then
/// none of them, where that may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Nothing.
    Nothing,
    /// That it is one of those outcomes that are not ruled out.
    Partly,
    /// Which outcome it is.
    Outcome(usize),
}

/// What a row's chances say about an exclusive group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Likeliest {
    /// The likeliest label.
    pub label: usize,
    /// Whether it is at least as likely as none of them, which may be ruled out.
    pub is_yes: bool,
    /// How likely that is: the label, or none.
    pub chance: f64,
}

impl Questions {
    /// Questions that have nothing to do with each other.
    pub fn independent(labels: &[String]) -> Self {
        Self {
            labels: labels.to_vec(),
            exclusive: Vec::new(),
            implications: Vec::new(),
            group_of: vec![None; labels.len()],
            raises: Vec::new(),
            lowers: Vec::new(),
        }
    }

    /// Questions with these relations.
    ///
    /// # Errors
    ///
    /// When a relation names a label that is not there, or cannot hold together with the others.
    pub fn new(labels: &[String], relations: &Relations) -> Result<Self, RelationsError> {
        relations.resolve(labels)
    }

    /// One exclusive group of all `labels`, exactly one of which holds: what Transformers calls
    /// single-label classification. `None` for a single label.
    pub(crate) fn single_label(labels: &[String]) -> Option<Self> {
        let relations = Relations {
            exclusive: vec![Exclusive {
                name: "label".into(),
                labels: labels.to_vec(),
                at_most_one: false,
            }],
            implies: Vec::new(),
        };
        Self::new(labels, &relations).ok()
    }

    /// The labels.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The exclusive groups.
    pub fn exclusive(&self) -> &[ExclusiveGroup] {
        &self.exclusive
    }

    /// The implications, as they were said.
    pub fn implications(&self) -> &[Implication] {
        &self.implications
    }

    /// The exclusive group that `label` is in.
    pub fn group_of(&self, label: usize) -> Option<&ExclusiveGroup> {
        self.group_of[label].map(|group| &self.exclusive[group])
    }

    /// Whether `label` is in an exclusive group.
    pub fn is_exclusive(&self, label: usize) -> bool {
        self.group_of[label].is_some()
    }

    /// Whether each question is one of its own.
    pub fn are_independent(&self) -> bool {
        self.exclusive.is_empty() && self.implications.is_empty()
    }

    /// Whether exactly one of all labels holds, and that is all there is to say.
    pub fn is_single_label(&self) -> bool {
        let whole =
            |group: &ExclusiveGroup| !group.at_most_one && group.members.len() == self.labels.len();
        self.implications.is_empty() && self.exclusive.iter().any(whole)
    }

    /// Whether a label's chance may depend on other implications than its group.
    pub(crate) fn is_implied_or_implies(&self, label: usize) -> bool {
        let mut all = self.implications.iter();
        all.any(|of| of.cause == label || of.consequence == label)
    }

    /// Whether implications may change the chance or the answer of `label` by that of another.
    pub(crate) fn is_moved_by_others(&self, label: usize) -> bool {
        let sinks = self.lowers.iter().any(|of| of.cause == label);
        sinks || self.raises.iter().any(|of| of.consequence == label)
    }

    /// The relations by name, as they are stored.
    pub fn relations(&self) -> Relations {
        let name = |&label: &usize| self.labels[label].clone();
        let exclusive = |group: &ExclusiveGroup| Exclusive {
            name: group.name.clone(),
            labels: group.members.iter().map(name).collect(),
            at_most_one: group.at_most_one,
        };
        let implies = |of: &Implication| Implies {
            cause: name(&of.cause),
            consequence: name(&of.consequence),
        };
        Relations {
            exclusive: self.exclusive.iter().map(exclusive).collect(),
            implies: self.implications.iter().map(implies).collect(),
        }
    }

    /// The same questions in another order: `places[i]` is where the label at `i` stands here.
    pub(crate) fn in_order(&self, places: &[usize]) -> Self {
        let labels: Vec<String> = places.iter().map(|&at| self.labels[at].clone()).collect();
        Self::new(&labels, &self.relations()).expect("an order changes no relation")
    }

    /// How many questions a row answers, at least in part: its known cells, an exclusive group
    /// counting as one.
    pub(crate) fn answered(&self, row: &[Cell]) -> usize {
        let known = |label: &usize| row[*label] != Cell::Unknown && !self.is_exclusive(*label);
        let groups = self.exclusive.iter();
        (0..row.len()).filter(known).count()
            + groups
                .filter(|group| group.said(row) != Said::Nothing)
                .count()
    }

    /// Decides a row of chances: see [`crate::Probabilities::decisions`].
    pub(crate) fn decide(
        &self,
        probabilities: &[f32],
        thresholds: &[Option<f32>],
        out: &mut [bool],
    ) {
        assert_eq!(
            thresholds.len(),
            self.labels.len(),
            "decisions: not one threshold for each label"
        );
        for ((out, &p), threshold) in out.iter_mut().zip(probabilities).zip(thresholds) {
            *out = threshold.is_some_and(|threshold| p >= threshold);
        }
        for group in &self.exclusive {
            group.members.iter().for_each(|&label| out[label] = false);
            let likeliest = group.likeliest(probabilities);
            out[likeliest.label] = likeliest.is_yes;
        }
        self.make_consistent(out);
    }

    /// Makes a row's values agree with the implications: no cause is above its consequence.
    ///
    /// Of log-odds, probabilities and decisions alike. As little as possible is changed: a
    /// consequence is taken as it is and its cause lowered to it, since the consequence is true
    /// at least as often and so the better known of the two. Only where the cause is one of a
    /// group of which exactly one holds, which cannot be lowered alone, the consequence rises.
    pub(crate) fn make_consistent<T: Copy + PartialOrd>(&self, row: &mut [T]) {
        for of in &self.raises {
            if row[of.consequence] < row[of.cause] {
                row[of.consequence] = row[of.cause];
            }
        }
        for of in &self.lowers {
            if row[of.cause] > row[of.consequence] {
                row[of.cause] = row[of.consequence];
            }
        }
    }
}

impl ExclusiveGroup {
    /// Number of outcomes.
    pub(crate) fn n_outcomes(&self) -> usize {
        self.members.len() + usize::from(self.at_most_one)
    }

    /// The logit of each outcome: those of the members in a row of all, and 0 for none.
    pub(crate) fn outcome_logits(&self, row: &[f32]) -> Vec<f64> {
        let members = self.members.iter().map(|&label| f64::from(row[label]));
        members.chain(self.at_most_one.then_some(0.0)).collect()
    }

    /// What a row's cells say.
    pub(crate) fn said(&self, row: &[Cell]) -> Said {
        let place = |wanted| self.members.iter().position(|&label| row[label] == wanted);
        if let Some(yes) = place(Cell::Yes) {
            return Said::Outcome(yes);
        }
        if place(Cell::No).is_none() {
            return Said::Nothing;
        }
        let mut open = (0..self.n_outcomes()).filter(|&outcome| self.is_open(outcome, row));
        match (open.next(), open.next()) {
            (Some(only), None) => Said::Outcome(only),
            // Of exactly one no row may say that none is it; `settle` has refused it.
            (None, _) => Said::Nothing,
            _ => Said::Partly,
        }
    }

    /// Whether a row without a yes leaves `outcome` open.
    pub(crate) fn is_open(&self, outcome: usize, row: &[Cell]) -> bool {
        self.members
            .get(outcome)
            .is_none_or(|&label| row[label] != Cell::No)
    }

    /// The likeliest outcome of a row of chances; of equal ones the first.
    pub(crate) fn likeliest(&self, probabilities: &[f32]) -> Likeliest {
        let chance = |label: usize| f64::from(probabilities[label]);
        let higher = |best: usize, label: usize| {
            if chance(label) > chance(best) {
                label
            } else {
                best
            }
        };
        let members = self.members.iter().copied();
        let label = members.reduce(higher).expect("a group has members");
        let none = if self.at_most_one {
            1.0 - self.members.iter().map(|&label| chance(label)).sum::<f64>()
        } else {
            f64::NEG_INFINITY
        };
        let is_yes = chance(label) >= none;
        Likeliest {
            label,
            is_yes,
            chance: if is_yes { chance(label) } else { none },
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Questions as the command line would have them.
    pub(crate) fn questions(labels: &str, exclusive: &[&str], implies: &[&str]) -> Questions {
        try_questions(labels, exclusive, implies).unwrap()
    }

    pub(crate) fn try_questions(
        labels: &str,
        exclusive: &[&str],
        implies: &[&str],
    ) -> Result<Questions, RelationsError> {
        let labels: Vec<String> = labels.split(',').map(str::to_owned).collect();
        let relations = Relations {
            exclusive: exclusive.iter().map(|text| text.parse().unwrap()).collect(),
            implies: implies.iter().map(|text| text.parse().unwrap()).collect(),
        };
        Questions::new(&labels, &relations)
    }

    /// A row of cells from its letters.
    pub(crate) fn cells(row: &str) -> Vec<Cell> {
        let cell = |letter| match letter {
            'y' => Cell::Yes,
            'n' => Cell::No,
            _ => Cell::Unknown,
        };
        row.chars().map(cell).collect()
    }

    #[test]
    fn what_a_row_says_of_a_group() {
        let exactly = questions("a,b,c", &["g=a,b,c"], &[]);
        let at_most = questions("a,b,c", &["g?=a,b,c"], &[]);
        let cases = [
            ("???", Said::Nothing, Said::Nothing),
            ("?y?", Said::Outcome(1), Said::Outcome(1)),
            ("nyn", Said::Outcome(1), Said::Outcome(1)),
            ("n??", Said::Partly, Said::Partly),
            ("nn?", Said::Outcome(2), Said::Partly),
            ("nnn", Said::Nothing, Said::Outcome(3)),
        ];
        for (row, of_exactly, of_at_most) in cases {
            let said = |questions: &Questions| questions.exclusive()[0].said(&cells(row));
            assert_eq!(said(&exactly), of_exactly, "{row}");
            assert_eq!(said(&at_most), of_at_most, "{row}, at most one");
        }
    }

    #[test]
    fn a_group_counts_as_one_question() {
        let questions = questions("a,b,c,d", &["g=a,b,c"], &[]);
        for (row, expected) in [
            ("????", 0),
            ("n???", 1),
            ("ynn?", 1),
            ("ynny", 2),
            ("???n", 1),
        ] {
            assert_eq!(questions.answered(&cells(row)), expected, "{row}");
        }
    }

    fn decided(questions: &Questions, probabilities: &[f32]) -> String {
        let thresholds: Vec<Option<f32>> = (0..probabilities.len())
            .map(|label| (!questions.is_exclusive(label)).then_some(0.5))
            .collect();
        let mut out = vec![true; probabilities.len()];
        questions.decide(probabilities, &thresholds, &mut out);
        let letter = |yes: &bool| if *yes { 'y' } else { 'n' };
        out.iter().map(letter).collect()
    }

    #[test]
    fn a_group_is_decided_by_its_likeliest_outcome() {
        let exactly = questions("a,b,c", &["g=a,b"], &[]);
        let at_most = questions("a,b,c", &["g?=a,b"], &[]);
        let cases = [
            ("above a half", [0.7, 0.3, 0.1], "ynn", "ynn"),
            ("below a half", [0.3, 0.4, 0.6], "nyy", "nyy"),
            ("none is likelier", [0.3, 0.2, 0.5], "yny", "nny"),
            ("as likely as none", [0.5, 0.0, 0.0], "ynn", "ynn"),
            ("a tie goes to the first", [0.5, 0.5, 0.0], "ynn", "ynn"),
            ("no number", [f32::NAN, f32::NAN, 0.0], "nnn", "nnn"),
        ];
        for (name, row, of_exactly, of_at_most) in cases {
            assert_eq!(decided(&exactly, &row), of_exactly, "{name}");
            assert_eq!(decided(&at_most, &row), of_at_most, "{name}, at most one");
        }
    }

    #[test]
    fn causes_sink_to_their_consequences_and_exact_groups_lift_theirs() {
        let chain = questions("a,b,c", &[], &["a:b", "b:c"]);
        let mut row = [0.9, 0.2, 0.5];
        chain.make_consistent(&mut row);
        assert_eq!(row, [0.2, 0.2, 0.5]);
        let mut row = [0.9, 0.8, 0.5];
        chain.make_consistent(&mut row);
        assert_eq!(row, [0.5, 0.5, 0.5]);

        // `a` is one of exactly one, so `c` rises with it; `d`, which implies `c`, may stay.
        let lifting = questions("a,b,c,d", &["g=a,b"], &["a:c", "d:c"]);
        let mut row = [0.7, 0.3, 0.1, 0.4];
        lifting.make_consistent(&mut row);
        assert_eq!(row, [0.7, 0.3, 0.7, 0.4]);

        // What may have none can sink.
        let sinking = questions("a,b,c", &["g?=a,b"], &["a:c"]);
        let mut row = [0.7, 0.2, 0.1];
        sinking.make_consistent(&mut row);
        assert_eq!(row, [0.1, 0.2, 0.1]);
        let mut row = [true, false, false];
        sinking.make_consistent(&mut row);
        assert_eq!(row, [false; 3]);
    }

    proptest! {
        #[test]
        fn after_that_no_cause_is_above_its_consequence(
            edges in prop::collection::vec((0usize..8, 0usize..8), 0..12),
            mut row in prop::collection::vec(0f32..1.0, 8),
            exact: bool,
        ) {
            let labels = "a,b,c,d,e,f,g,h";
            let name = |label: usize| char::from(b'a' + label as u8);
            // From a lower to a higher place there is no cycle.
            let edges = edges.iter().filter(|(a, b)| a < b);
            let implies: Vec<String> =
                edges.map(|&(a, b)| format!("{}:{}", name(a), name(b))).collect();
            let implies: Vec<&str> = implies.iter().map(String::as_str).collect();
            let group = if exact { "x=a,b" } else { "x?=a,b" };
            // An implication within the group has no meaning.
            let Ok(questions) = try_questions(labels, &[group], &implies) else {
                return Ok(());
            };
            let before = row.clone();
            questions.make_consistent(&mut row);
            for of in questions.implications() {
                prop_assert!(row[of.cause] <= row[of.consequence]);
            }
            if exact {
                prop_assert_eq!(&row[..2], &before[..2]);
            } else {
                prop_assert!(row.iter().zip(&before).all(|(now, then)| now <= then));
            }
            let once = row.clone();
            questions.make_consistent(&mut row);
            prop_assert_eq!(once, row);
        }
    }

    #[test]
    fn one_exclusive_group_of_all_labels_is_single_label_classification() {
        let cases = [
            ("a,b", vec!["g=a,b"], vec![], true),
            ("a,b,c", vec!["g=a,b"], vec![], false),
            ("a,b", vec!["g?=a,b"], vec![], false),
            ("a,b", vec![], vec![], false),
        ];
        for (labels, exclusive, implies, expected) in cases {
            let questions = questions(labels, &exclusive, &implies);
            assert_eq!(
                questions.is_single_label(),
                expected,
                "{labels} {exclusive:?}"
            );
        }
        let labels = ["a".to_owned(), "b".to_owned()];
        assert!(Questions::single_label(&labels).unwrap().is_single_label());
        assert_eq!(Questions::single_label(&labels[..1]), None);
    }

    #[test]
    fn another_order_has_the_same_relations() {
        let ordered = questions("a,b,c,d", &["g=b,d"], &["a:c"]).in_order(&[3, 2, 1, 0]);
        assert_eq!(ordered, questions("d,c,b,a", &["g=b,d"], &["a:c"]));
    }
}
