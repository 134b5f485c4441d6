//! Every gradient against differences of the loss.

use multihot_checkpoint::{Family, Pooling};
use multihot_encoder::{DropoutSeed, Encoder, TokenBatch};
use multihot_kernels::random;

use crate::reference::Reference;
use crate::tiny::{self, FAMILIES, N_LABELS, ROWS};

const SEED: DropoutSeed = DropoutSeed {
    seed: 5,
    step: 3,
    micro_batch: 1,
};

fn every_model() -> impl Iterator<Item = (Family, Pooling)> {
    FAMILIES
        .iter()
        .flat_map(|&family| [(family, Pooling::Cls), (family, Pooling::Mean)])
}

fn accumulate(encoder: &mut Encoder, rows: &[&[u32]], dropout: Option<DropoutSeed>) {
    let batch = tiny::batch_of_pairs(encoder.config(), rows);
    let logits = encoder
        .forward_train(&batch, dropout)
        .expect("the rows are fine");
    encoder.backward(&tiny::d_loss(&logits));
}

/// Where parameter `index` starts in a snapshot.
fn start(encoder: &Encoder, index: usize) -> usize {
    encoder.parameters()[..index]
        .iter()
        .map(|spec| spec.len())
        .sum()
}

#[test]
fn logits_are_those_of_the_network_in_f64() {
    for (family, pooling) in every_model() {
        let encoder = tiny::encoder(family, pooling, 2);
        let reference = Reference::new(encoder.config(), pooling, N_LABELS);
        let values: Vec<f64> = encoder.snapshot().into_iter().map(f64::from).collect();
        let logits = encoder
            .forward(&tiny::batch_of_pairs(encoder.config(), &ROWS))
            .expect("the rows are fine");
        for (row, logits) in ROWS.iter().zip(logits.chunks(N_LABELS)) {
            let types = tiny::types(encoder.config(), row);
            let expected = reference.logits(&values, row, &types);
            for (z, expected) in logits.iter().zip(&expected) {
                // A few hundred roundings of numbers round 1.
                let far = (f64::from(*z) - expected).abs();
                assert!(
                    far < 1e-5,
                    "{family:?}, {pooling:?}, {row:?}: {z} vs {expected}"
                );
            }
        }
    }
}

/// One random direction in each parameter: `gradient · direction` against the difference of the
/// loss in `f64`. Padding rows, which get no gradient, are left out of the direction.
#[test]
fn gradients_are_the_slopes_of_the_loss() {
    for (family, pooling) in every_model() {
        let mut encoder = tiny::encoder(family, pooling, 2);
        accumulate(&mut encoder, &ROWS, None);
        let whole = encoder.gradient_norm();
        let config = encoder.config().clone();
        let reference = Reference::new(&config, pooling, N_LABELS);
        let values: Vec<f64> = encoder.snapshot().into_iter().map(f64::from).collect();
        let loss = |values: &[f64]| {
            let logits = |row| reference.logits(values, row, &tiny::types(&config, row));
            tiny::loss(ROWS.iter().flat_map(|row| logits(row)))
        };
        for (index, spec) in encoder.parameters().iter().enumerate() {
            let (gradient, start) = (encoder.gradient(index), start(&encoder, index));
            let padding = padding_row(&config, &spec.name, &spec.shape);
            let direction = |i: usize| match padding.contains(&i) {
                true => 0.0,
                false => random::normal(random::key(11, &[index as u64]), i as u64),
            };
            let moved = |step: f64| {
                let mut values = values.clone();
                (0..spec.len()).for_each(|i| values[start + i] += step * direction(i));
                loss(&values)
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            let along = |(i, g): (usize, &f32)| f64::from(*g) * direction(i);
            let ours: f64 = gradient.iter().enumerate().map(along).sum();
            // The key bias has gradient 0 but for rounding on the scale of the whole.
            let bound = 1e-4 * slope.abs() + 2e-5 * norm(gradient) + 1e-6 * whole;
            let name = &spec.name;
            assert!(
                (ours - slope).abs() < bound,
                "{family:?}, {pooling:?}, {name}: {ours} vs {slope}"
            );
        }
    }
}

/// The values that stand for padding, in the word embedding and RoBERTa's position embedding.
fn padding_row(
    config: &multihot_checkpoint::ModelConfig,
    name: &str,
    shape: &[usize],
) -> std::ops::Range<usize> {
    let positions = name.contains("position_embeddings") && config.family.is_roberta_like();
    if !name.contains("word_embeddings") && !positions {
        return 0..0;
    }
    let row = config.pad_token_id as usize;
    row * shape[1]..(row + 1) * shape[1]
}

#[test]
fn padding_gets_no_gradient() {
    for family in FAMILIES {
        let mut encoder = tiny::encoder(family, Pooling::Cls, 1);
        accumulate(&mut encoder, &ROWS, None);
        for (index, spec) in encoder.parameters().iter().enumerate().take(2) {
            let row = padding_row(encoder.config(), &spec.name, &spec.shape);
            let (padding, others) = (&encoder.gradient(index)[row], &spec.name);
            assert!(padding.iter().all(|&g| g == 0.0), "{family:?}, {others}");
        }
    }
}

/// With dropout the loss is still one function of the values, as long as the seed is the same: a
/// step of `h` along each parameter's gradient moves it by `h` times the gradient's norm.
#[test]
fn dropout_falls_on_the_same_elements_on_the_way_back() {
    for (family, pooling) in every_model() {
        let mut encoder = tiny::encoder(family, pooling, 2);
        accumulate(&mut encoder, &ROWS, Some(SEED));
        let values = encoder.snapshot();
        for index in 0..encoder.parameters().len() {
            let (start, gradient) = (start(&encoder, index), encoder.gradient(index).to_vec());
            let norm = norm(&gradient);
            let mut moved = |step: f64| {
                let mut values = values.clone();
                for (value, g) in values[start..].iter_mut().zip(&gradient) {
                    *value += (step * f64::from(*g) / norm.max(1e-9)) as f32;
                }
                encoder.restore(&values);
                let batch = tiny::batch_of_pairs(encoder.config(), &ROWS);
                let logits = encoder.forward_train(&batch, Some(SEED));
                tiny::loss(
                    logits
                        .expect("the rows are fine")
                        .into_iter()
                        .map(f64::from),
                )
            };
            let slope = (moved(1e-2) - moved(-1e-2)) / 2e-2;
            // The loss has about 1e-6 of rounding, which the division makes 1e-4; curvature adds 2 %.
            let name = &encoder.parameters()[index].name;
            let far = (slope - norm).abs();
            assert!(
                far < 0.02 * norm + 1e-3,
                "{family:?}, {pooling:?}, {name}: {norm} vs {slope}"
            );
        }
    }
}

#[test]
fn a_ragged_batch_has_the_gradients_of_its_rows_together() {
    for family in FAMILIES {
        let mut encoder = tiny::encoder(family, Pooling::Cls, 2);
        let logits = encoder
            .forward(&tiny::batch_of_pairs(encoder.config(), &ROWS))
            .expect("the rows are fine");
        let d_logits = tiny::d_loss(&logits);
        for (row, d_logits) in ROWS.iter().zip(d_logits.chunks(N_LABELS)) {
            let batch = tiny::batch_of_pairs(encoder.config(), &[row]);
            encoder
                .forward_train(&batch, None)
                .expect("the row is fine");
            encoder.backward(d_logits);
        }
        let count = encoder.parameters().len();
        let apart: Vec<Vec<f32>> = (0..count).map(|i| encoder.gradient(i).to_vec()).collect();
        encoder.zero_gradients();
        accumulate(&mut encoder, &ROWS, None);
        let whole = encoder.gradient_norm();
        for (index, apart) in apart.iter().enumerate() {
            let together = encoder.gradient(index);
            let difference: Vec<f32> = together.iter().zip(apart).map(|(a, b)| a - b).collect();
            // Sums of the same numbers in another order.
            let bound = 1e-5 * norm(together) + 1e-7 * whole;
            let name = &encoder.parameters()[index].name;
            assert!(norm(&difference) <= bound, "{family:?}, {name}");
        }
    }
}

#[test]
fn a_type_without_a_row_is_refused_and_an_encoder_without_types_passes_over_them() {
    let mut batch = TokenBatch::new();
    batch.push_typed(&[2, 7, 3], &[0, 0, 2]);
    for family in FAMILIES {
        let encoder = tiny::encoder(family, Pooling::Cls, 1);
        let logits = encoder.forward(&batch);
        if family == Family::DistilBert {
            assert_eq!(
                logits.unwrap(),
                encoder.forward(&tiny::batch(&[&[2, 7, 3]])).unwrap()
            );
        } else {
            assert_eq!(
                logits.unwrap_err().to_string(),
                "a token of the batch has type 2; the type embedding has 2 rows"
            );
        }
    }
}

fn norm(x: &[f32]) -> f64 {
    x.iter()
        .map(|&x| f64::from(x) * f64::from(x))
        .sum::<f64>()
        .sqrt()
}
