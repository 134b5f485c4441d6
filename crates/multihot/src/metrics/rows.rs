//! Figures of each row, from its own labels, and their means over the rows.

use serde::{Serialize, Serializer};

use super::Judged;
use super::bootstrap::{Resampling, Sum};
use super::counts::{Counts, Figure, Mean, known};
use super::curves::{Curve, Tie, logit_of, rank};

/// Numbers of labels at the top of a row that precision and recall are given for.
const TOPS: [usize; 3] = [1, 3, 5];
/// Rows are gone through in this many parts, whatever the number of threads, so that sums are
/// rounded in the same way.
const PARTS: usize = 32;

/// How well the known cells of each row are ranked, highest logit first: means over the rows where
/// the figure is defined.
///
/// Rows with a NaN among the logits of their known cells are left out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RowRanking {
    /// Rows with a yes, which most of the figures are means over.
    pub rows_with_yes: usize,
    /// Rows with a yes and a no.
    pub rows_with_both: usize,
    /// The precision at each yes, over the yes cells (LRAP); of rows with a yes.
    pub label_ranking_average_precision: Option<f64>,
    /// How many labels one has to go through to have met every yes; of rows with a yes.
    pub coverage_error: Option<f64>,
    /// The share of pairs of a yes and a no where the no is not below; of rows with both.
    pub label_ranking_loss: Option<f64>,
    /// Gain of the yes cells, discounted with the logarithm of their place, as a share of the best
    /// possible gain; of rows with a yes.
    pub ndcg: Option<f64>,
    /// The share of rows whose highest label is no yes; of rows with a yes.
    pub one_error: Option<f64>,
    /// The share of yes among the k highest labels; of rows with at least k known cells.
    #[serde(serialize_with = "by_top")]
    pub precision_at: Vec<(usize, Option<f64>)>,
    /// The share of the yes cells that are among the k highest labels; of rows with a yes and at
    /// least k known cells.
    #[serde(serialize_with = "by_top")]
    pub recall_at: Vec<(usize, Option<f64>)>,
}

/// Sums over rows that intervals are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct RowSums {
    pub precision: Mean,
    pub recall: Mean,
    pub f1: Mean,
    /// 1 for a row that is right in all its known cells, 0 for another that has some.
    pub right: Mean,
}

/// What is found out row by row.
pub(super) struct OfRows {
    /// Means of figures at the thresholds, by `figure as usize`.
    pub figures: [Mean; Figure::ALL.len()],
    /// Means of the rows' curves.
    pub curve: Curve,
    pub ranking: RowRanking,
    pub sums: RowSums,
    /// The sums of each group of rows; empty without resampling.
    pub by_group: Vec<RowSums>,
}

impl OfRows {
    /// Goes through all rows.
    pub fn new(judged: &Judged<'_>, resampling: Option<&Resampling>) -> Self {
        let mut parts = vec![None; PARTS];
        judged.pool.for_each_chunk(&mut parts, 1, |part, out| {
            out[0] = Some(Part::new(judged, resampling, part));
        });
        let mut whole: Option<Part> = None;
        for part in parts.into_iter().flatten() {
            match &mut whole {
                Some(whole) => whole.add(&part),
                None => whole = Some(part),
            }
        }
        whole.expect("there is more than one part").finish()
    }
}

impl Sum for RowSums {
    fn add_times(&mut self, times: usize, other: Self) {
        self.precision.add_times(times, other.precision);
        self.recall.add_times(times, other.recall);
        self.f1.add_times(times, other.f1);
        self.right.add_times(times, other.right);
    }
}

impl RowSums {
    /// The sums of one row.
    fn of(counts: Counts) -> Self {
        let mut sums = Self::default();
        sums.precision.add(counts.precision());
        sums.recall.add(counts.recall());
        sums.f1.add(counts.f1());
        let is_right = if counts.wrong() == 0 { 1.0 } else { 0.0 };
        sums.right.add((counts.known() > 0).then_some(is_right));
        sums
    }
}

/// Sums over some of the rows.
#[derive(Clone)]
struct Part {
    figures: [Mean; Figure::ALL.len()],
    rankings: RankingMeans,
    sums: RowSums,
    by_group: Vec<RowSums>,
}

/// Sums of what [`RowRanking`] has the means of.
#[derive(Clone, Default)]
struct RankingMeans {
    roc_auc: Mean,
    average_precision: Mean,
    label_ranking_average_precision: Mean,
    coverage_error: Mean,
    label_ranking_loss: Mean,
    ndcg: Mean,
    one_error: Mean,
    tops: Vec<TopMeans>,
}

#[derive(Clone, Copy, Default)]
struct TopMeans {
    k: usize,
    precision: Mean,
    recall: Mean,
}

impl Part {
    /// Goes through the rows of one of [`PARTS`] parts.
    fn new(judged: &Judged<'_>, resampling: Option<&Resampling>, part: usize) -> Self {
        let n_labels = judged.labels().len();
        let rows = judged.log_odds.rows();
        let mut this = Self {
            figures: Default::default(),
            rankings: RankingMeans::new(n_labels),
            sums: RowSums::default(),
            by_group: vec![RowSums::default(); resampling.map_or(0, Resampling::groups)],
        };
        let discounts = Discounts::new(n_labels);
        let mut ranked = Vec::with_capacity(n_labels);
        for row in rows * part / PARTS..rows * (part + 1) / PARTS {
            let counts = judged.counts_of_row(row);
            for figure in Figure::ALL {
                this.figures[figure as usize].add(figure.of(counts));
            }
            let sums = RowSums::of(counts);
            this.sums.add_times(1, sums);
            if let Some(resampling) = resampling {
                this.by_group[usize::from(resampling.group(row))].add_times(1, sums);
            }
            if judged.rank_row(row, &mut ranked) {
                this.rankings.add(&ranked, counts, &discounts);
            }
        }
        this
    }

    fn add(&mut self, other: &Self) {
        for (mean, other) in self.figures.iter_mut().zip(&other.figures) {
            mean.add_times(1, *other);
        }
        self.rankings.add_all(&other.rankings);
        self.sums.add_times(1, other.sums);
        for (sums, other) in self.by_group.iter_mut().zip(&other.by_group) {
            sums.add_times(1, *other);
        }
    }

    fn finish(self) -> OfRows {
        let means = &self.rankings;
        let tops = |figure: fn(&TopMeans) -> Mean| {
            let tops = means.tops.iter();
            tops.map(|top| (top.k, figure(top).value())).collect()
        };
        OfRows {
            curve: Curve {
                roc_auc: means.roc_auc.value(),
                average_precision: means.average_precision.value(),
            },
            ranking: RowRanking {
                rows_with_yes: means.coverage_error.n(),
                rows_with_both: means.label_ranking_loss.n(),
                label_ranking_average_precision: means.label_ranking_average_precision.value(),
                coverage_error: means.coverage_error.value(),
                label_ranking_loss: means.label_ranking_loss.value(),
                ndcg: means.ndcg.value(),
                one_error: means.one_error.value(),
                precision_at: tops(|top| top.precision),
                recall_at: tops(|top| top.recall),
            },
            figures: self.figures,
            sums: self.sums,
            by_group: self.by_group,
        }
    }
}

impl RankingMeans {
    fn new(n_labels: usize) -> Self {
        let tops = TOPS.into_iter().filter(|&k| k < n_labels);
        Self {
            tops: tops
                .map(|k| TopMeans {
                    k,
                    ..TopMeans::default()
                })
                .collect(),
            ..Self::default()
        }
    }

    /// Adds a row whose known cells are `ranked`, the highest logit first.
    fn add(&mut self, ranked: &[RankedLabel], counts: Counts, discounts: &Discounts) {
        let (known, positives) = (counts.known(), counts.support());
        let negatives = known - positives;
        for top in &mut self.tops {
            top.add(ranked, positives);
        }
        if positives == 0 {
            return;
        }
        let (mut found, mut seen) = (0, 0);
        let (mut precisions, mut gain, mut disordered, mut coverage) = (0.0, 0.0, 0, 0);
        for Tie { yes, no, .. } in ties(ranked) {
            // A pair in a tie counts as wrong in full: scikit-learn's `label_ranking_loss`.
            disordered += no * (positives - found);
            let places = seen..seen + yes + no;
            (found, seen) = (found + yes, places.end);
            if yes > 0 {
                precisions += yes as f64 * (found as f64 / seen as f64);
                gain += yes as f64 * discounts.mean(places);
                coverage = seen;
            }
        }
        let precision = Some(precisions / positives as f64);
        self.label_ranking_average_precision.add(precision);
        self.coverage_error.add(Some(coverage as f64));
        let best_gain = positives as f64 * discounts.mean(0..positives);
        self.ndcg.add(Some(gain / best_gain));
        self.one_error.add(Some(1.0 - found_at(ranked, 1)));
        if negatives > 0 {
            let pairs = (positives * negatives) as f64;
            self.label_ranking_loss.add(Some(disordered as f64 / pairs));
            let curve = Curve::of(ties(ranked));
            self.roc_auc.add(curve.roc_auc);
            self.average_precision.add(curve.average_precision);
        }
    }

    fn add_all(&mut self, other: &Self) {
        self.roc_auc.add_times(1, other.roc_auc);
        self.average_precision.add_times(1, other.average_precision);
        self.label_ranking_average_precision
            .add_times(1, other.label_ranking_average_precision);
        self.coverage_error.add_times(1, other.coverage_error);
        self.label_ranking_loss
            .add_times(1, other.label_ranking_loss);
        self.ndcg.add_times(1, other.ndcg);
        self.one_error.add_times(1, other.one_error);
        for (top, other) in self.tops.iter_mut().zip(&other.tops) {
            top.precision.add_times(1, other.precision);
            top.recall.add_times(1, other.recall);
        }
    }
}

impl TopMeans {
    fn add(&mut self, ranked: &[RankedLabel], positives: usize) {
        if ranked.len() < self.k {
            return;
        }
        let found = found_at(ranked, self.k);
        self.precision.add(Some(found / self.k as f64));
        self.recall
            .add((positives > 0).then(|| found / positives as f64));
    }
}

/// A logit of a row and its cell, smaller where the logit is higher: the [`rank`], then whether
/// the cell says yes.
pub(super) type RankedLabel = u64;

impl Judged<'_> {
    /// The decisions on a row.
    fn counts_of_row(&self, row: usize) -> Counts {
        let places = row * self.labels().len()..(row + 1) * self.labels().len();
        let mut counts = Counts::default();
        for (&decision, &cell) in self.decisions[places.clone()]
            .iter()
            .zip(&self.cells[places])
        {
            counts.add(decision, cell);
        }
        counts
    }

    /// Puts the known cells of a row into `ranked`, the highest logit first; `false` where there
    /// is none, or a NaN among them.
    fn rank_row(&self, row: usize, ranked: &mut Vec<RankedLabel>) -> bool {
        ranked.clear();
        let cells = &self.cells[row * self.labels().len()..][..self.labels().len()];
        for (&logit, cell) in self.log_odds.row(row).iter().zip(cells) {
            let Some(yes) = known(*cell) else { continue };
            if logit.is_nan() {
                return false;
            }
            ranked.push(u64::from(rank(logit)) << 1 | u64::from(yes));
        }
        ranked.sort_unstable();
        !ranked.is_empty()
    }
}

/// Yes and no cells at each distinct logit, the highest first.
fn ties(ranked: &[RankedLabel]) -> impl Iterator<Item = Tie> {
    let ties = ranked.chunk_by(|a, b| a >> 1 == b >> 1);
    ties.map(|tie| {
        let yes = tie.iter().filter(|&cell| cell & 1 == 1).count();
        Tie {
            logit: logit_of((tie[0] >> 1) as u32),
            yes,
            no: tie.len() - yes,
        }
    })
}

/// How many yes cells are among the `k` highest; of a tie that is cut, the share that is to be
/// expected when its order is chance.
fn found_at(ranked: &[RankedLabel], k: usize) -> f64 {
    let (mut found, mut left) = (0.0, k);
    for Tie { yes, no, .. } in ties(ranked) {
        let cells = yes + no;
        let taken = cells.min(left);
        found += yes as f64 * (taken as f64 / cells as f64);
        left -= taken;
        if left == 0 {
            break;
        }
    }
    found
}

/// What a yes at each place is worth: 1 / log2(2 + place).
struct Discounts {
    /// The sum over all places before each.
    sums: Vec<f64>,
}

impl Discounts {
    fn new(places: usize) -> Self {
        let mut sums = vec![0.0];
        for place in 0..places {
            sums.push(sums[place] + 1.0 / (2.0 + place as f64).log2());
        }
        Self { sums }
    }

    /// The mean over some places: what a cell is worth in a tie that takes them up.
    fn mean(&self, places: std::ops::Range<usize>) -> f64 {
        (self.sums[places.end] - self.sums[places.start]) / places.len() as f64
    }
}

fn by_top<S: Serializer>(tops: &[(usize, Option<f64>)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(tops.iter().map(|(k, value)| (k, value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Labels of a row: the logit, and whether it is a yes.
    type Row<'a> = &'a [(f32, bool)];

    fn ranked(row: Row<'_>) -> Vec<RankedLabel> {
        let mut ranked: Vec<RankedLabel> = row
            .iter()
            .map(|&(logit, yes)| u64::from(rank(logit)) << 1 | u64::from(yes))
            .collect();
        ranked.sort_unstable();
        ranked
    }

    /// The means over these rows, of at most eight labels.
    fn means(rows: &[Row<'_>]) -> RankingMeans {
        let mut means = RankingMeans::new(8);
        for row in rows {
            let tp = row.iter().filter(|(_, yes)| *yes).count();
            let counts = Counts {
                tp,
                tn: row.len() - tp,
                ..Counts::default()
            };
            means.add(&ranked(row), counts, &Discounts::new(8));
        }
        means
    }

    fn close(actual: Mean, expected: f64) -> bool {
        actual
            .value()
            .is_some_and(|actual| (actual - expected).abs() < 1e-12)
    }

    #[test]
    fn figures_of_one_row_are_those_worked_out_by_hand() {
        // Yes at the first and third of four places.
        let means = means(&[&[(3.0, true), (2.0, false), (1.0, true), (0.0, false)]]);
        assert!(close(
            means.label_ranking_average_precision,
            (1.0 + 2.0 / 3.0) / 2.0
        ));
        assert!(close(means.coverage_error, 3.0));
        assert!(close(means.label_ranking_loss, 0.25));
        assert!(close(means.roc_auc, 0.75));
        assert!(close(means.one_error, 0.0));
        assert!(close(means.ndcg, 1.5 / (1.0 + 1.0 / 3_f64.log2())));
        let tops: Vec<_> = means
            .tops
            .iter()
            .map(|top| (top.k, top.precision.value()))
            .collect();
        assert_eq!(tops, [(1, Some(1.0)), (3, Some(2.0 / 3.0)), (5, None)]);
        assert_eq!(means.tops[1].recall.value(), Some(1.0));
    }

    #[test]
    fn a_tie_is_worth_what_chance_makes_of_it() {
        let means = means(&[&[(1.0, true), (1.0, false), (1.0, false)]]);
        assert!(close(means.one_error, 2.0 / 3.0));
        assert!(close(means.tops[0].precision, 1.0 / 3.0));
        assert!(close(means.label_ranking_average_precision, 1.0 / 3.0));
        // Where the others look at chance, scikit-learn's ranking loss looks at the worst.
        assert!(close(means.label_ranking_loss, 1.0));
        assert!(close(means.coverage_error, 3.0));
    }

    #[test]
    fn rows_where_a_figure_is_undefined_are_left_out() {
        let no_yes: Row<'_> = &[(1.0, false), (0.0, false)];
        let all_yes: Row<'_> = &[(1.0, true), (0.0, true)];
        let both: Row<'_> = &[(1.0, false), (0.0, true)];
        let means = means(&[no_yes, all_yes, both]);
        assert!(close(means.label_ranking_average_precision, 0.75));
        assert!(close(means.label_ranking_loss, 1.0));
        assert!(close(means.one_error, 0.5));
        // Precision at k is defined without a yes, and is 0 then.
        assert!(close(means.tops[0].precision, 1.0 / 3.0));
        assert!(close(means.tops[0].recall, 0.25));
        assert_eq!((means.coverage_error.n(), means.roc_auc.n()), (2, 1));
    }

    #[test]
    fn tops_are_smaller_than_a_row() {
        let of = |n| {
            RankingMeans::new(n)
                .tops
                .iter()
                .map(|top| top.k)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            [of(1), of(2), of(4), of(6)],
            [vec![], vec![1], vec![1, 3], vec![1, 3, 5]]
        );
    }

    proptest! {
        #[test]
        fn figures_keep_their_bounds_whatever_the_order_of_labels(
            row in prop::collection::vec((-3..3_i8, any::<bool>()), 1..8),
            key: u64,
        ) {
            let row: Vec<_> = row.iter().map(|&(z, yes)| (f32::from(z), yes)).collect();
            let mut shuffled = row.clone();
            multihot_kernels::random::shuffle(key, &mut shuffled);
            let (a, b) = (means(&[&row]), means(&[&shuffled]));
            for figure in [
                |means: &RankingMeans| means.label_ranking_average_precision,
                |means: &RankingMeans| means.ndcg,
                |means: &RankingMeans| means.one_error,
                |means: &RankingMeans| means.label_ranking_loss,
                |means: &RankingMeans| means.tops[0].precision,
            ] {
                prop_assert_eq!(figure(&a), figure(&b));
                prop_assert!(figure(&a).value().is_none_or(|value| (0.0..=1.0 + 1e-12).contains(&value)));
            }
            if let Some(coverage) = a.coverage_error.value() {
                let positives = row.iter().filter(|(_, yes)| *yes).count();
                prop_assert!(coverage >= positives as f64 && coverage <= row.len() as f64);
            }
        }
    }
}
