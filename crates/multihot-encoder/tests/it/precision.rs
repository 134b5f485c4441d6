//! bf16 and int8 beside `f32`, and layers that are passed through again.

use multihot_checkpoint::{Family, Pooling};
use multihot_encoder::{DropoutSeed, Encoder, EncoderError, Freeze, Purpose};
use multihot_kernels::Precision;

use crate::tiny::{self, FAMILIES, N_LABELS, ROWS};

const TRAIN_BF16: Purpose = Purpose {
    precision: Precision::Bf16,
    trains: true,
};

fn predicts_in(precision: Precision) -> Purpose {
    Purpose {
        precision,
        trains: false,
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn logits(encoder: &Encoder, rows: &[&[u32]]) -> Vec<f32> {
    let batch = tiny::batch(rows);
    encoder.forward(&batch).expect("the rows are fine")
}

/// The distance between `actual` and `expected` as a share of the size of `expected`.
fn distance<'a>(
    actual: impl IntoIterator<Item = &'a f32>,
    expected: impl IntoIterator<Item = &'a f32>,
) -> f64 {
    let (mut apart, mut size) = (0.0, 0.0);
    for (a, e) in actual.into_iter().zip(expected) {
        apart += f64::from(a - e).powi(2);
        size += f64::from(*e).powi(2);
    }
    (apart / f64::max(size, 1e-30)).sqrt()
}

/// bf16 rounds by up to 1 in 256, and int8 by about 1 in 100 of a row's range; errors of two layers
/// add up, and these small models have no large sums in which they would cancel.
#[test]
fn logits_are_near_those_in_f32() {
    for family in FAMILIES {
        for pooling in [Pooling::Cls, Pooling::Mean] {
            let expected = logits(&tiny::encoder(family, pooling, 2), &ROWS);
            for (precision, bound) in [(Precision::Bf16, 0.02), (Precision::Int8, 0.06)] {
                let encoder = tiny::encoder_for(predicts_in(precision), family, pooling, 2);
                let distance = distance(&logits(&encoder, &ROWS), &expected);
                assert!(
                    distance > 0.0,
                    "{family:?}, {precision:?}: nothing was rounded"
                );
                assert!(
                    distance < bound,
                    "{family:?}, {pooling:?}, {precision:?}: {distance}"
                );
            }
        }
    }
}

#[test]
fn a_row_has_the_same_logits_alone_and_in_any_batch_in_every_precision() {
    for precision in [Precision::Bf16, Precision::Int8] {
        for pooling in [Pooling::Cls, Pooling::Mean] {
            let purpose = predicts_in(precision);
            let [one, three] =
                [1, 3].map(|n| tiny::encoder_for(purpose, Family::Roberta, pooling, n));
            let alone: Vec<f32> = ROWS.iter().flat_map(|row| logits(&one, &[row])).collect();
            let many: Vec<&[u32]> = ROWS.iter().copied().cycle().take(40).collect();
            for chunk in logits(&three, &many).chunks(ROWS.len() * N_LABELS) {
                assert_eq!(bits(chunk), bits(&alone), "{precision:?}, {pooling:?}");
            }
        }
    }
}

/// One pass forward and back with dropout; the gradients of all parameters.
fn gradients(encoder: &mut Encoder) -> Vec<Vec<f32>> {
    let seed = DropoutSeed {
        seed: 1,
        step: 1,
        micro_batch: 0,
    };
    encoder.zero_gradients();
    let logits = encoder
        .forward_train(&tiny::batch(&ROWS), Some(seed))
        .expect("the rows are fine");
    encoder.backward(&tiny::d_loss(&logits));
    let parameters = 0..encoder.parameters().len();
    parameters
        .map(|index| encoder.gradient(index).to_vec())
        .collect()
}

#[test]
fn gradients_in_bf16_point_where_those_in_f32_do() {
    for family in FAMILIES {
        for pooling in [Pooling::Cls, Pooling::Mean] {
            let expected = gradients(&mut tiny::encoder(family, pooling, 2));
            let mut encoder = tiny::encoder_for(TRAIN_BF16, family, pooling, 2);
            let actual = gradients(&mut encoder);
            let distance = distance(actual.iter().flatten(), expected.iter().flatten());
            // Gradients pass every rounding of the way there and of the way back.
            assert!(distance < 0.04, "{family:?}, {pooling:?}: {distance}");
        }
    }
}

#[test]
fn training_in_bf16_has_the_same_bits_at_any_thread_count() {
    let [one, three] = [1, 3].map(|threads| {
        let mut encoder = tiny::encoder_for(TRAIN_BF16, Family::Bert, Pooling::Cls, threads);
        for step in 1..=3 {
            gradients(&mut encoder);
            encoder.step(&crate::training::plan(step));
        }
        encoder.settle();
        bits(&encoder.snapshot())
    });
    assert!(one == three);
}

#[test]
fn passing_through_layers_again_changes_no_bit() {
    for purpose in [Purpose::TRAIN_F32, TRAIN_BF16] {
        for family in FAMILIES {
            for pooling in [Pooling::Cls, Pooling::Mean] {
                for freeze in [Freeze::None, Freeze::Layers(1)] {
                    let [kept, again] = [false, true].map(|recomputes| {
                        let mut encoder = tiny::encoder_for(purpose, family, pooling, 2);
                        encoder.freeze(freeze);
                        encoder.recompute(recomputes);
                        // The second time with buffers that hold something.
                        gradients(&mut encoder);
                        gradients(&mut encoder)
                    });
                    for (index, (a, b)) in kept.iter().zip(&again).enumerate() {
                        assert_eq!(bits(a), bits(b), "{purpose:?}, {family:?}, at {index}");
                    }
                }
            }
        }
    }
}

#[test]
fn there_is_no_training_in_int8() {
    let (_dir, folder) = tiny::folder(&tiny::config(Family::Bert));
    let purpose = Purpose {
        precision: Precision::Int8,
        trains: true,
    };
    let outcome = Encoder::load(&folder, N_LABELS, Pooling::Cls, 1, tiny::cpu(1), purpose);
    let error = outcome.err().expect("it is refused");
    assert!(matches!(error, EncoderError::TrainsInInt8), "{error}");
    assert!(error.hint().is_some());
}
