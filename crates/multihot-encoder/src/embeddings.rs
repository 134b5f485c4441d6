//! From token ids to vectors: word + position + type, a LayerNorm, and ELECTRA's projection.

use std::ops::Range;

use multihot_checkpoint::{ModelConfig, Role};
use multihot_kernels::{Cpu, Dropout, NumbersRef, Precision, Work, dropout, embedding};

use crate::batch::TokenBatch;
use crate::family::{Positions, Traits};
use crate::linear::Linear;
use crate::norm::{Norm, NormActivations};
use crate::parameters::Layout;
use crate::pass::{Pass, Purpose, Site};

/// The tables and what follows them.
pub(crate) struct Embeddings {
    width: usize,
    positions: Positions,
    pad_token_id: u32,
    dropout: f32,
    words: Range<usize>,
    position_table: Range<usize>,
    /// Of which text of a pair a token is; a text alone has type 0.
    types: Option<Range<usize>>,
    norm: Norm,
    projection: Option<Linear>,
}

/// What the embeddings leave for their backward pass, all in `f32`.
pub(crate) struct EmbeddingActivations {
    positions: Vec<u32>,
    types: Vec<u32>,
    sum: Vec<f32>,
    norm: NormActivations,
    /// The input of the projection, where there is one.
    normed: Vec<f32>,
}

impl Default for EmbeddingActivations {
    fn default() -> Self {
        Self {
            positions: Vec::new(),
            types: Vec::new(),
            sum: Vec::new(),
            norm: NormActivations::new(Precision::F32),
            normed: Vec::new(),
        }
    }
}

/// Gradients on their way through the embeddings.
#[derive(Default)]
pub(crate) struct EmbeddingGradients {
    d_normed: Vec<f32>,
    d_sum: Vec<f32>,
}

impl Embeddings {
    pub(crate) fn new(
        cpu: &Cpu,
        config: &ModelConfig,
        traits: Traits,
        layout: &Layout,
        values: &[f32],
        purpose: Purpose,
    ) -> Self {
        let projection = layout.find(Role::EmbeddingProjectionWeight).map(|_| {
            let (weight, bias) = (
                Role::EmbeddingProjectionWeight,
                Role::EmbeddingProjectionBias,
            );
            let place = layout.pair(weight, bias);
            Linear::new(cpu, values, place, purpose.in_f32())
        });
        Self {
            width: config.embedding_size,
            positions: traits.positions,
            pad_token_id: config.pad_token_id,
            dropout: config.hidden_dropout,
            words: layout.place(Role::WordEmbedding),
            position_table: layout.place(Role::PositionEmbedding),
            types: layout.find(Role::TypeEmbedding),
            norm: Norm {
                place: layout.pair(Role::EmbeddingNormWeight, Role::EmbeddingNormBias),
                epsilon: config.layer_norm_epsilon,
            },
            projection,
        }
    }

    /// Its linear layer, for packing it again.
    pub(crate) fn linears_mut(&mut self) -> impl Iterator<Item = &mut Linear> {
        self.projection.iter_mut()
    }

    /// From a checked batch to `out`, `[tokens, hidden_size]`.
    pub(crate) fn forward(
        &self,
        pass: Pass<'_>,
        batch: &TokenBatch,
        kept: &mut EmbeddingActivations,
        out: &mut Vec<f32>,
    ) {
        let _time = pass.cpu.record(Work::Embedding);
        self.number_tokens(batch, kept);
        self.sum_tables(pass, batch, kept);
        let normed = match self.projection {
            Some(_) => &mut kept.normed,
            None => &mut *out,
        };
        self.norm
            .forward(pass, &kept.sum, normed, None, &mut kept.norm);
        dropout::apply(pass.cpu, self.dropout(pass), self.width, normed);
        if let Some(projection) = &self.projection {
            projection.forward_f32(pass, &kept.normed, out);
        }
    }

    fn number_tokens(&self, batch: &TokenBatch, kept: &mut EmbeddingActivations) {
        kept.positions.clear();
        for row in batch.iter() {
            number_row(self.positions, self.pad_token_id, row, &mut kept.positions);
        }
        kept.types.clear();
        kept.types.extend_from_slice(batch.types());
        kept.types.resize(batch.tokens(), 0);
    }

    fn sum_tables(&self, pass: Pass<'_>, batch: &TokenBatch, kept: &mut EmbeddingActivations) {
        kept.sum.clear();
        kept.sum.resize(batch.tokens() * self.width, 0.0);
        let mut gather = |table: &Range<usize>, ids: &[u32]| {
            let table = &pass.values[table.clone()];
            embedding::gather_add(pass.cpu, table, self.width, ids, &mut kept.sum);
        };
        gather(&self.words, batch.ids());
        if let Some(types) = &self.types {
            gather(types, &kept.types);
        }
        gather(&self.position_table, &kept.positions);
    }

    /// Adds to `gradients`, from the gradient of the output; `d_output` is used up.
    pub(crate) fn backward(
        &self,
        pass: Pass<'_>,
        batch: &TokenBatch,
        kept: &EmbeddingActivations,
        d_output: &mut Vec<f32>,
        d: &mut EmbeddingGradients,
        gradients: &mut [f32],
    ) {
        let _time = pass.cpu.record(Work::Embedding);
        let d_normed = match &self.projection {
            Some(projection) => {
                let (x, d_out) = (NumbersRef::F32(&kept.normed), NumbersRef::F32(d_output));
                projection.backward_parameters(pass, x, d_out, gradients);
                projection.backward_input_f32(pass, d_output, &mut d.d_normed);
                &mut d.d_normed
            }
            None => d_output,
        };
        dropout::apply(pass.cpu, self.dropout(pass), self.width, d_normed);
        let d_sum = &mut d.d_sum;
        self.norm
            .backward(pass, &kept.norm, d_normed, d_sum, None, gradients);
        self.scatter(pass, batch, kept, d_sum, gradients);
    }

    fn scatter(
        &self,
        pass: Pass<'_>,
        batch: &TokenBatch,
        kept: &EmbeddingActivations,
        d_sum: &[f32],
        gradients: &mut [f32],
    ) {
        let mut scatter = |table: &Range<usize>, ids: &[u32], skip| {
            let d_table = &mut gradients[table.clone()];
            embedding::scatter_add(pass.cpu, d_sum, self.width, ids, skip, d_table);
        };
        // `padding_idx` of PyTorch's tables: the words' in every family, the positions' in RoBERTa's.
        let padding = Some(self.pad_token_id);
        let padding_position = padding.filter(|_| self.positions == Positions::AfterPadding);
        scatter(&self.words, batch.ids(), padding);
        scatter(&self.position_table, &kept.positions, padding_position);
        if let Some(types) = &self.types {
            scatter(types, &kept.types, None);
        }
    }

    fn dropout(&self, pass: Pass<'_>) -> Option<Dropout> {
        pass.dropout(self.dropout, 0, Site::Embeddings)
    }
}

/// Adds the positions of one row's tokens to `out`.
fn number_row(positions: Positions, pad_token_id: u32, row: &[u32], out: &mut Vec<u32>) {
    match positions {
        Positions::FromZero => out.extend(0..row.len() as u32),
        Positions::AfterPadding => {
            let mut last = pad_token_id;
            out.extend(row.iter().map(|&id| {
                if id == pad_token_id {
                    return pad_token_id;
                }
                last += 1;
                last
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_start_where_the_family_starts_them() {
        let cases = [
            ("from zero", Positions::FromZero, 1, [5, 1, 7], [0, 1, 2]),
            (
                "after padding",
                Positions::AfterPadding,
                1,
                [5, 6, 7],
                [2, 3, 4],
            ),
            (
                "padding inside a text",
                Positions::AfterPadding,
                1,
                [5, 1, 7],
                [2, 1, 3],
            ),
            (
                "padding is token 0",
                Positions::AfterPadding,
                0,
                [0, 6, 7],
                [0, 1, 2],
            ),
        ];
        for (name, positions, pad_token_id, row, expected) in cases {
            let mut out = Vec::new();
            number_row(positions, pad_token_id, &row, &mut out);
            assert_eq!(out, expected, "{name}");
        }
    }
}
