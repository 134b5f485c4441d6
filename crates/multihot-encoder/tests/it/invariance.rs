//! The same bits whatever stands beside a row, and whoever computes it.

use multihot_checkpoint::{Family, Pooling};
use multihot_encoder::{DropoutSeed, Encoder};

use crate::tiny::{self, FAMILIES, N_LABELS, ROWS};

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn a_row_has_the_same_logits_alone_and_in_any_batch_at_any_thread_count() {
    for family in FAMILIES {
        for pooling in [Pooling::Cls, Pooling::Mean] {
            let [one, three] = [1, 3].map(|threads| tiny::encoder(family, pooling, threads));
            let logits = |encoder: &Encoder, rows: &[&[u32]]| {
                bits(
                    &encoder
                        .forward(&tiny::batch(rows))
                        .expect("the rows are fine"),
                )
            };
            let alone: Vec<u32> = ROWS.iter().flat_map(|row| logits(&one, &[row])).collect();
            assert_eq!(
                logits(&one, &ROWS),
                alone,
                "{family:?}, {pooling:?}, together"
            );
            assert_eq!(
                logits(&three, &ROWS),
                alone,
                "{family:?}, {pooling:?}, three threads"
            );
            // Forty rows cross every tile's edge.
            let many: Vec<&[u32]> = ROWS.iter().copied().cycle().take(40).collect();
            for (i, chunk) in logits(&three, &many).chunks(4 * N_LABELS).enumerate() {
                assert_eq!(chunk, alone, "{family:?}, {pooling:?}, from row {}", 4 * i);
            }
        }
    }
}

#[test]
fn training_keeps_the_same_bits_at_any_thread_count() {
    for family in [Family::Bert, Family::Roberta, Family::Electra] {
        let [one, three] = [1, 3].map(|threads| {
            let mut encoder = tiny::encoder(family, Pooling::Cls, threads);
            for step in 1..=3 {
                let seed = DropoutSeed {
                    seed: 1,
                    step,
                    micro_batch: 0,
                };
                let batch = tiny::batch(&ROWS);
                let logits = encoder
                    .forward_train(&batch, Some(seed))
                    .expect("the rows are fine");
                encoder.backward(&tiny::d_loss(&logits));
                encoder.step(&crate::training::plan(step));
            }
            encoder.settle();
            bits(&encoder.snapshot())
        });
        assert!(one == three, "{family:?}");
    }
}

#[test]
fn without_dropout_training_sees_the_logits_of_prediction() {
    for family in FAMILIES {
        let mut encoder = tiny::encoder(family, Pooling::Cls, 2);
        let predicted = encoder
            .forward(&tiny::batch(&ROWS))
            .expect("the rows are fine");
        let trained = encoder
            .forward_train(&tiny::batch(&ROWS), None)
            .expect("the rows are fine");
        assert_eq!(bits(&predicted), bits(&trained), "{family:?}");
    }
}

#[test]
fn dropout_goes_by_seed_step_and_micro_batch() {
    let mut encoder = tiny::encoder(Family::Bert, Pooling::Cls, 1);
    let mut logits = |seed, step, micro_batch| {
        let seed = DropoutSeed {
            seed,
            step,
            micro_batch,
        };
        bits(
            &encoder
                .forward_train(&tiny::batch(&ROWS), Some(seed))
                .expect("the rows are fine"),
        )
    };
    let first = logits(1, 1, 0);
    assert_eq!(logits(1, 1, 0), first);
    for other in [logits(2, 1, 0), logits(1, 2, 0), logits(1, 1, 1)] {
        assert_ne!(other, first);
    }
}

#[test]
fn threads_may_share_an_encoder() {
    let encoder = tiny::encoder(Family::Bert, Pooling::Cls, 2);
    let expected = bits(
        &encoder
            .forward(&tiny::batch(&ROWS))
            .expect("the rows are fine"),
    );
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let logits = encoder
                        .forward(&tiny::batch(&ROWS))
                        .expect("the rows are fine");
                    assert_eq!(bits(&logits), expected);
                }
            });
        }
    });
}

#[test]
fn a_batch_without_rows_has_no_logits() {
    for pooling in [Pooling::Cls, Pooling::Mean] {
        let encoder = tiny::encoder(Family::Electra, pooling, 2);
        let logits = encoder.forward(&tiny::batch(&[])).expect("nothing is fine");
        assert!(logits.is_empty());
    }
}
