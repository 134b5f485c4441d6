//! Rows of the word embedding that wait for the optimizer, against AdamW on everything each time.

use std::panic::{AssertUnwindSafe, catch_unwind};

use multihot_checkpoint::{Family, Pooling, Role};
use multihot_encoder::{DropoutSeed, Encoder, Freeze, Purpose, StepPlan, TokenBatch};
use multihot_kernels::{AdamW, adamw, sum_of_squares, sum_of_squares_of_rows};
use serde_json::json;

use crate::tiny::{self, N_LABELS};
use crate::training::stays;

/// Tokens there are; the last three stand in no text.
const TOKENS: u32 = 60;

fn encoder(family: Family, threads: usize) -> Encoder {
    let mut config = tiny::config(family);
    tiny::merge(&mut config, json!({"vocab_size": TOKENS}));
    let (_dir, folder) = tiny::folder(&config);
    let cpu = tiny::cpu(threads);
    let (encoder, _) = Encoder::load(&folder, N_LABELS, Pooling::Cls, 1, cpu, Purpose::TRAIN_F32)
        .expect("it loads");
    encoder
}

/// A few rows of a few tokens: some in every step, most after a wait of their own.
fn batch(step: u64, micro_batch: u64) -> TokenBatch {
    let token = |i: u64| 3 + ((step * step * 7 + micro_batch * 5 + i * i) % 54) as u32;
    tiny::batch(&[&[2, token(0), token(1)], &[2, 1, token(2)]])
}

/// Every choice differs from step to step.
fn plan(step: u64, weight_decay: f32) -> StepPlan {
    let learning_rate = 1e-2 / (1 + step % 5) as f32;
    StepPlan {
        learning_rate,
        head_learning_rate: 3.0 * learning_rate,
        weight_decay,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        layer_decay: 0.9,
        // Sometimes below the norm, sometimes above.
        clip: Some(0.3 + (step % 4) as f32),
        step,
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Forward and backward over the micro batches of `step`: the bits of all logits.
fn gather(encoder: &mut Encoder, step: u64) -> Vec<u32> {
    let mut logits = Vec::new();
    for micro_batch in 0..1 + step % 2 {
        let seed = DropoutSeed {
            seed: 1,
            step,
            micro_batch,
        };
        let out = encoder
            .forward_train(&batch(step, micro_batch), Some(seed))
            .expect("the rows are fine");
        encoder.backward(&tiny::d_loss(&out));
        logits.extend(bits(&out));
    }
    logits
}

/// Values and moments, and an optimizer that moves all of them in every step.
struct Dense {
    values: Vec<f32>,
    m: Vec<f32>,
    v: Vec<f32>,
}

impl Dense {
    fn new(encoder: &Encoder) -> Self {
        let values = encoder.snapshot();
        let (m, v) = encoder.optimizer_state();
        let [m, v] = [m, v].map(<[f32]>::to_vec);
        Self { values, m, v }
    }

    /// One step, with `encoder` for the gradients alone: the logits, and the gradients' norm.
    fn step(&mut self, encoder: &mut Encoder, plan: &StepPlan, freeze: Freeze) -> (Vec<u32>, f64) {
        encoder.restore_state(&self.values, &self.m, &self.v);
        encoder.freeze(freeze);
        let logits = gather(encoder, plan.step);
        let norm = norm(encoder, freeze);
        let clip = f64::from(plan.clip.expect("it clips"));
        let gradient_scale = (clip / (norm + 1e-6)).min(1.0) as f32;
        let mut start = 0;
        for (index, spec) in encoder.parameters().iter().enumerate() {
            let place = start..start + spec.len();
            start = place.end;
            if stays(spec.role, freeze) {
                continue;
            }
            let below = match spec.role {
                Role::Layer(layer, _) => 1 - layer,
                _ => 2,
            };
            let settings = AdamW {
                learning_rate: match spec.is_head() {
                    true => plan.head_learning_rate,
                    false => plan.learning_rate * plan.layer_decay.powi(below as i32),
                },
                beta1: plan.beta1,
                beta2: plan.beta2,
                epsilon: plan.epsilon,
                weight_decay: if spec.shape.len() > 1 {
                    plan.weight_decay
                } else {
                    0.0
                },
                step: plan.step,
                gradient_scale,
            };
            let mut gradients = encoder.gradient(index).to_vec();
            let [values, m, v] = [&mut self.values, &mut self.m, &mut self.v]
                .map(|buffer| &mut buffer[place.clone()]);
            adamw(encoder.cpu(), &settings, values, &mut gradients, m, v);
        }
        encoder.zero_gradients();
        (logits, norm)
    }

    fn assert_equals(&self, encoder: &Encoder, name: &str) {
        let (m, v) = encoder.optimizer_state();
        assert!(
            bits(encoder.all_values()) == bits(&self.values),
            "{name}: values"
        );
        assert!(bits(m) == bits(&self.m), "{name}: first moments");
        assert!(bits(v) == bits(&self.v), "{name}: second moments");
    }
}

/// The norm of the gradient over every row of the word embedding, and over all the rest.
fn norm(encoder: &Encoder, freeze: Freeze) -> f64 {
    let (cpu, specs) = (encoder.cpu(), encoder.parameters());
    let rest: Vec<f32> = (1..specs.len())
        .filter(|&index| !stays(specs[index].role, freeze))
        .flat_map(|index| encoder.gradient(index).to_vec())
        .collect();
    let words = match stays(specs[0].role, freeze) {
        true => 0.0,
        false => {
            let rows: Vec<u32> = (0..TOKENS).collect();
            sum_of_squares_of_rows(cpu, encoder.gradient(0), specs[0].shape[1], &rows)
        }
    };
    (words + sum_of_squares(cpu, &rest)).sqrt()
}

#[test]
fn the_bits_are_those_of_adamw_on_every_row_in_every_step() {
    for (family, threads, weight_decay) in [
        (Family::Bert, 1, 0.0),
        (Family::Bert, 3, 0.05),
        (Family::Electra, 3, 0.05),
        (Family::Roberta, 1, 0.05),
    ] {
        let mut lazy = encoder(family, threads);
        let mut dense = Dense::new(&lazy);
        let mut gradients = encoder(family, 4 - threads);
        for step in 1..=60 {
            // The embeddings rest for a while, and learn again.
            let freeze = match step {
                1..=29 | 36.. => Freeze::None,
                _ => Freeze::Embeddings,
            };
            if step == 30 || step == 36 {
                lazy.freeze(freeze);
            }
            let name = format!("{family:?}, {threads} threads, decay {weight_decay}, step {step}");
            let plan = plan(step, weight_decay);
            let logits = gather(&mut lazy, step);
            let norm = lazy.step(&plan);
            let (dense_logits, dense_norm) = dense.step(&mut gradients, &plan, freeze);
            assert!(logits == dense_logits, "{name}: logits");
            assert_eq!(norm.to_bits(), dense_norm.to_bits(), "{name}: norm");
            if [1, 2, 28, 40].contains(&step) {
                lazy.settle();
                dense.assert_equals(&lazy, &name);
            }
            if step == 20 {
                // Goes on in another process, as it were.
                lazy.settle();
                let (values, (m, v)) = (lazy.snapshot(), lazy.optimizer_state());
                let mut resumed = encoder(family, threads);
                resumed.restore_state(&values, m, v);
                lazy = resumed;
            }
        }
        lazy.settle();
        dense.assert_equals(&lazy, &format!("{family:?}, at the end"));
    }
}

#[test]
fn the_bits_are_the_same_however_often_the_rows_are_settled() {
    // Past the longest wait, which ends by itself.
    let run = |every: u64| {
        let mut encoder = encoder(Family::Bert, 1);
        for step in 1..=4100 {
            let seed = None;
            let batch = tiny::batch(&[&[2 + (step * step % 50) as u32]]);
            let logits = encoder
                .forward_train(&batch, seed)
                .expect("the row is fine");
            encoder.backward(&tiny::d_loss(&logits));
            encoder.step(&plan(step, 0.01));
            if step % every == 0 {
                encoder.settle();
            }
        }
        encoder.settle();
        bits(encoder.all_values())
    };
    assert!(run(1) == run(5000));
}

#[test]
fn a_restored_snapshot_keeps_the_moments_of_rows_that_waited() {
    let [mut lazy, mut settled] = [(); 2].map(|()| encoder(Family::Bert, 1));
    let snapshot = lazy.snapshot();
    for encoder in [&mut lazy, &mut settled] {
        for step in 1..=5 {
            gather(encoder, step);
            encoder.step(&plan(step, 0.1));
        }
    }
    settled.settle();
    for encoder in [&mut lazy, &mut settled] {
        encoder.restore(&snapshot);
    }
    assert_eq!(lazy.snapshot(), snapshot);
    assert!(lazy.optimizer_state() == settled.optimizer_state());
}

#[test]
fn a_row_that_is_behind_cannot_be_read() {
    let mut encoder = encoder(Family::Bert, 1);
    gather(&mut encoder, 1);
    encoder.step(&plan(1, 0.1));
    type Read = fn(&Encoder) -> bool;
    let reads: [(&str, bool, Read); 6] = [
        ("the word embedding", false, |encoder| {
            encoder.values(0).is_empty()
        }),
        ("all values", false, |encoder| encoder.snapshot().is_empty()),
        ("the moments", false, |encoder| {
            encoder.optimizer_state().0.is_empty()
        }),
        ("logits", false, |encoder| {
            encoder.forward(&batch(1, 0)).is_err()
        }),
        ("the position embedding", true, |encoder| {
            encoder.values(1).is_empty()
        }),
        ("the output bias", true, |encoder| {
            encoder.output_bias().is_empty()
        }),
    ];
    for (name, allowed, read) in reads {
        let result = catch_unwind(AssertUnwindSafe(|| read(&encoder)));
        assert_eq!(result.is_ok(), allowed, "{name}");
    }
    encoder.settle();
    let all_read = |encoder: &Encoder| reads.iter().all(|(_, _, read)| !read(encoder));
    assert!(all_read(&encoder));

    // Where the embeddings are frozen, no row waits.
    encoder.freeze(Freeze::Embeddings);
    gather(&mut encoder, 2);
    encoder.step(&plan(2, 0.1));
    assert!(all_read(&encoder));
}
