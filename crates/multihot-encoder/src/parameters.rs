//! All parameters of an encoder, one behind the other, and where each lies in a flat buffer.

use std::ops::Range;

use multihot_checkpoint::{ModelConfig, ParameterSpec, Pooling, Role, parameters};

/// Where each parameter lies in the flat buffers.
///
/// They stand in the order in which a token meets them: embeddings, layers, head. So whatever is
/// frozen from the bottom is the beginning of the buffer.
pub(crate) struct Layout {
    specs: Vec<ParameterSpec>,
    ranges: Vec<Range<usize>>,
}

/// A weight and the bias (or the shift) that stands right behind it.
#[derive(Clone, Debug)]
pub(crate) struct WeightAndBias {
    pub(crate) weight: Range<usize>,
    pub(crate) bias: Range<usize>,
}

impl WeightAndBias {
    /// Both parts of `buffer`, to be written to.
    pub(crate) fn both_mut<'a>(&self, buffer: &'a mut [f32]) -> (&'a mut [f32], &'a mut [f32]) {
        buffer[self.weight.start..self.bias.end].split_at_mut(self.weight.len())
    }
}

impl Layout {
    pub(crate) fn new(config: &ModelConfig, pooling: Pooling, n_labels: usize) -> Self {
        let specs = parameters(config, pooling, n_labels);
        let mut end = 0;
        let ranges = specs.iter().map(|spec| {
            let start = end;
            end += spec.len();
            start..end
        });
        Self {
            ranges: ranges.collect(),
            specs,
        }
    }

    /// How many values all parameters have together.
    pub(crate) fn len(&self) -> usize {
        self.ranges.last().map_or(0, |range| range.end)
    }

    pub(crate) fn specs(&self) -> &[ParameterSpec] {
        &self.specs
    }

    /// Where parameter `index` of [`Layout::specs`] lies.
    pub(crate) fn range(&self, index: usize) -> Range<usize> {
        self.ranges[index].clone()
    }

    /// Each parameter's part of `buffer`, to be written to, in the order of [`Layout::specs`].
    pub(crate) fn split<'a>(&self, buffer: &'a mut [f32]) -> impl Iterator<Item = &'a mut [f32]> {
        let mut rest = buffer;
        self.ranges.iter().map(move |range| {
            let part;
            (part, rest) = std::mem::take(&mut rest).split_at_mut(range.len());
            part
        })
    }

    /// Where the parameter for `role` lies, if this model has one.
    pub(crate) fn find(&self, role: Role) -> Option<Range<usize>> {
        // The specs stand in the order of their roles.
        let index = self
            .specs
            .binary_search_by_key(&role, |spec| spec.role)
            .ok()?;
        Some(self.range(index))
    }

    /// Where the parameter for `role` lies in a model that has one.
    pub(crate) fn place(&self, role: Role) -> Range<usize> {
        self.find(role)
            .unwrap_or_else(|| panic!("this model has no {role:?}"))
    }

    /// Where a weight and its bias lie.
    pub(crate) fn pair(&self, weight: Role, bias: Role) -> WeightAndBias {
        self.joined([weight; 2], [bias; 2])
    }

    /// Where several neighbouring weights, first to last, and their biases lie.
    pub(crate) fn joined(&self, weights: [Role; 2], biases: [Role; 2]) -> WeightAndBias {
        let [weight, bias] =
            [weights, biases].map(|[first, last]| self.place(first).start..self.place(last).end);
        assert_eq!(
            weight.end, bias.start,
            "a bias stands right behind its weight"
        );
        WeightAndBias { weight, bias }
    }

    /// Where the first value lies that still learns when the lowest `parts` are frozen: 0 for
    /// nothing, 1 for the embeddings, 1 + n for n layers too.
    pub(crate) fn first_trainable(&self, parts: usize) -> usize {
        let frozen = self
            .specs
            .iter()
            .take_while(|spec| part(spec) < parts)
            .count();
        self.ranges
            .get(frozen)
            .map_or(self.len(), |range| range.start)
    }
}

/// The part of the model that a parameter belongs to: 0 the embeddings, then the layers, and the
/// head after every layer.
fn part(spec: &ParameterSpec) -> usize {
    match spec.role {
        Role::Layer(layer, _) => 1 + layer,
        _ if spec.is_head() => usize::MAX,
        _ => 0,
    }
}
