//! Freezing, stepping, and coming back to the same bits.

use multihot_checkpoint::{Family, Pooling, Role};
use multihot_encoder::{Encoder, EncoderError, Freeze, Purpose, StepPlan};

use crate::tiny::{self, FAMILIES, N_LABELS, ROWS};

pub fn plan(step: u64) -> StepPlan {
    StepPlan {
        learning_rate: 1e-3,
        head_learning_rate: 1e-2,
        weight_decay: 0.01,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        layer_decay: 1.0,
        clip: Some(1.0),
        step,
    }
}

fn accumulate(encoder: &mut Encoder) {
    encoder.zero_gradients();
    let logits = encoder
        .forward_train(&tiny::batch(&ROWS), None)
        .expect("the rows are fine");
    encoder.backward(&tiny::d_loss(&logits));
}

fn loss(encoder: &Encoder) -> f64 {
    let logits = encoder
        .forward(&tiny::batch(&ROWS))
        .expect("the rows are fine");
    tiny::loss(logits.into_iter().map(f64::from))
}

/// Whether a parameter stays under `freeze`, of two layers.
pub fn stays(role: Role, freeze: Freeze) -> bool {
    let layers = match freeze {
        Freeze::None => return false,
        Freeze::Embeddings => 0,
        Freeze::Layers(layers) => layers,
        Freeze::Encoder => 2,
    };
    match role {
        Role::Layer(layer, _) => layer < layers,
        role => role < Role::HeadDenseWeight,
    }
}

#[test]
fn what_is_frozen_stays_and_the_rest_learns_as_if_nothing_were() {
    let freezes = [
        Freeze::None,
        Freeze::Embeddings,
        Freeze::Layers(1),
        Freeze::Layers(2),
        Freeze::Encoder,
    ];
    for (family, pooling) in [
        (Family::Bert, Pooling::Cls),
        (Family::Electra, Pooling::Mean),
    ] {
        let mut free = tiny::encoder(family, pooling, 2);
        accumulate(&mut free);
        for freeze in freezes {
            let mut encoder = tiny::encoder(family, pooling, 2);
            encoder.freeze(freeze);
            accumulate(&mut encoder);
            let before = encoder.snapshot();
            let gradients: Vec<Vec<f32>> = (0..encoder.parameters().len())
                .map(|index| encoder.gradient(index).to_vec())
                .collect();
            encoder.step(&plan(1));
            encoder.settle();
            let mut start = 0;
            for (index, spec) in encoder.parameters().iter().enumerate() {
                let (name, before) = (&spec.name, &before[start..start + spec.len()]);
                start += spec.len();
                if stays(spec.role, freeze) {
                    assert!(encoder.values(index) == before, "{freeze:?}: {name} moved");
                    assert!(
                        gradients[index].iter().all(|&g| g == 0.0),
                        "{freeze:?}: {name}"
                    );
                } else {
                    assert!(encoder.values(index) != before, "{freeze:?}: {name} stayed");
                    assert!(
                        gradients[index] == free.gradient(index),
                        "{freeze:?}: {name}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_gradients_norm_is_that_of_what_learns() {
    let mut encoder = tiny::encoder(Family::Roberta, Pooling::Cls, 2);
    accumulate(&mut encoder);
    encoder.freeze(Freeze::Encoder);
    let of = |encoder: &Encoder, index: usize| {
        encoder
            .gradient(index)
            .iter()
            .map(|&g| f64::from(g) * f64::from(g))
            .sum::<f64>()
    };
    let specs = encoder
        .parameters()
        .iter()
        .enumerate()
        .filter(|(_, spec)| spec.is_head());
    let expected: f64 = specs.map(|(index, _)| of(&encoder, index)).sum();
    assert!((encoder.gradient_norm() - expected.sqrt()).abs() < 1e-5 * expected.sqrt());
}

#[test]
fn steps_lower_the_loss_in_every_family() {
    for family in FAMILIES {
        let mut encoder = tiny::encoder(family, Pooling::Cls, 2);
        let before = loss(&encoder);
        for step in 1..=5 {
            accumulate(&mut encoder);
            encoder.step(&plan(step));
        }
        encoder.settle();
        assert!(
            loss(&encoder) < before - 0.1,
            "{family:?}: {before} to {}",
            loss(&encoder)
        );
    }
}

#[test]
fn a_step_uses_the_gradients_up() {
    let mut encoder = tiny::encoder(Family::Bert, Pooling::Cls, 2);
    let zeros = |encoder: &Encoder| {
        (0..encoder.parameters().len())
            .all(|index| encoder.gradient(index).iter().all(|&g| g == 0.0))
    };
    assert!(zeros(&encoder));
    accumulate(&mut encoder);
    assert!(!zeros(&encoder));
    encoder.step(&plan(1));
    assert!(zeros(&encoder));
    assert_eq!(encoder.gradient_norm(), 0.0);
    accumulate(&mut encoder);
    encoder.zero_gradients();
    assert!(zeros(&encoder));
}

#[test]
fn a_gradient_that_is_no_number_moves_nothing() {
    let mut encoder = tiny::encoder(Family::Bert, Pooling::Cls, 1);
    encoder
        .forward_train(&tiny::batch(&ROWS), None)
        .expect("the rows are fine");
    encoder.backward(&[f32::NAN; ROWS.len() * N_LABELS]);
    let before = encoder.snapshot();
    assert!(encoder.step(&plan(1)).is_nan());
    assert_eq!(encoder.snapshot(), before);
    assert_eq!(encoder.gradient_norm(), 0.0, "it is forgotten");
}

#[test]
fn training_goes_on_from_a_saved_state_to_the_same_bits() {
    let mut encoder = tiny::encoder(Family::Camembert, Pooling::Cls, 2);
    let steps = |encoder: &mut Encoder, numbers: std::ops::RangeInclusive<u64>| {
        for step in numbers {
            accumulate(encoder);
            encoder.step(&plan(step));
        }
        encoder.settle();
    };
    steps(&mut encoder, 1..=2);
    let values = encoder.snapshot();
    let (m, v) = encoder.optimizer_state();
    let (m, v) = (m.to_vec(), v.to_vec());
    steps(&mut encoder, 3..=4);
    let expected = encoder.snapshot();

    let mut resumed = tiny::encoder(Family::Camembert, Pooling::Cls, 2);
    resumed.restore_state(&values, &m, &v);
    steps(&mut resumed, 3..=4);
    assert!(
        resumed.snapshot() == expected,
        "the resumed training took another way"
    );
}

#[test]
fn a_restored_snapshot_gives_the_same_logits() {
    let mut encoder = tiny::encoder(Family::DistilBert, Pooling::Mean, 2);
    let (snapshot, before) = (encoder.snapshot(), loss(&encoder));
    accumulate(&mut encoder);
    encoder.step(&plan(1));
    encoder.settle();
    assert_ne!(loss(&encoder), before);
    encoder.restore(&snapshot);
    assert_eq!(loss(&encoder), before);
}

#[test]
fn the_output_bias_can_be_read_and_set() {
    let mut encoder = tiny::encoder(Family::Bert, Pooling::Cls, 1);
    let before = encoder
        .forward(&tiny::batch(&ROWS))
        .expect("the rows are fine");
    let bias: Vec<f32> = encoder
        .output_bias()
        .iter()
        .map(|bias| bias + 1.0)
        .collect();
    encoder.set_output_bias(&bias);
    assert_eq!(encoder.output_bias(), bias);
    let after = encoder
        .forward(&tiny::batch(&ROWS))
        .expect("the rows are fine");
    for (before, after) in before.iter().zip(&after) {
        assert!((after - before - 1.0).abs() < 1e-6);
    }
}

#[test]
fn what_cannot_be_looked_up_is_an_error() {
    let mut encoder = tiny::encoder(Family::Roberta, Pooling::Cls, 1);
    let long = [5; 10];
    let cases: [(&[&[u32]], &str); 3] = [
        (
            &[&[5], &[]],
            "row 1 of the batch has no tokens; it needs at least one",
        ),
        (
            &[&long],
            "row 0 of the batch has 10 tokens; the position embedding reaches 9",
        ),
        (
            &[&[5], &[4, 12]],
            "row 1 of the batch: token 1 has id 12; the word embedding has 12 rows",
        ),
    ];
    for (rows, expected) in cases {
        let batch = tiny::batch(rows);
        assert_eq!(
            encoder.forward(&batch).expect_err(expected).to_string(),
            expected
        );
        let error = encoder.forward_train(&batch, None).expect_err(expected);
        assert_eq!(error.to_string(), expected);
    }
    // The longest row that is allowed, of padding tokens too.
    encoder
        .forward(&tiny::batch(&[&long[..9], &[1; 9]]))
        .expect("nine tokens fit");
}

#[test]
fn an_encoder_for_prediction_cannot_be_trained() {
    let (_dir, folder) = tiny::folder(&tiny::config(Family::Bert));
    let (mut encoder, _) = Encoder::load(
        &folder,
        N_LABELS,
        Pooling::Cls,
        1,
        tiny::cpu(1),
        Purpose::PREDICT_F32,
    )
    .expect("it loads");
    encoder.forward(&tiny::batch(&ROWS)).expect("it predicts");
    let error = encoder
        .forward_train(&tiny::batch(&ROWS), None)
        .expect_err("no training");
    assert!(matches!(error, EncoderError::InferenceOnly));
}

#[test]
fn freezing_after_a_backward_pass_forgets_the_gradients_below() {
    let mut encoder = tiny::encoder(Family::Bert, Pooling::Cls, 1);
    accumulate(&mut encoder);
    encoder.freeze(Freeze::Layers(1));
    for (index, spec) in encoder.parameters().iter().enumerate() {
        let is_zero = encoder.gradient(index).iter().all(|&g| g == 0.0);
        assert_eq!(
            is_zero,
            stays(spec.role, Freeze::Layers(1)),
            "{}",
            spec.name
        );
    }
}
