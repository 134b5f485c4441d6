//! Says in plain words when a model has learned nothing but how frequent each label is.

use multihot_checkpoint::Pooling;
use multihot_table::Cell;

use crate::metrics::Evaluation;

/// A model whose dev loss is not below this share of the base rates' has learned nothing.
const LEARNED_SHARE: f64 = 0.99;
/// Nor has one that ranks texts hardly better than by chance; either alone may be bad luck.
const CHANCE_AUROC: f64 = 0.6;

/// Advice when `dev` shows no more than the base rates of its own cells.
pub(super) fn collapse(dev: &Evaluation, cells: &[Cell], pooling: Pooling) -> Option<String> {
    let (loss, auroc) = (dev.log_loss?, dev.macro_scores.roc_auc?);
    let base = base_rate_loss(cells, dev.labels.len())?;
    if loss < LEARNED_SHARE * base || auroc > CHANCE_AUROC {
        return None;
    }
    let other_pooling = match pooling {
        Pooling::Cls => "`--pooling mean`, ",
        Pooling::Mean => "",
    };
    Some(format!(
        "the model has collapsed to the base rates: it gives every text nearly the same answer \
         (dev loss {loss:.4}; always answering how frequent each label is gives {base:.4}; macro \
         ROC AUC {auroc:.3}). Try more `--epochs`, a higher `--head-learning-rate`, \
         {other_pooling}or more rows"
    ))
}

/// Mean binary entropy of the known cells when each label's share of yes is the answer.
fn base_rate_loss(cells: &[Cell], n_labels: usize) -> Option<f64> {
    let (mut loss, mut known) = (0.0, 0.0);
    for label in 0..n_labels {
        let count = |wanted| {
            cells
                .iter()
                .skip(label)
                .step_by(n_labels)
                .filter(|cell| **cell == wanted)
                .count() as f64
        };
        let (yes, no) = (count(Cell::Yes), count(Cell::No));
        for n in [yes, no] {
            if n > 0.0 {
                loss -= n * (n / (yes + no)).ln();
            }
        }
        known += yes + no;
    }
    (known > 0.0).then(|| loss / known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_rate_loss_is_the_entropy_of_the_known_cells() {
        use Cell::{No, Unknown, Yes};
        let half = base_rate_loss(&[Yes, No, No, Yes, Unknown, Unknown], 2);
        assert!((half.unwrap() - 2f64.ln()).abs() < 1e-12);
        assert_eq!(base_rate_loss(&[Yes, Yes], 1), Some(0.0));
        assert_eq!(base_rate_loss(&[Unknown], 1), None);
    }
}
