//! What a batch of texts has to teach, in bounded memory whatever their lengths.
//!
//! All windows of a text count in its logits, and so does the gradient of each. Texts whose windows
//! fit together go through the encoder in one batch. A text with more windows than that goes through
//! twice: once for the logits of all its windows, from which pooling and loss say what each window
//! has to learn, and once more, batch by batch, to learn it. That is the gradient of one large batch
//! (Gao and others, arXiv:2101.06983, who do it for large batches of a contrastive loss), with the
//! same elements dropped out both times.

use multihot_encoder::{DropoutSeed, Encoder, TokenBatch};
use multihot_kernels::Work;
use multihot_tokenizer::Encoded;

use super::Criterion;
use super::targets::Targets;
use crate::error::Error;
use crate::rows::batches;
use crate::scores::Logits;
use crate::windows::WindowPooling;

/// Some texts of a batch, all windows of each.
pub(crate) struct Portion<'a> {
    /// Which texts of the table.
    pub(crate) texts: &'a [usize],
    /// Their windows: one batch, or several of one text.
    pub(crate) batches: Vec<TokenBatch>,
    /// How many windows each text has.
    pub(crate) counts: Vec<usize>,
}

/// What texts are to be learned for, and how.
#[derive(Clone, Copy)]
pub(crate) struct Lesson<'a> {
    /// What the texts are trained toward.
    pub(crate) targets: Targets<'a>,
    pub(crate) criterion: Criterion<'a>,
    pub(crate) pooling: WindowPooling,
    /// One over the answered questions of the whole update.
    pub(crate) scale: f32,
    /// Of the first batch.
    pub(crate) dropout: DropoutSeed,
    /// How far the micro batch of the next batch's dropout is away.
    pub(crate) next_dropout: u64,
}

impl Lesson<'_> {
    /// The dropout of batch `index`.
    pub(crate) fn dropout(&self, index: usize) -> DropoutSeed {
        let micro_batch = self.dropout.micro_batch + self.next_dropout * index as u64;
        DropoutSeed {
            micro_batch,
            ..self.dropout
        }
    }
}

/// Cuts a batch, the `rows` that `texts` names, into portions of at most `most_tokens`, or of one
/// text. Where no text has several windows it stays whole.
pub(crate) fn portions<'a>(
    rows: &[Encoded],
    texts: &'a [usize],
    most_tokens: usize,
) -> Vec<Portion<'a>> {
    let is_whole = texts.iter().all(|&text| rows[text].windows.len() == 1);
    let most_tokens = if is_whole { usize::MAX } else { most_tokens };
    let mut portions = Vec::new();
    let mut rest = texts;
    while !rest.is_empty() {
        let mut tokens = 0;
        let fitting = rest.iter().take_while(|text| {
            tokens += rows[**text].tokens();
            tokens <= most_tokens
        });
        let (these, others) = rest.split_at(fitting.count().max(1));
        let windows = these.iter().flat_map(|&text| &rows[text].windows);
        portions.push(Portion {
            texts: these,
            batches: batches(windows, most_tokens).collect(),
            counts: these.iter().map(|&text| rows[text].windows.len()).collect(),
        });
        rest = others;
    }
    portions
}

/// Adds to the gradients what texts have to teach, whose windows, `counts` each, are in `batches`;
/// the loss summed over the cells.
pub(crate) fn learn(
    encoder: &mut Encoder,
    batches: &[TokenBatch],
    counts: &[usize],
    lesson: Lesson<'_>,
) -> Result<f64, Error> {
    let mut values = Vec::new();
    for (index, batch) in batches.iter().enumerate() {
        values.extend(encoder.forward_train(batch, Some(lesson.dropout(index)))?);
    }
    let windows = Logits::new(values, encoder.n_labels());
    let time = encoder.cpu().record(Work::Loss);
    let logits = lesson.pooling.pool(&windows, counts);
    let mut d_logits = vec![0.0; lesson.targets.cells.len()];
    let criterion = lesson.criterion;
    criterion.gradient(&logits, lesson.targets, lesson.scale, &mut d_logits);
    let loss_sum = criterion.sum(&logits, lesson.targets).0;
    let d_windows = lesson.pooling.gradient(&windows, counts, &d_logits);
    drop(time);
    if let [_] = batches {
        encoder.backward(&d_windows);
        return Ok(loss_sum);
    }
    let mut rest = d_windows.as_slice();
    for (index, batch) in batches.iter().enumerate() {
        let (d_batch, others) = rest.split_at(batch.rows() * encoder.n_labels());
        rest = others;
        // Where no window of a batch decided about any label, there is nothing to learn from it.
        if d_batch.iter().any(|d| *d != 0.0) {
            encoder.forward_train(batch, Some(lesson.dropout(index)))?;
            encoder.backward(d_batch);
        }
    }
    Ok(loss_sum)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use multihot_checkpoint::{ModelFolder, Pooling};
    use multihot_encoder::Purpose;
    use multihot_kernels::{Cpu, Isa};
    use multihot_table::Cell;
    use multihot_tokenizer::Window;

    use super::*;

    /// A text of windows of so many tokens.
    fn text(windows: &[usize]) -> Encoded {
        let window = |&tokens: &usize| Window {
            ids: vec![5; tokens],
            types: vec![],
            bytes: 0..0,
        };
        Encoded {
            windows: windows.iter().map(window).collect(),
            full_length: windows.iter().sum(),
            is_cut: false,
        }
    }

    #[test]
    fn texts_stay_whole_unless_one_has_more_than_a_portion() {
        let rows = [
            text(&[4]),
            text(&[8, 8]),
            text(&[8, 8, 8, 8, 8]),
            text(&[3]),
        ];
        let cut = |texts: &[usize]| -> Vec<(Vec<usize>, Vec<usize>)> {
            let portions = portions(&rows, texts, 20);
            let portion = |portion: &Portion<'_>| {
                let batches = portion.batches.iter().map(TokenBatch::rows);
                (portion.texts.to_vec(), batches.collect())
            };
            portions.iter().map(portion).collect()
        };
        assert_eq!(
            cut(&[0, 3, 0, 3, 0, 3]),
            [(vec![0, 3, 0, 3, 0, 3], vec![6])]
        );
        assert_eq!(cut(&[0, 1, 3]), [(vec![0, 1], vec![3]), (vec![3], vec![1])]);
        assert_eq!(
            cut(&[3, 2, 0]),
            [
                (vec![3], vec![1]),
                (vec![2], vec![2, 2, 1]),
                (vec![0], vec![1])
            ]
        );
        assert!(portions(&rows, &[], 20).is_empty());
    }

    /// A two-layer encoder whose head is far from indifferent.
    fn encoder() -> Encoder {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny-bert");
        let folder = ModelFolder::open(&folder, None).unwrap();
        let cpu = Arc::new(Cpu::new(Isa::detect().unwrap(), 2));
        let (mut encoder, _) =
            Encoder::load(&folder, 2, Pooling::Cls, 3, cpu, Purpose::TRAIN_F32).unwrap();
        let mut values = encoder.snapshot();
        let mut start = 0;
        for spec in encoder.parameters() {
            if spec.name == "classifier.weight" {
                values[start..][..spec.len()]
                    .iter_mut()
                    .for_each(|value| *value *= 40.0);
            }
            start += spec.len();
        }
        encoder.restore(&values);
        encoder
    }

    /// A text of four windows and one of one, in one batch or in three.
    fn windows(in_batches_of: usize) -> Vec<TokenBatch> {
        let window = |start: u32| Window {
            ids: vec![2, 20 + start, 41 + 3 * start, 90 + 5 * start, 3],
            types: vec![],
            bytes: 0..0,
        };
        let windows: Vec<Window> = (0..5).map(window).collect();
        batches(windows.iter(), 5 * in_batches_of).collect()
    }

    /// A step of `h` along the gradient of each parameter moves the loss by `h` times its norm; with
    /// dropout too, as long as it falls on the same elements whenever a window is passed through.
    #[test]
    fn the_gradient_through_the_pooling_is_the_slope_of_the_loss() {
        const H: f64 = 1e-2;
        let cells = [Cell::Yes, Cell::No, Cell::No, Cell::Unknown];
        let poolings = [
            WindowPooling::Max,
            WindowPooling::Mean,
            WindowPooling::LogSumExp,
        ];
        let mut encoder = encoder();
        let values = encoder.snapshot();
        for (pooling, in_batches_of) in poolings.into_iter().flat_map(|p| [(p, 5), (p, 2)]) {
            let batches = windows(in_batches_of);
            let lesson = Lesson {
                targets: (&cells).into(),
                criterion: Criterion::default(),
                pooling,
                scale: 1.0,
                dropout: DropoutSeed {
                    seed: 5,
                    step: 3,
                    micro_batch: 1,
                },
                next_dropout: 2,
            };
            encoder.restore(&values);
            encoder.zero_gradients();
            learn(&mut encoder, &batches, &[4, 1], lesson).unwrap();
            let n_parameters = encoder.parameters().len();
            let gradients: Vec<Vec<f32>> = (0..n_parameters)
                .map(|i| encoder.gradient(i).to_vec())
                .collect();
            let mut start = 0;
            for (index, gradient) in gradients.iter().enumerate() {
                let squares = gradient.iter().map(|g| f64::from(*g).powi(2));
                let norm = squares.sum::<f64>().sqrt();
                let mut loss = |step: f64| {
                    let mut moved = values.clone();
                    for (value, g) in moved[start..].iter_mut().zip(gradient) {
                        *value += (step * f64::from(*g) / norm.max(1e-9)) as f32;
                    }
                    encoder.restore(&moved);
                    learn(&mut encoder, &batches, &[4, 1], lesson).unwrap()
                };
                let slope = (loss(H) - loss(-H)) / (2.0 * H);
                let name = &encoder.parameters()[index].name;
                assert!(
                    (slope - norm).abs() < 0.03 * norm + 2e-3,
                    "{pooling:?}, {} batches, {name}: {norm} and {slope}",
                    batches.len()
                );
                start += gradient.len();
            }
            let whole: f64 = gradients
                .iter()
                .flatten()
                .map(|g| f64::from(*g).powi(2))
                .sum();
            assert!(whole > 1.0, "{pooling:?}: nothing to compare, {whole}");
        }
    }
}
