//! Splits beside those of the Python package iterative-stratification, from `tools/reference/split.py`.
//!
//! Two such splits never are the same rows, so what is compared is how far the parts are from their
//! share: of each label's yes cells, of its known cells, and of the rows.

use multihot::split::{Rows, k_folds, split_shares};
use multihot_table::Cell;
use serde_json::Value;

const SEEDS: u64 = 5;

/// Yes cells by which folds may be further from their share than theirs, in the mean over labels
/// and folds. They let the sizes of folds go where the labels lead (up to five rows in this file);
/// ours are exact, which has a price.
const YES_MEAN_OF_FOLDS: f64 = 0.1;
/// The same for train, dev and test: a label with few yes has one in each part rather than its
/// share.
const YES_MEAN_OF_SHARES: f64 = 0.3;
/// The same for the part and the label that are furthest off.
const YES_MAX: f64 = 1.0;

/// Distances from what each part should have.
#[derive(Default)]
struct Distances {
    yes_mean: f64,
    yes_max: f64,
    known_mean: f64,
    rows_max: f64,
}

#[test]
fn parts_are_as_near_their_share_as_those_of_iterative_stratification() {
    let golden: Value = serde_json::from_str(include_str!("golden/split.json")).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    assert!(cases.len() > 5, "the file has {} cases", cases.len());
    for case in cases {
        let table: Vec<&str> = case["cells"].as_array().unwrap().iter().map(text).collect();
        let cells: Vec<Cell> = table.iter().flat_map(|row| row.chars().map(cell)).collect();
        for way in case["ways"].as_array().unwrap() {
            let name = format!("{}, {}", text(&case["name"]), text(&way["way"]));
            let shares: Vec<f64> = serde_json::from_value(way["shares"].clone()).unwrap();
            let are_folds = shares.iter().all(|share| *share == shares[0]);
            let yes_mean = if are_folds {
                YES_MEAN_OF_FOLDS
            } else {
                YES_MEAN_OF_SHARES
            };
            let found = mean_distances(&cells, table.len(), &shares);
            let theirs = |key: &str| way["expected"][key].as_f64().unwrap();
            let bounds = [
                ("yes, mean", found.yes_mean, theirs("yes_mean") + yes_mean),
                ("yes, furthest", found.yes_max, theirs("yes_max") + YES_MAX),
                // They do not look at blanks. Where there are none, these are the rows.
                (
                    "known, mean",
                    found.known_mean,
                    theirs("known_mean").max(1.0),
                ),
                // Never more than rounding.
                ("rows", found.rows_max, theirs("rows_max").min(1.0)),
            ];
            for (what, found, bound) in bounds {
                assert!(
                    found <= bound + 1e-6,
                    "{name}: {what} {found}, at most {bound}"
                );
            }
        }
    }
}

/// Our distances, the mean over some seeds.
fn mean_distances(cells: &[Cell], n_rows: usize, shares: &[f64]) -> Distances {
    let texts: Vec<String> = (0..n_rows).map(|row| row.to_string()).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let rows = Rows {
        texts: &texts,
        groups: &[],
        cells,
        n_labels: cells.len() / n_rows,
    };
    let are_folds = shares.iter().all(|share| *share == shares[0]);
    let mut sum = Distances::default();
    for seed in 0..SEEDS {
        let part_of = if are_folds {
            k_folds(&rows, shares.len(), seed).unwrap()
        } else {
            split_shares(&rows, shares, seed).unwrap()
        };
        let found = distances(&rows, &part_of, shares);
        sum.yes_mean += found.yes_mean / SEEDS as f64;
        sum.yes_max += found.yes_max / SEEDS as f64;
        sum.known_mean += found.known_mean / SEEDS as f64;
        sum.rows_max += found.rows_max / SEEDS as f64;
    }
    sum
}

fn distances(rows: &Rows<'_>, part_of: &[usize], shares: &[f64]) -> Distances {
    // How far each part is from its share of the cells of `label` for which `counts`.
    let distances = |label: usize, counts: &dyn Fn(Cell) -> bool| {
        let cells = rows.cells.iter().skip(label).step_by(rows.n_labels);
        let mut inside = vec![0.0; shares.len()];
        for (cell, &part) in cells.zip(part_of) {
            inside[part] += f64::from(u8::from(counts(*cell)));
        }
        let all: f64 = inside.iter().sum();
        let parts = inside.into_iter().zip(shares);
        parts
            .map(|(inside, share)| (inside - share * all).abs())
            .collect::<Vec<f64>>()
    };
    let largest = |distances: &[f64]| distances.iter().copied().fold(0.0, f64::max);
    let mut found = Distances::default();
    let entries = (shares.len() * rows.n_labels) as f64;
    for label in 0..rows.n_labels {
        let yes = distances(label, &|cell| cell == Cell::Yes);
        let known = distances(label, &|cell| cell != Cell::Unknown);
        found.yes_mean += yes.iter().sum::<f64>() / entries;
        found.yes_max = found.yes_max.max(largest(&yes));
        found.known_mean += known.iter().sum::<f64>() / entries;
    }
    found.rows_max = largest(&distances(0, &|_| true));
    found
}

fn cell(letter: char) -> Cell {
    match letter {
        '1' => Cell::Yes,
        '0' => Cell::No,
        '?' => Cell::Unknown,
        other => panic!("`{other}` is no cell"),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}
