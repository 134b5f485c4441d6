//! The same network a second time, in `f64` and one token after the other: what it means.

use std::collections::HashMap;
use std::ops::Range;

use multihot_checkpoint::{Activation, Family, LayerRole, ModelConfig, Pooling, Role, parameters};

/// An encoder without dropout.
pub struct Reference<'a> {
    config: &'a ModelConfig,
    pooling: Pooling,
    places: HashMap<Role, Range<usize>>,
}

impl<'a> Reference<'a> {
    pub fn new(config: &'a ModelConfig, pooling: Pooling, n_labels: usize) -> Self {
        let mut end = 0;
        let specs = parameters(config, pooling, n_labels);
        let places = specs.iter().map(|spec| {
            let start = end;
            end += spec.len();
            (spec.role, start..end)
        });
        Self {
            config,
            pooling,
            places: places.collect(),
        }
    }

    /// The logits of one row, whose tokens have these types, and 0 behind the last.
    pub fn logits(&self, values: &[f64], row: &[u32], types: &[u8]) -> Vec<f64> {
        let mut tokens = self.embed(values, row, types);
        for layer in 0..self.config.n_layers {
            tokens = self.layer(values, layer, &tokens);
        }
        self.head(values, &tokens)
    }

    fn get<'v>(&self, values: &'v [f64], role: Role) -> &'v [f64] {
        &values[self.places[&role].clone()]
    }

    fn embed(&self, values: &[f64], row: &[u32], types: &[u8]) -> Vec<Vec<f64>> {
        let width = self.config.embedding_size;
        let table = |role, id: usize| &self.get(values, role)[id * width..][..width];
        let positions = self.positions(row);
        let types = types.iter().chain(std::iter::repeat(&0));
        let embed = |((&id, position), &type_id): ((&u32, usize), &u8)| {
            let mut sum = table(Role::WordEmbedding, id as usize).to_vec();
            add(&mut sum, table(Role::PositionEmbedding, position));
            if self.config.type_vocab_size > 0 {
                add(&mut sum, table(Role::TypeEmbedding, type_id.into()));
            }
            let x = self.norm(
                values,
                Role::EmbeddingNormWeight,
                Role::EmbeddingNormBias,
                &sum,
            );
            match self.places.contains_key(&Role::EmbeddingProjectionWeight) {
                true => self.linear(
                    values,
                    Role::EmbeddingProjectionWeight,
                    Role::EmbeddingProjectionBias,
                    &x,
                ),
                false => x,
            }
        };
        row.iter().zip(positions).zip(types).map(embed).collect()
    }

    /// `cumsum(mask) * mask + padding_idx`, as modeling_roberta.py has it.
    fn positions(&self, row: &[u32]) -> Vec<usize> {
        if !self.config.family.is_roberta_like() {
            return (0..row.len()).collect();
        }
        let padding = self.config.pad_token_id;
        let mask = |id: &u32| usize::from(*id != padding);
        (0..row.len())
            .map(|t| row[..=t].iter().map(mask).sum::<usize>() * mask(&row[t]) + padding as usize)
            .collect()
    }

    fn layer(&self, values: &[f64], layer: usize, tokens: &[Vec<f64>]) -> Vec<Vec<f64>> {
        use LayerRole as In;
        let role = |role| Role::Layer(layer, role);
        let linear = |weight, bias, x: &[f64]| self.linear(values, role(weight), role(bias), x);
        let project = |weight, bias| -> Vec<_> {
            tokens
                .iter()
                .map(|token| linear(weight, bias, token))
                .collect()
        };
        let queries = project(In::QueryWeight, In::QueryBias);
        let keys = project(In::KeyWeight, In::KeyBias);
        let new_values = project(In::ValueWeight, In::ValueBias);
        let each = |(token, query): (&Vec<f64>, &Vec<f64>)| {
            let context = self.attend(query, &keys, &new_values);
            let mut x = linear(In::AttentionOutputWeight, In::AttentionOutputBias, &context);
            add(&mut x, token);
            let norm = |weight, bias, x: &[f64]| self.norm(values, role(weight), role(bias), x);
            let attended = norm(In::AttentionNormWeight, In::AttentionNormBias, &x);
            let mut inner = linear(In::IntermediateWeight, In::IntermediateBias, &attended);
            inner
                .iter_mut()
                .for_each(|x| *x = activate(self.config.activation, *x));
            let mut x = linear(In::OutputWeight, In::OutputBias, &inner);
            add(&mut x, &attended);
            norm(In::OutputNormWeight, In::OutputNormBias, &x)
        };
        tokens.iter().zip(&queries).map(each).collect()
    }

    fn attend(&self, query: &[f64], keys: &[Vec<f64>], values: &[Vec<f64>]) -> Vec<f64> {
        let head_dim = query.len() / self.config.n_heads;
        let mut context = vec![0.0; query.len()];
        for head in 0..self.config.n_heads {
            let part = head * head_dim..(head + 1) * head_dim;
            let score = |key: &Vec<f64>| {
                (dot(&query[part.clone()], &key[part.clone()]) / (head_dim as f64).sqrt()).exp()
            };
            let scores: Vec<f64> = keys.iter().map(score).collect();
            let sum: f64 = scores.iter().sum();
            for (score, value) in scores.iter().zip(values) {
                for i in part.clone() {
                    context[i] += score / sum * value[i];
                }
            }
        }
        context
    }

    fn head(&self, values: &[f64], tokens: &[Vec<f64>]) -> Vec<f64> {
        let pooled = match self.pooling {
            Pooling::Cls => {
                let dense = self.linear(
                    values,
                    Role::HeadDenseWeight,
                    Role::HeadDenseBias,
                    &tokens[0],
                );
                let activation = match self.config.family {
                    Family::DistilBert => Activation::Relu,
                    Family::Electra => Activation::Gelu,
                    _ => Activation::Tanh,
                };
                dense.into_iter().map(|x| activate(activation, x)).collect()
            }
            Pooling::Mean => {
                let mut sum = vec![0.0; self.config.hidden_size];
                tokens.iter().for_each(|token| add(&mut sum, token));
                sum.iter()
                    .map(|x| x / tokens.len() as f64)
                    .collect::<Vec<_>>()
            }
        };
        self.linear(values, Role::OutputWeight, Role::OutputBias, &pooled)
    }

    fn linear(&self, values: &[f64], weight: Role, bias: Role, x: &[f64]) -> Vec<f64> {
        let weights = self.get(values, weight).chunks_exact(x.len());
        weights
            .zip(self.get(values, bias))
            .map(|(row, bias)| dot(row, x) + bias)
            .collect()
    }

    fn norm(&self, values: &[f64], weight: Role, bias: Role, x: &[f64]) -> Vec<f64> {
        let n = x.len() as f64;
        let mean = x.iter().sum::<f64>() / n;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        let std = (variance + f64::from(self.config.layer_norm_epsilon)).sqrt();
        let parameters = self.get(values, weight).iter().zip(self.get(values, bias));
        x.iter()
            .zip(parameters)
            .map(|(x, (weight, bias))| (x - mean) / std * weight + bias)
            .collect()
    }
}

fn add(out: &mut [f64], x: &[f64]) {
    out.iter_mut().zip(x).for_each(|(out, x)| *out += x);
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn activate(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Gelu => x / 2.0 * (1.0 + erf(x / 2f64.sqrt())),
        Activation::GeluTanh => {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
            x / 2.0 * (1.0 + inner.tanh())
        }
        Activation::Relu => x.max(0.0),
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::Tanh => x.tanh(),
    }
}

/// The series of erf, which is good to about 1e-12 where activations of tiny models lie.
fn erf(x: f64) -> f64 {
    if x.abs() > 4.0 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..100 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}
