//! What all parts of one pass through the encoder share.

use multihot_kernels::{Cpu, Dropout, Precision, dropout};

/// What an encoder is loaded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purpose {
    /// What its layers multiply in. Embeddings, LayerNorms, softmax, the head and all sums are `f32`.
    pub precision: Precision,
    /// Whether it is to learn; otherwise nothing is set aside for that.
    pub trains: bool,
}

impl Purpose {
    /// Learning in `f32`.
    pub const TRAIN_F32: Purpose = Purpose {
        precision: Precision::F32,
        trains: true,
    };

    /// Prediction in `f32`.
    pub const PREDICT_F32: Purpose = Purpose {
        precision: Precision::F32,
        trains: false,
    };

    /// The same in `f32`.
    pub(crate) fn in_f32(self) -> Self {
        Self {
            precision: Precision::F32,
            ..self
        }
    }
}

/// Decides which elements dropout drops: the same seed, step and micro batch drop the same ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DropoutSeed {
    /// The seed of the whole training.
    pub seed: u64,
    /// The optimizer step.
    pub step: u64,
    /// The batch inside the step, where gradients are accumulated over several.
    pub micro_batch: u64,
}

/// Where dropout stands in the network.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Site {
    Embeddings,
    AttentionProbabilities,
    AttentionOutput,
    FeedForwardOutput,
    HeadInput,
    HeadHidden,
}

/// How many [`Site`]s there are.
const SITES: u32 = 6;

/// One pass, forward or backward.
#[derive(Clone, Copy)]
pub(crate) struct Pass<'a> {
    pub(crate) cpu: &'a Cpu,
    /// All parameters; see `buffers.rs` for which may be read.
    pub(crate) values: &'a [f32],
    /// Where each row starts among the tokens, and at last where the last one ends.
    pub(crate) row_starts: &'a [usize],
    /// `None` where nothing is dropped.
    pub(crate) dropout: Option<DropoutSeed>,
    /// Whether a backward pass follows.
    pub(crate) keeps: bool,
}

impl Pass<'_> {
    /// The dropout of `share` at `site` of a layer. Forward and backward ask alike.
    pub(crate) fn dropout(&self, share: f32, layer: usize, site: Site) -> Option<Dropout> {
        let DropoutSeed {
            seed,
            step,
            micro_batch,
        } = self.dropout?;
        let site = (micro_batch as u32)
            .wrapping_mul(SITES)
            .wrapping_add(site as u32);
        Some(Dropout {
            share,
            key: dropout::key(seed, step, layer as u32, site),
        })
    }

    /// How many tokens the batch has.
    pub(crate) fn tokens(&self) -> usize {
        let last = self.row_starts.last();
        *last.expect("row starts end with the number of tokens")
    }

    /// How many rows the batch has.
    pub(crate) fn rows(&self) -> usize {
        self.row_starts.len() - 1
    }
}
