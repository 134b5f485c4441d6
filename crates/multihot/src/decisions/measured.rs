//! How decisions turn out, row by row: those of all rows on the rows they were chosen on, and
//! those of each fold's complement on the fold.

use std::ops::AddAssign;

use multihot_table::Cell;

use super::fit::Task;
use super::{Answer, AnswerFigures, Band, BandFigures, Decisions};
use crate::metrics::counts::{Counts, share};
use crate::questions::{Questions, Said};
use crate::scores::chances;

/// Rows are gone through in so many parts, whatever the number of threads.
const PARTS: usize = 32;

/// What came of the decisions on all labels.
pub(super) struct MeasuredRows {
    /// One a label.
    pub labels: Vec<Measured>,
    /// Cross-fitted log-odds of the known cells of labels whose chance is not their own affair:
    /// none for the others.
    pub entangled: Vec<Vec<(f32, bool)>>,
    /// Of each exclusive group, settled rows that are answered rightly, cross-fitted.
    pub right: Vec<usize>,
}

/// Decisions of one label against its cells.
#[derive(Clone, Copy, Default)]
pub(super) struct Measured {
    pub on_tuning_rows: Counts,
    pub cross_fitted: Counts,
    answers: AnswerCounts,
}

/// Answers to known cells, and how many of them are right.
#[derive(Clone, Copy, Default)]
pub(super) struct AnswerCounts {
    yes: usize,
    right_yes: usize,
    no: usize,
    right_no: usize,
    unsure: usize,
}

impl MeasuredRows {
    /// Decides the rows of `task` by `whole`, and each by that of `without` which has not seen it.
    pub fn new(task: &Task<'_>, whole: &Decisions, without: &[Decisions]) -> Self {
        let whole = Deciding::new(task.questions, whole);
        let without: Vec<Deciding<'_>> = without
            .iter()
            .map(|decisions| Deciding::new(task.questions, decisions))
            .collect();
        let rows = task.folds.len();
        let mut parts: Vec<Option<Self>> = (0..PARTS).map(|_| None).collect();
        task.pool.for_each_chunk(&mut parts, 1, |part, out| {
            let rows = rows * part / PARTS..rows * (part + 1) / PARTS;
            let mut measured = Self::of_nothing(task.questions);
            let mut row_of = RowAnswers::new(task.questions.labels().len());
            for row in rows {
                measured.add_row(task, row, &whole, &without, &mut row_of);
            }
            out[0] = Some(measured);
        });
        let mut all = Self::of_nothing(task.questions);
        parts.into_iter().flatten().for_each(|part| all += part);
        all
    }

    fn of_nothing(questions: &Questions) -> Self {
        let n_labels = questions.labels().len();
        Self {
            labels: vec![Measured::default(); n_labels],
            entangled: vec![Vec::new(); n_labels],
            right: vec![0; questions.exclusive().len()],
        }
    }

    fn add_row(
        &mut self,
        task: &Task<'_>,
        row: usize,
        whole: &Deciding<'_>,
        without: &[Deciding<'_>],
        of_row: &mut RowAnswers,
    ) {
        let n_labels = self.labels.len();
        let cells = &task.cells[row * n_labels..][..n_labels];
        let logits = &task.logits.values()[row * n_labels..][..n_labels];
        of_row.decide(whole, logits);
        for ((label, &decision), &cell) in self.labels.iter_mut().zip(&of_row.decisions).zip(cells)
        {
            label.on_tuning_rows.add(decision, cell);
        }
        of_row.decide(&without[usize::from(task.folds[row])], logits);
        for (label, &cell) in cells.iter().enumerate() {
            let measured = &mut self.labels[label];
            measured.cross_fitted.add(of_row.decisions[label], cell);
            measured.answers.add(of_row.answers[label], cell);
            if cell != Cell::Unknown && task.is_entangled(label) {
                self.entangled[label].push((of_row.log_odds[label], cell == Cell::Yes));
            }
        }
        for (right, group) in self.right.iter_mut().zip(task.questions.exclusive()) {
            if let Said::Outcome(outcome) = group.said(cells) {
                let mut members = group.members.iter();
                let decided = members.position(|&label| of_row.decisions[label]);
                *right += usize::from(decided.unwrap_or(group.members.len()) == outcome);
            }
        }
    }
}

impl AddAssign for MeasuredRows {
    fn add_assign(&mut self, other: Self) {
        for (label, other) in self.labels.iter_mut().zip(other.labels) {
            label.on_tuning_rows += other.on_tuning_rows;
            label.cross_fitted += other.cross_fitted;
            label.answers += other.answers;
        }
        for (cells, other) in self.entangled.iter_mut().zip(other.entangled) {
            cells.extend(other);
        }
        for (right, other) in self.right.iter_mut().zip(other.right) {
            *right += other;
        }
    }
}

impl Measured {
    /// What cross-fitting says about a `band`.
    pub fn band(&self, band: Band) -> BandFigures {
        let AnswerFigures {
            unsure,
            yes_precision,
            no_precision,
        } = self.answers.figures();
        BandFigures {
            from: band.from,
            to: band.to,
            share: unsure,
            yes_precision,
            no_precision,
        }
    }
}

impl AnswerCounts {
    pub fn add(&mut self, answer: Answer, cell: Cell) {
        if cell == Cell::Unknown {
            return;
        }
        match answer {
            Answer::Yes => {
                self.yes += 1;
                self.right_yes += usize::from(cell == Cell::Yes);
            }
            Answer::No => {
                self.no += 1;
                self.right_no += usize::from(cell == Cell::No);
            }
            Answer::Unsure => self.unsure += 1,
        }
    }

    pub fn figures(self) -> AnswerFigures {
        AnswerFigures {
            unsure: share(self.unsure, self.yes + self.no + self.unsure),
            yes_precision: share(self.right_yes, self.yes),
            no_precision: share(self.right_no, self.no),
        }
    }
}

impl AddAssign for AnswerCounts {
    fn add_assign(&mut self, other: Self) {
        self.yes += other.yes;
        self.right_yes += other.right_yes;
        self.no += other.no;
        self.right_no += other.right_no;
        self.unsure += other.unsure;
    }
}

/// Decisions, ready to be made.
struct Deciding<'a> {
    questions: &'a Questions,
    decisions: &'a Decisions,
    thresholds: Vec<Option<f32>>,
}

impl<'a> Deciding<'a> {
    fn new(questions: &'a Questions, decisions: &'a Decisions) -> Self {
        Self {
            questions,
            decisions,
            thresholds: decisions.thresholds(),
        }
    }
}

/// What is said of one row.
struct RowAnswers {
    log_odds: Vec<f32>,
    probabilities: Vec<f32>,
    /// By the thresholds alone.
    decisions: Vec<bool>,
    /// With bands.
    answers: Vec<Answer>,
}

impl RowAnswers {
    fn new(n_labels: usize) -> Self {
        Self {
            log_odds: vec![0.0; n_labels],
            probabilities: vec![0.0; n_labels],
            decisions: vec![false; n_labels],
            answers: vec![Answer::No; n_labels],
        }
    }

    fn decide(&mut self, by: &Deciding<'_>, logits: &[f32]) {
        self.log_odds.copy_from_slice(logits);
        by.decisions.calibrate_row(by.questions, &mut self.log_odds);
        chances(&self.log_odds, &mut self.probabilities);
        let (probabilities, decisions) = (&self.probabilities, &mut self.decisions);
        by.questions
            .decide(probabilities, &by.thresholds, decisions);
        by.decisions
            .answer_row(by.questions, probabilities, &mut self.answers);
    }
}
