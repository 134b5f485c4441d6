//! Whether a model is worth more than the linear one on the same rows, in words.

use std::fmt;

/// The figures that tell whether the encoder earns its keep, of the model and of the linear one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BaselineVerdict {
    /// Macro average precision of both.
    pub(super) ranking: Option<(f64, f64)>,
    /// Macro F1 of both.
    pub(super) decisions: Option<(f64, f64)>,
    /// Whether F1 is the cross-fitted one.
    pub(super) is_cross_fitted: bool,
    /// Labels that the model ranks better, of those that both have an average precision of.
    pub(super) ranked_better: (usize, usize),
    /// Words and pairs of words of the linear model.
    pub(super) features: usize,
    /// What it took to fit and score it.
    pub(super) seconds: f64,
}

impl BaselineVerdict {
    /// Whether the model is better by each of the two figures that both have.
    pub fn earns_its_keep(&self) -> bool {
        let mut both = [self.ranking, self.decisions].into_iter().flatten();
        let is_known = self.ranking.or(self.decisions).is_some();
        is_known && both.all(is_better)
    }

    fn outcome(&self) -> &'static str {
        match (self.ranking.map(is_better), self.decisions.map(is_better)) {
            _ if self.earns_its_keep() => "The encoder earns its keep",
            (Some(true), _) => "The encoder earns its keep on ranking, but not on decisions",
            (_, Some(true)) => "The encoder earns its keep on decisions, but not on ranking",
            _ => "The encoder does not earn its keep here",
        }
    }
}

fn is_better((model, linear): (f64, f64)) -> bool {
    model > linear
}

impl fmt::Display for BaselineVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let macro_f1 = if self.is_cross_fitted {
            "cross-fitted macro F1"
        } else {
            "macro F1"
        };
        let named = [
            ("macro average precision", self.ranking),
            (macro_f1, self.decisions),
        ];
        let named = named.iter().filter_map(|&(name, both)| {
            let (model, linear) = both?;
            Some(format!("{name} {model:.4} against {linear:.4}"))
        });
        let named: Vec<String> = named.collect();
        if named.is_empty() {
            return f.write_str("No label has both values, so nothing can be compared.");
        }
        let (better, of) = self.ranked_better;
        write!(
            f,
            "{}: {} of TF-IDF with logistic regression ({} features, {:.1} s); it ranks {better} of \
             {of} labels better.",
            self.outcome(),
            named.join(", "),
            self.features,
            self.seconds
        )?;
        let wins_nothing = ![self.ranking, self.decisions]
            .into_iter()
            .flatten()
            .any(is_better);
        if wins_nothing {
            f.write_str(
                " A linear model would do as well; more rows, more `--epochs`, another encoder or \
                 `--pooling` may change that.",
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_figures_have_a_say_and_are_named() {
        let better = Some((0.6, 0.5));
        let (worse, equal) = (Some((0.4, 0.5)), Some((0.5, 0.5)));
        let cases = [
            (better, better, "The encoder earns its keep: "),
            (better, None, "The encoder earns its keep: "),
            (
                better,
                equal,
                "The encoder earns its keep on ranking, but not on decisions: ",
            ),
            (
                worse,
                better,
                "The encoder earns its keep on decisions, but not on ranking: ",
            ),
            (equal, worse, "The encoder does not earn its keep here: "),
            (None, worse, "The encoder does not earn its keep here: "),
            (None, None, "No label has both values, "),
        ];
        for (ranking, decisions, expected) in cases {
            let verdict = BaselineVerdict {
                ranking,
                decisions,
                is_cross_fitted: false,
                ranked_better: (1, 2),
                features: 9,
                seconds: 0.1,
            };
            let text = verdict.to_string();
            assert!(text.starts_with(expected), "{text}");
            let earns_its_keep = expected == "The encoder earns its keep: ";
            assert_eq!(verdict.earns_its_keep(), earns_its_keep, "{text}");
            let is_hopeless = expected.contains("does not");
            assert_eq!(
                text.contains("A linear model would do as well"),
                is_hopeless
            );
        }
        let verdict = BaselineVerdict {
            ranking: better,
            decisions: worse,
            is_cross_fitted: true,
            ranked_better: (1, 2),
            features: 9,
            seconds: 0.1,
        };
        let expected = "macro average precision 0.6000 against 0.5000, cross-fitted macro F1 0.4000 \
                        against 0.5000 of TF-IDF with logistic regression (9 features, 0.1 s); it \
                        ranks 1 of 2 labels better.";
        assert!(verdict.to_string().ends_with(expected), "{verdict}");
    }
}
