//! The loss of a training, from the command line.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use multihot::{Loss, POSITIVE_WEIGHT_CAP, PositiveWeights};

use crate::args::{LossArg, LossArgs};
use crate::exit::Usage;

/// The loss with its numbers; one that belongs to another loss is refused.
pub fn loss(args: &LossArgs) -> Result<Loss> {
    let numbers = [
        (LossArg::Focal, "--focal-gamma", args.focal_gamma),
        (LossArg::Asl, "--asl-gamma-pos", args.asl_gamma_pos),
        (LossArg::Asl, "--asl-gamma-neg", args.asl_gamma_neg),
        (LossArg::Asl, "--asl-clip", args.asl_clip),
    ];
    for (owner, option, number) in numbers {
        if number.is_some() && owner != args.loss {
            return Err(stray(option, name(owner), name(args.loss)));
        }
    }
    // The defaults are those of the papers.
    Ok(match args.loss {
        LossArg::Bce => Loss::Bce,
        LossArg::Focal => Loss::Focal {
            gamma: args.focal_gamma.unwrap_or(2.0),
        },
        LossArg::Asl => Loss::Asymmetric {
            gamma_positive: args.asl_gamma_pos.unwrap_or(0.0),
            gamma_negative: args.asl_gamma_neg.unwrap_or(4.0),
            clip: args.asl_clip.unwrap_or(0.05),
        },
    })
}

/// The weights of the yes side: none, `auto`, or those in a JSON file.
pub fn positive_weights(args: &LossArgs) -> Result<Option<PositiveWeights>> {
    match (args.pos_weight.as_deref(), args.pos_weight_cap) {
        (Some("auto"), cap) => Ok(Some(PositiveWeights::Auto {
            cap: cap.unwrap_or(POSITIVE_WEIGHT_CAP),
        })),
        (_, Some(_)) => Err(Usage {
            message: "`--pos-weight-cap` is a cap on the weights of `--pos-weight auto`".into(),
            hint: Some("pass `--pos-weight auto`, or leave `--pos-weight-cap` out".into()),
        }
        .into()),
        (Some(file), None) => read_weights(file).map(Some),
        (None, None) => Ok(None),
    }
}

fn read_weights(file: &str) -> Result<PositiveWeights> {
    let content = std::fs::read_to_string(Path::new(file))
        .with_context(|| format!("{file}: cannot read the weights of `--pos-weight`"))?;
    let weights: BTreeMap<String, f32> = serde_json::from_str(&content)
        .with_context(|| format!("{file}: expected a JSON object like {{\"sports\": 3.5}}"))?;
    Ok(PositiveWeights::ByLabel(weights))
}

fn name(loss: LossArg) -> &'static str {
    match loss {
        LossArg::Bce => "bce",
        LossArg::Focal => "focal",
        LossArg::Asl => "asl",
    }
}

fn stray(option: &str, owner: &str, chosen: &str) -> anyhow::Error {
    Usage {
        message: format!("`{option}` belongs to `--loss {owner}`; the loss is `{chosen}`"),
        hint: Some(format!("pass `--loss {owner}`, or leave `{option}` out")),
    }
    .into()
}
