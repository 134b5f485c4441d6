//! How decisions are chosen, and `multihot tune`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use multihot::{CalibrationMethod, Objective, SureTargets, TuneOptions};

use super::{ColumnArgs, LabelArgs, MachineArgs, PrecisionArgs, ReportArgs};

#[derive(Debug, ClapArgs)]
pub struct TuneArgs {
    /// Folder of a trained model
    pub model: PathBuf,
    /// Table with texts and the right answers, none of which the model was trained on: a file,
    /// several, a pattern in quotes, or `-` for standard input
    #[arg(required = true, value_name = "TABLE")]
    pub table: Vec<String>,
    #[command(flatten)]
    pub columns: ColumnArgs,
    #[command(flatten)]
    pub labels: LabelArgs,
    #[command(flatten)]
    pub decisions: DecisionArgs,
    #[command(flatten)]
    pub precision: PrecisionArgs,
    #[command(flatten)]
    pub machine: MachineArgs,
    /// TABLE is what `predict --logits` wrote: take its logits, and ask the network nothing
    #[arg(long, conflicts_with_all = ["label_options", "column_options"])]
    pub scores: bool,
    /// Start of every random choice
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Show what would be chosen, and leave the model as it is
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object instead of tables
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub report: ReportArgs,
}

/// How decisions are chosen.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Decisions")]
pub struct DecisionArgs {
    /// What thresholds are for: `f1`, `f-beta=B`, `micro-f1`, `precision>=P`, `recall>=R`,
    /// `recall>=R,guaranteed`, `cost=FALSE_YES:FALSE_NO` or `fixed=T`
    #[arg(long, value_name = "OBJECTIVE", default_value = "f1")]
    pub objective: Objective,
    /// What the threshold of one label is for; may be repeated
    #[arg(long, value_name = "LABEL=OBJECTIVE", value_parser = of_label)]
    pub objective_for: Vec<(String, Objective)>,
    /// How the network's logits become chances
    #[arg(long, value_enum, default_value_t = CalibrationArg::Platt)]
    pub calibration: CalibrationArg,
    /// Answer "unsure" where a yes or a no would be right less often than this; two shares are
    /// one for yes and one for no
    #[arg(long, value_name = "SHARE[,SHARE]")]
    pub unsure: Option<SureTargets>,
}

/// A threshold in place of those that the model keeps.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Decisions")]
pub struct ThresholdArgs {
    /// Answer yes from this probability up, whatever thresholds the model keeps
    #[arg(long, value_name = "T", value_parser = probability)]
    pub threshold: Option<f32>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum CalibrationArg {
    /// A slope and a shift for each label; a temperature shared by all where yes or no is rare
    Platt,
    /// One temperature for all labels
    Temperature,
    /// Beta calibration for each label
    Beta,
    /// A rising curve of any shape for each label with a thousand known cells
    Isotonic,
    /// The network's own probabilities
    None,
}

impl DecisionArgs {
    /// The library's options.
    pub fn options(&self, seed: u64) -> TuneOptions {
        TuneOptions {
            objective: self.objective,
            objective_of: self.objective_for.iter().cloned().collect(),
            calibration: self.calibration.into(),
            unsure: self.unsure,
            seed,
        }
    }
}

impl From<CalibrationArg> for CalibrationMethod {
    fn from(calibration: CalibrationArg) -> Self {
        match calibration {
            CalibrationArg::Platt => CalibrationMethod::Platt,
            CalibrationArg::Temperature => CalibrationMethod::Temperature,
            CalibrationArg::Beta => CalibrationMethod::Beta,
            CalibrationArg::Isotonic => CalibrationMethod::Isotonic,
            CalibrationArg::None => CalibrationMethod::None,
        }
    }
}

fn of_label(text: &str) -> Result<(String, Objective), String> {
    // A label may have a `=` of its own, and so may an objective: the first one that leaves an
    // objective is meant.
    let mut splits = text.match_indices('=').map(|(at, _)| text.split_at(at));
    let objective = |rest: &str| rest[1..].parse::<Objective>();
    let meant = splits
        .clone()
        .find_map(|(label, rest)| Some((label, objective(rest).ok()?)));
    if let Some((label, objective)) = meant {
        return Ok((label.to_owned(), objective));
    }
    let (_, rest) = splits
        .next()
        .ok_or("expected a label and an objective, such as `sports=recall>=0.9`")?;
    Err(objective(rest)
        .expect_err("none of them is one")
        .to_string())
}

fn probability(text: &str) -> Result<f32, String> {
    let threshold = text.parse().ok().filter(|t| (0.0..=1.0).contains(t));
    threshold.ok_or_else(|| "expected a number from 0 to 1".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_may_have_an_equals_sign_of_its_own() {
        let cases = [
            ("sports=f1", "sports", "f1"),
            ("sports=recall>=0.9", "sports", "recall>=0.9"),
            ("a=b=fixed=0.25", "a=b", "fixed=0.25"),
            ("=f1", "", "f1"),
        ];
        for (text, label, objective) in cases {
            let objective = objective.parse().unwrap();
            assert_eq!(of_label(text), Ok((label.to_owned(), objective)), "{text}");
        }
        assert!(
            of_label("a=b=best")
                .unwrap_err()
                .contains("`b=best` is no objective")
        );
    }
}
