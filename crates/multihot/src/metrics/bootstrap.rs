//! Other tables that might have been drawn in place of this one: the rows, drawn with replacement.
//!
//! What is drawn are groups of rows. Up to 1,000 rows each row is a group, and this is the
//! bootstrap as Efron has it. Of more rows, 1,000 random groups are made that are as equal in size
//! as can be: the spread over draws of groups is that over draws of rows, but for an error of a
//! few per cent in the width of an interval, and a figure that is a function of sums over rows is
//! computed from 1,000 sums, however many rows there are.

use multihot_kernels::random;
use serde::Serialize;

use super::counts::{Counts, Mean};
use super::curves::{Curve, Ranking};

/// Most groups. Numbers of groups fit a `u16`, and so do sums of 64 weights.
const MOST_GROUPS: usize = 1000;
/// Replicates, unless it is said how many.
const REPLICATES: usize = 1000;
/// Where nobody said how many, there are fewer replicates of large tables, so that all of them
/// together look at no more cells than this: seconds of work.
const MOST_VISITS: usize = 50_000_000_000;
/// But not fewer than this: the 2.5 % at either end are then five of them.
const FEWEST_REPLICATES: usize = 200;
/// Replicates that are computed side by side.
const LANES: usize = 16;
/// The share of replicates inside an interval.
pub(super) const LEVEL: f64 = 0.95;

/// Whether and how intervals are made; the default is 1,000 replicates, of large tables fewer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bootstrap {
    /// How often the rows are drawn again; 0 makes no intervals. `None` is 1,000, but above 50
    /// million cells only as many as look at 50 thousand million cells, and at least 200.
    pub replicates: Option<usize>,
    /// Start of the random choices.
    pub seed: u64,
}

/// Where 95 % of the replicates of a figure lie.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(into = "[f64; 2]")]
pub struct Interval {
    /// The 2.5th percentile.
    pub low: f64,
    /// The 97.5th percentile.
    pub high: f64,
}

/// How the rows were drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Draws {
    /// The share of replicates inside an interval, 0.95.
    pub level: f64,
    /// How often rows were drawn.
    pub replicates: usize,
    /// Groups of rows that each draw takes from; as many as rows where each row is one.
    pub groups: usize,
    /// Start of the random choices.
    pub seed: u64,
}

impl Bootstrap {
    /// No intervals.
    pub const OFF: Self = Self {
        replicates: Some(0),
        seed: 0,
    };

    /// Draws for a table of `rows` rows with `cells` cells; `None` where intervals are off, or
    /// where there are no two rows to draw from.
    pub(crate) fn draw(self, rows: usize, cells: usize) -> Option<Resampling> {
        let affordable = (MOST_VISITS / cells.max(1)).clamp(FEWEST_REPLICATES, REPLICATES);
        let replicates = self.replicates.unwrap_or(affordable);
        (replicates > 0 && rows > 1).then(|| Resampling::new(rows, replicates, self.seed))
    }
}

/// Groups of rows, and how often each replicate has each group.
pub(crate) struct Resampling {
    draws: Draws,
    group_of_row: Vec<u16>,
    /// A block for every [`LANES`] replicates, in it an entry a group, in it a weight a replicate.
    weights: Vec<[u16; LANES]>,
}

impl Resampling {
    fn new(rows: usize, replicates: usize, seed: u64) -> Self {
        let groups = rows.min(MOST_GROUPS);
        let mut group_of_row: Vec<u16> = (0..rows).map(|row| (row % groups) as u16).collect();
        if rows > groups {
            random::shuffle(random::key(seed, &[0]), &mut group_of_row);
        }
        let mut weights = vec![[0; LANES]; groups * replicates.div_ceil(LANES)];
        for (block, weights) in weights.chunks_mut(groups).enumerate() {
            let keys: [u64; LANES] =
                std::array::from_fn(|lane| random::key(seed, &[1, (block * LANES + lane) as u64]));
            for (lane, key) in keys.into_iter().enumerate() {
                for draw in 0..groups {
                    let group = (random::uniform(key, draw as u64) * groups as f64) as usize;
                    weights[group][lane] += 1;
                }
            }
        }
        Self {
            draws: Draws {
                level: LEVEL,
                replicates,
                groups,
                seed,
            },
            group_of_row,
            weights,
        }
    }

    /// How the rows were drawn.
    pub fn draws(&self) -> Draws {
        self.draws
    }

    /// Groups of rows.
    pub fn groups(&self) -> usize {
        self.draws.groups
    }

    /// The group of `row`.
    pub fn group(&self, row: usize) -> u16 {
        self.group_of_row[row]
    }

    /// The sums of each replicate, from those of each group.
    pub(super) fn sums<T: Sum>(&self, by_group: &[T]) -> Vec<T> {
        let mut sums = Vec::with_capacity(self.draws.replicates + LANES);
        for weights in self.blocks() {
            let mut block = [T::default(); LANES];
            for (weights, &group) in weights.iter().zip(by_group) {
                for (sum, &weight) in block.iter_mut().zip(weights) {
                    sum.add_times(weight.into(), group);
                }
            }
            sums.extend(block);
        }
        sums.truncate(self.draws.replicates);
        sums
    }

    /// The curve of each replicate.
    pub(super) fn curves(&self, ranking: &Ranking) -> Vec<Curve> {
        if ranking.has_nan() {
            return vec![Curve::default(); self.draws.replicates];
        }
        let steps = Steps::of(ranking);
        let mut curves: Vec<Curve> = self
            .blocks()
            .flat_map(|block| steps.curves(block))
            .collect();
        curves.truncate(self.draws.replicates);
        curves
    }

    fn blocks(&self) -> impl Iterator<Item = &[[u16; LANES]]> {
        self.weights.chunks(self.draws.groups)
    }
}

/// What can be added up over rows.
pub(super) trait Sum: Copy + Default {
    /// Adds all of `other` as if it were there `times` times.
    fn add_times(&mut self, times: usize, other: Self);
}

impl Sum for Counts {
    fn add_times(&mut self, times: usize, other: Self) {
        Counts::add_times(self, times, other);
    }
}

impl Sum for Mean {
    fn add_times(&mut self, times: usize, other: Self) {
        Mean::add_times(self, times, other);
    }
}

impl Sum for f64 {
    fn add_times(&mut self, times: usize, other: Self) {
        // What no replicate has is not in its sum, be it infinite.
        if times > 0 {
            *self += times as f64 * other;
        }
    }
}

/// A ranking as the replicates walk it: the groups of its cells in rank order, no and yes apart,
/// and where the distinct logits with a yes are.
///
/// Between two such logits only the weight of the no cells counts, and a sum of weights is all
/// that most of the work consists of.
struct Steps {
    no: Vec<u16>,
    yes: Vec<u16>,
    steps: Vec<Step>,
}

/// A distinct logit that a yes has.
struct Step {
    /// No cells above it.
    no_above: usize,
    /// No cells above it and at it.
    no_to: usize,
    /// Yes cells above it and at it.
    yes_to: usize,
}

/// A number for each of some replicates. Of signed ones to `f32` and `f64` there is an instruction.
type Lanes = [i32; LANES];

impl Steps {
    fn of(ranking: &Ranking) -> Self {
        let groups = |yes: bool| {
            let cells = ranking.cells().iter();
            let of_kind = cells.filter(|cell| cell.is_yes() == yes);
            of_kind.map(|cell| cell.group()).collect::<Vec<u16>>()
        };
        let (mut no_above, mut yes_to, mut steps) = (0, 0, Vec::new());
        for tie in ranking.ties() {
            let no_to = no_above + tie.no;
            if tie.yes > 0 {
                yes_to += tie.yes;
                steps.push(Step {
                    no_above,
                    no_to,
                    yes_to,
                });
            }
            no_above = no_to;
        }
        Self {
            no: groups(false),
            yes: groups(true),
            steps,
        }
    }

    /// The curves of the replicates that have these weights, as [`Curve::of`] defines them.
    fn curves(&self, weights: &[[u16; LANES]]) -> [Curve; LANES] {
        let (mut above, mut found): (Lanes, Lanes) = Default::default();
        let (mut precisions, mut twice_disordered) = ([0.0; LANES], [0.0; LANES]);
        let (mut no_from, mut yes_from) = (0, 0);
        for step in &self.steps {
            let (mut tied, mut gained) = Default::default();
            add_weights(&self.no[no_from..step.no_above], weights, &mut above);
            add_weights(&self.no[step.no_above..step.no_to], weights, &mut tied);
            add_weights(&self.yes[yes_from..step.yes_to], weights, &mut gained);
            for lane in 0..LANES {
                found[lane] += gained[lane];
                let seen = found[lane] + above[lane] + tied[lane];
                // Divided in `f32`: intervals are not read to the seventh digit. Where nothing is
                // seen, nothing is gained.
                let precision = found[lane] as f32 / seen.max(1) as f32;
                precisions[lane] += f64::from(gained[lane] as f32 * precision);
                let twice_above = f64::from(above[lane]) * 2.0 + f64::from(tied[lane]);
                twice_disordered[lane] += f64::from(gained[lane]) * twice_above;
                above[lane] += tied[lane];
            }
            (no_from, yes_from) = (step.no_to, step.yes_to);
        }
        add_weights(&self.no[no_from..], weights, &mut above);
        std::array::from_fn(|lane| {
            let (positives, negatives) = (f64::from(found[lane]), f64::from(above[lane]));
            if positives == 0.0 || negatives == 0.0 {
                return Curve::default();
            }
            let disordered = twice_disordered[lane] / (2.0 * positives * negatives);
            Curve {
                roc_auc: Some(1.0 - disordered),
                average_precision: Some(precisions[lane] / positives),
            }
        })
    }
}

/// Adds the weights that the cells of these groups have in each replicate.
fn add_weights(groups: &[u16], weights: &[[u16; LANES]], sum: &mut Lanes) {
    // A weight is at most `MOST_GROUPS`, so 64 of them fit a `u16`, of which twice as many as of
    // an `i32` are added at once.
    for groups in groups.chunks(64) {
        let mut part = [0u16; LANES];
        for &group in groups {
            let weights = &weights[usize::from(group)];
            for lane in 0..LANES {
                part[lane] += weights[lane];
            }
        }
        for lane in 0..LANES {
            sum[lane] += i32::from(part[lane]);
        }
    }
}

impl Interval {
    /// The interval of a figure that has the value `figure` on the table itself; `None` where that
    /// has none, or where fewer than half of the replicates have one.
    pub(super) fn of(
        figure: Option<f64>,
        replicates: impl ExactSizeIterator<Item = Option<f64>>,
    ) -> Option<Self> {
        figure?;
        let n = replicates.len();
        let mut values: Vec<f64> = replicates.flatten().collect();
        if values.is_empty() || 2 * values.len() < n {
            return None;
        }
        values.sort_unstable_by(f64::total_cmp);
        let outside = (1.0 - LEVEL) / 2.0;
        Some(Self {
            low: quantile(&values, outside),
            high: quantile(&values, 1.0 - outside),
        })
    }
}

/// The value below which a `share` of the `sorted` values lies, on the line between two of them,
/// as NumPy has it.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (low, part) = (place.floor() as usize, place.fract());
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] + part * (sorted[high] - sorted[low])
}

impl From<Interval> for [f64; 2] {
    fn from(interval: Interval) -> Self {
        [interval.low, interval.high]
    }
}

#[cfg(test)]
mod tests {
    use super::super::curves::Tie;
    use super::*;
    use proptest::prelude::*;

    fn resampling(rows: usize, replicates: usize) -> Resampling {
        Resampling::new(rows, replicates, 7)
    }

    #[test]
    fn each_replicate_has_as_many_groups_as_there_are() {
        for rows in [2, 5, 1000, 1001, 12_345] {
            let resampling = resampling(rows, 20);
            assert_eq!(resampling.groups(), rows.min(1000));
            let sums = resampling.sums(&vec![1.0; resampling.groups()]);
            assert_eq!(sums, vec![resampling.groups() as f64; 20]);
        }
    }

    #[test]
    fn groups_are_as_equal_as_can_be_and_random() {
        let resampling = resampling(2500, 1);
        let mut sizes = vec![0; 1000];
        for row in 0..2500 {
            sizes[usize::from(resampling.group(row))] += 1;
        }
        assert!(sizes.iter().all(|&size| size == 2 || size == 3));
        let in_order = (0..1000).filter(|&row| usize::from(resampling.group(row)) == row);
        assert!(in_order.count() < 20);
    }

    #[test]
    fn up_to_a_thousand_rows_each_is_a_group() {
        let resampling = resampling(1000, 1);
        assert!((0..1000).all(|row| usize::from(resampling.group(row)) == row));
    }

    #[test]
    fn the_spread_of_a_mean_is_that_of_the_formula() {
        // 40,000 rows, one in four yes: the standard error of the share is sqrt(p (1 - p) / n).
        let resampling = resampling(40_000, 2000);
        let mut by_group = vec![Counts::default(); 1000];
        for row in 0..40_000 {
            let counts = &mut by_group[usize::from(resampling.group(row))];
            *if row % 4 == 0 {
                &mut counts.tp
            } else {
                &mut counts.fp
            } += 1;
        }
        let replicates = resampling.sums(&by_group);
        let interval = Interval::of(
            Some(0.25),
            replicates.iter().map(|counts| counts.precision()),
        )
        .unwrap();
        let expected = 2.0 * 1.96 * (0.25 * 0.75 / 40_000_f64).sqrt();
        let width = interval.high - interval.low;
        assert!(
            (width / expected - 1.0).abs() < 0.1,
            "{width} vs {expected}"
        );
        assert!(interval.low < 0.25 && interval.high > 0.25);
    }

    #[test]
    fn quantiles_are_those_of_numpy() {
        let sorted = [1.0, 2.0, 4.0, 8.0];
        for (share, expected) in [(0.0, 1.0), (0.5, 3.0), (0.75, 5.0), (0.9, 6.8), (1.0, 8.0)] {
            assert!(
                (quantile(&sorted, share) - expected).abs() < 1e-12,
                "{share}"
            );
        }
        assert_eq!(quantile(&[3.0], 0.975), 3.0);
    }

    #[test]
    fn an_interval_needs_a_figure_and_half_of_the_replicates() {
        let some = [Some(1.0), None, Some(1.0), None];
        let one = Interval {
            low: 1.0,
            high: 1.0,
        };
        assert_eq!(Interval::of(Some(1.0), some.into_iter()), Some(one));
        assert_eq!(Interval::of(None, some.into_iter()), None);
        assert_eq!(
            Interval::of(Some(1.0), some[1..].iter().take(3).rev().take(2).copied()),
            Some(one)
        );
        assert_eq!(
            Interval::of(Some(1.0), [Some(1.0), None, None].into_iter()),
            None
        );
    }

    #[test]
    fn large_tables_have_fewer_replicates_unless_it_is_said_how_many() {
        let drawn = |replicates, rows, cells| {
            let bootstrap = Bootstrap {
                replicates,
                seed: 0,
            };
            bootstrap
                .draw(rows, cells)
                .map(|drawn| drawn.draws().replicates)
        };
        assert_eq!(drawn(None, 1000, 3000), Some(1000));
        assert_eq!(drawn(None, 1000, 50_000_000), Some(1000));
        assert_eq!(drawn(None, 1000, 100_000_000), Some(500));
        assert_eq!(drawn(None, 1000, 10_000_000_000), Some(200));
        assert_eq!(drawn(Some(1500), 1000, 10_000_000_000), Some(1500));
        assert_eq!(drawn(Some(0), 1000, 3000), None);
        assert_eq!(drawn(None, 1, 3), None);
        assert_eq!(drawn(None, 0, 0), None);
    }

    proptest! {
        #[test]
        fn a_replicate_has_the_curve_of_its_own_cells(
            cells in prop::collection::vec((-6..6_i8, any::<bool>()), 2..60),
        ) {
            let resampling = resampling(cells.len(), 20);
            let cells = cells.iter().map(|&(logit, yes)| (f32::from(logit), yes));
            let ranking = Ranking::new(
                cells.clone().enumerate().map(|(row, (logit, yes))| (logit, yes, row as u16)),
            );
            for (replicate, actual) in resampling.curves(&ranking).into_iter().enumerate() {
                let times = |row: usize| {
                    let block = resampling.blocks().nth(replicate / LANES).unwrap();
                    block[row][replicate % LANES]
                };
                let drawn = cells.clone().enumerate().flat_map(|(row, (logit, yes))| {
                    std::iter::repeat_n((logit, yes, 0), times(row).into())
                });
                let expected = Ranking::new(drawn).curve();
                for (a, e) in [
                    (actual.roc_auc, expected.roc_auc),
                    (actual.average_precision, expected.average_precision),
                ] {
                    prop_assert_eq!(a.is_some(), e.is_some());
                    prop_assert!(a.zip(e).is_none_or(|(a, e)| (a - e).abs() < 1e-6));
                }
            }
        }

        #[test]
        fn sums_of_many_weights_overflow_nothing(groups in prop::collection::vec(0..3_u16, 0..300)) {
            let weights = [[1000; LANES], [0; LANES], [1; LANES]];
            let mut sum = [5; LANES];
            add_weights(&groups, &weights, &mut sum);
            let expected: i32 =
                groups.iter().map(|&group| i32::from(weights[usize::from(group)][0])).sum();
            prop_assert_eq!(sum, [5 + expected; LANES]);
        }
    }

    #[test]
    fn a_nan_has_no_curve_in_any_replicate() {
        let cells = [(1.0, true, 0), (f32::NAN, false, 1)];
        let curves = resampling(2, 3).curves(&Ranking::new(cells.into_iter()));
        assert_eq!(curves, [Curve::default(); 3]);
        let empty: [Tie; 0] = [];
        assert_eq!(Curve::of(empty.into_iter()), Curve::default());
    }
}
