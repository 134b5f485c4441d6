//! The whole model: from token ids to logits, and the way back. Read this first.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use multihot_checkpoint::{ModelConfig, ParameterSpec, Pooling, Role};
use multihot_kernels::{Cpu, Numbers, Precision, Work};

use crate::batch::TokenBatch;
use crate::buffers::Buffers;
use crate::embeddings::{EmbeddingActivations, EmbeddingGradients, Embeddings};
use crate::error::EncoderError;
use crate::head::{Head, HeadActivations, HeadGradients};
use crate::layer::{Layer, LayerActivations, LayerGradients, Stream};
use crate::linear::Linear;
use crate::parameters::Layout;
use crate::pass::{DropoutSeed, Pass, Purpose};

/// An encoder with its head, on the CPU.
///
/// Values, gradients and the optimizer's moments lie in flat buffers of the same layout; the
/// weights of the linear layers lie a second time in the packed form that multiplication wants.
///
/// Between [`Encoder::step`] and [`Encoder::settle`], rows of the word embedding that no batch has
/// touched are behind. Training goes on all the same, to the same bits; all that reads the whole
/// table or its moments panics until it is settled.
pub struct Encoder {
    pub(crate) cpu: Arc<Cpu>,
    pub(crate) config: ModelConfig,
    pub(crate) pooling: Pooling,
    pub(crate) n_labels: usize,
    pub(crate) purpose: Purpose,
    pub(crate) layout: Layout,
    pub(crate) buffers: Buffers,
    pub(crate) embeddings: Embeddings,
    pub(crate) layers: Vec<Layer>,
    pub(crate) head: Head,
    /// Values before this one are frozen.
    pub(crate) first_trainable: usize,
    /// 0 for none, 1 for the embeddings, 1 + n for n layers too.
    pub(crate) frozen_parts: usize,
    /// Whether a layer keeps its input only and is passed through again before its backward pass.
    pub(crate) recomputes: bool,
    pub(crate) training: Training,
    /// Buffers of earlier forward passes, one set for each that ran at the same time.
    pub(crate) spare: Mutex<Vec<Prediction>>,
}

/// Which parts do not learn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Freeze {
    /// Everything learns.
    #[default]
    None,
    /// The embeddings stay.
    Embeddings,
    /// The embeddings and the lowest layers, this many, stay.
    Layers(usize),
    /// Only the head learns.
    Encoder,
}

/// The buffers of a forward pass that nothing comes after: one layer's serve all.
pub(crate) struct Prediction {
    embeddings: EmbeddingActivations,
    /// The tokens as the next layer reads them.
    operand: Numbers,
    stream: Stream,
    layer: LayerActivations,
    head: HeadActivations,
}

impl Prediction {
    fn new(precision: Precision) -> Self {
        Self {
            embeddings: EmbeddingActivations::default(),
            operand: Numbers::new(precision),
            stream: Stream::new(precision),
            layer: LayerActivations::new(precision),
            head: HeadActivations::default(),
        }
    }
}

/// The buffers of a training step, which are used again in the next.
pub(crate) struct Training {
    /// The batch that waits for its backward pass.
    pending: Option<(TokenBatch, Option<DropoutSeed>)>,
    embeddings: EmbeddingActivations,
    /// The output of the embeddings as the first layer reads it; where layers are passed through
    /// again, the input of the one at hand.
    operand: Numbers,
    stream: Stream,
    /// One for each layer; where layers are passed through again, one for all.
    layers: Vec<LayerActivations>,
    /// The input of each layer that is to be passed through again.
    inputs: Vec<Vec<f32>>,
    head: HeadActivations,
    d_head: HeadGradients,
    d_layer: LayerGradients,
    d_embeddings: EmbeddingGradients,
}

impl Training {
    pub(crate) fn new(precision: Precision) -> Self {
        Self {
            pending: None,
            embeddings: EmbeddingActivations::default(),
            operand: Numbers::new(precision),
            stream: Stream::new(precision),
            layers: Vec::new(),
            inputs: Vec::new(),
            head: HeadActivations::default(),
            d_head: HeadGradients::default(),
            d_layer: LayerGradients::new(precision),
            d_embeddings: EmbeddingGradients::default(),
        }
    }
}

/// The tokens as the layer above `layers` reads them, `first` where there is none below.
fn input<'a>(first: &'a Numbers, layers: &'a [LayerActivations]) -> &'a Numbers {
    layers.last().map_or(first, |layer| &layer.output)
}

/// All linear layers.
pub(crate) fn linears<'a>(
    embeddings: &'a mut Embeddings,
    layers: &'a mut [Layer],
    head: &'a mut Head,
) -> impl Iterator<Item = &'a mut Linear> {
    let of_layers = layers.iter_mut().flat_map(Layer::linears_mut);
    let of_embeddings = embeddings.linears_mut();
    of_embeddings.chain(of_layers).chain(head.linears_mut())
}

impl Encoder {
    /// The logits of `batch`, `[rows, n_labels]`, without dropout. Threads may share the encoder.
    ///
    /// An error where a row is empty or too long, or a token id or a type has no row in its embedding.
    ///
    /// # Panics
    ///
    /// After a step that no [`Encoder::settle`] followed.
    pub fn forward(&self, batch: &TokenBatch) -> Result<Vec<f32>, EncoderError> {
        self.check(batch)?;
        let pass = Pass {
            cpu: &self.cpu,
            values: self.buffers.values(),
            row_starts: batch.row_starts(),
            dropout: None,
            keeps: false,
        };
        let spare = self.spare().pop();
        let mut buffers = spare.unwrap_or_else(|| Prediction::new(self.purpose.precision));
        let Prediction {
            embeddings,
            operand,
            stream,
            layer,
            head,
        } = &mut buffers;
        self.embeddings
            .forward(pass, batch, embeddings, &mut stream.hidden);
        stream.write_operand(pass, operand);
        for each in &self.layers {
            each.forward(pass, operand, stream, layer);
            mem::swap(operand, &mut layer.output);
        }
        self.head.forward(pass, &stream.hidden, head);
        let logits = head.logits.clone();
        self.spare().push(buffers);
        Ok(logits)
    }

    /// The logits of `batch`, `[rows, n_labels]`, with dropout where `dropout` is given, keeping
    /// what [`Encoder::backward`] needs.
    ///
    /// An error as in [`Encoder::forward`], and where the encoder was loaded for prediction only.
    pub fn forward_train(
        &mut self,
        batch: &TokenBatch,
        dropout: Option<DropoutSeed>,
    ) -> Result<Vec<f32>, EncoderError> {
        if self.buffers.inference_only() {
            return Err(EncoderError::InferenceOnly);
        }
        self.check(batch)?;
        let buffers = Training::new(self.purpose.precision);
        let mut training = mem::replace(&mut self.training, buffers);
        let Training {
            embeddings,
            operand,
            stream,
            layers,
            inputs,
            head,
            ..
        } = &mut training;
        let pass = Pass {
            cpu: &self.cpu,
            values: self.buffers.values_for(&self.cpu, batch.ids()),
            row_starts: batch.row_starts(),
            dropout,
            keeps: true,
        };
        self.embeddings
            .forward(pass, batch, embeddings, &mut stream.hidden);
        stream.write_operand(pass, operand);
        let n_layers = self.layers.len();
        let (kept, again) = if self.recomputes {
            (1, n_layers)
        } else {
            (n_layers, 0)
        };
        layers.resize_with(kept, || LayerActivations::new(self.purpose.precision));
        inputs.resize_with(again, Vec::new);
        for (index, layer) in self.layers.iter().enumerate() {
            if self.recomputes {
                inputs[index].clone_from(&stream.hidden);
                layer.forward(pass, operand, stream, &mut layers[0]);
                mem::swap(operand, &mut layers[0].output);
            } else {
                let (below, rest) = layers.split_at_mut(index);
                layer.forward(pass, input(operand, below), stream, &mut rest[0]);
            }
        }
        self.head.forward(pass, &stream.hidden, head);
        let logits = head.logits.clone();
        training.pending = Some((batch.clone(), dropout));
        self.training = training;
        Ok(logits)
    }

    /// Adds to the gradients, from `d_logits`, the gradient of the logits that the last
    /// [`Encoder::forward_train`] returned. Frozen parts get none and cost nothing.
    ///
    /// # Panics
    ///
    /// When no [`Encoder::forward_train`] came before, or `d_logits` is not `[rows, n_labels]`.
    pub fn backward(&mut self, d_logits: &[f32]) {
        let Training {
            pending,
            embeddings,
            operand,
            stream,
            layers,
            inputs,
            head,
            d_head,
            d_layer,
            d_embeddings,
        } = &mut self.training;
        let (batch, dropout) = pending.take().expect("backward follows forward_train");
        let cells = batch.rows() * self.n_labels;
        assert_eq!(
            d_logits.len(),
            cells,
            "backward: `d_logits` is not [rows, n_labels]"
        );
        // Part 0 is the embeddings, part i + 1 is layer i; those below `frozen` need nothing.
        let frozen = self.frozen_parts;
        let touched = if frozen == 0 { batch.ids() } else { &[] };
        let (values, gradients) = self.buffers.for_backward(touched);
        let pass = Pass {
            cpu: &self.cpu,
            values,
            row_starts: batch.row_starts(),
            dropout,
            keeps: true,
        };

        let d_hidden = (frozen <= self.layers.len()).then_some(&mut d_layer.d_hidden);
        self.head
            .backward(pass, head, d_logits, d_hidden, d_head, gradients);
        for index in (frozen.saturating_sub(1)..self.layers.len()).rev() {
            let (layer, needs_input) = (&self.layers[index], index >= frozen);
            let (x, kept) = if self.recomputes {
                stream.hidden.clone_from(&inputs[index]);
                stream.write_operand(pass, operand);
                layer.forward(pass, operand, stream, &mut layers[0]);
                (&*operand, &layers[0])
            } else {
                (input(operand, &layers[..index]), &layers[index])
            };
            layer.backward(pass, x.view(), kept, needs_input, d_layer, gradients);
        }
        if frozen == 0 {
            let d_hidden = &mut d_layer.d_hidden;
            self.embeddings
                .backward(pass, &batch, embeddings, d_hidden, d_embeddings, gradients);
        }
    }

    /// Sets the gradients to 0. After [`Encoder::step`] they are.
    pub fn zero_gradients(&mut self) {
        let _time = self.cpu.record(Work::Gradients);
        // Those of frozen parts are 0 already, and large.
        let trainable = self.first_trainable..self.layout.len();
        self.buffers.forget_gradients(trainable);
        self.buffers.no_gradients();
    }

    /// Chooses which parts learn from now on. Frozen values stay the same bits, and their gradients
    /// are 0.
    pub fn freeze(&mut self, freeze: Freeze) {
        let parts = match freeze {
            Freeze::None => 0,
            Freeze::Embeddings => 1,
            Freeze::Layers(layers) => 1 + layers.min(self.layers.len()),
            Freeze::Encoder => 1 + self.layers.len(),
        };
        self.settle();
        self.frozen_parts = parts;
        self.first_trainable = self.layout.first_trainable(parts);
        self.buffers.forget_gradients(0..self.first_trainable);
    }

    /// Brings every row of the word embedding to where dense AdamW would have it, to the same bits.
    ///
    /// Rows that no batch touches cost nothing in a step; this is where they are caught up, at the
    /// end of an epoch, say. Costs nothing where none is behind.
    pub fn settle(&mut self) {
        self.buffers.settle(&self.cpu);
    }

    /// Whether layers keep their input only, and are passed through again before their backward
    /// pass: less memory for a third more time. The gradients are the same bits either way.
    pub fn recompute(&mut self, recomputes: bool) {
        self.recomputes = recomputes;
    }

    /// What its layers multiply in.
    pub fn precision(&self) -> Precision {
        self.purpose.precision
    }

    /// What config.json said.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// How a row's tokens become one vector.
    pub fn pooling(&self) -> Pooling {
        self.pooling
    }

    /// How many logits a row gets.
    pub fn n_labels(&self) -> usize {
        self.n_labels
    }

    /// What it computes with.
    pub fn cpu(&self) -> &Arc<Cpu> {
        &self.cpu
    }

    /// All parameters, in the order of [`Encoder::values`], [`Encoder::gradient`] and snapshots.
    pub fn parameters(&self) -> &[ParameterSpec] {
        self.layout.specs()
    }

    /// The values of parameter `index`.
    ///
    /// # Panics
    ///
    /// For the word embedding, after a step that no [`Encoder::settle`] followed.
    pub fn values(&self, index: usize) -> &[f32] {
        self.buffers.values_of(self.layout.range(index))
    }

    /// The gradient of parameter `index`, gathered since [`Encoder::step`] or
    /// [`Encoder::zero_gradients`].
    ///
    /// # Panics
    ///
    /// When the encoder was loaded for prediction only.
    pub fn gradient(&self, index: usize) -> &[f32] {
        &self.buffers.gradients()[self.layout.range(index)]
    }

    /// The bias of the output layer, one value a label.
    pub fn output_bias(&self) -> &[f32] {
        self.buffers.values_of(self.layout.place(Role::OutputBias))
    }

    /// Replaces the bias of the output layer.
    ///
    /// # Panics
    ///
    /// When `bias` is not one value a label.
    pub fn set_output_bias(&mut self, bias: &[f32]) {
        let place = self.layout.place(Role::OutputBias);
        self.buffers.values_mut(place).copy_from_slice(bias);
    }

    /// The values of all parameters, one behind the other.
    ///
    /// # Panics
    ///
    /// After a step that no [`Encoder::settle`] followed.
    pub fn all_values(&self) -> &[f32] {
        self.buffers.values()
    }

    /// A copy of [`Encoder::all_values`], for [`Encoder::restore`].
    ///
    /// # Panics
    ///
    /// After a step that no [`Encoder::settle`] followed.
    pub fn snapshot(&self) -> Vec<f32> {
        self.all_values().to_vec()
    }

    /// Brings back all values, frozen ones too, to the same bits.
    ///
    /// # Panics
    ///
    /// When `values` is not as long as a snapshot.
    pub fn restore(&mut self, values: &[f32]) {
        self.restore_with(|own| own.copy_from_slice(values));
    }

    /// The same without a second copy in memory: `read` writes over all values. Returns what it
    /// returns; what it left half written is taken up too.
    pub fn restore_with<T>(&mut self, read: impl FnOnce(&mut [f32]) -> T) -> T {
        let outcome = read(self.buffers.all_values_mut(&self.cpu));
        self.repack(0);
        outcome
    }

    /// The first and second moments of AdamW, both as long as a snapshot.
    ///
    /// # Panics
    ///
    /// After a step that no [`Encoder::settle`] followed.
    pub fn optimizer_state(&self) -> (&[f32], &[f32]) {
        self.buffers.moments()
    }

    /// Brings back values and the optimizer's moments, so that training continues to the same bits.
    ///
    /// # Panics
    ///
    /// When one of them is not as long as a snapshot, or the encoder was loaded for prediction only.
    pub fn restore_state(&mut self, values: &[f32], m: &[f32], v: &[f32]) {
        self.buffers.restore_state(values, m, v);
        self.repack(0);
    }

    /// Packs the weights that lie at or behind `first_changed` again.
    pub(crate) fn repack(&mut self, first_changed: usize) {
        for linear in linears(&mut self.embeddings, &mut self.layers, &mut self.head) {
            linear.repack(&self.cpu, self.buffers.values_but_words(), first_changed);
        }
    }

    fn spare(&self) -> std::sync::MutexGuard<'_, Vec<Prediction>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether every row can be looked up in the tables.
    fn check(&self, batch: &TokenBatch) -> Result<(), EncoderError> {
        let usable = self.config.usable_length();
        for (row, ids) in batch.iter().enumerate() {
            if ids.is_empty() {
                return Err(EncoderError::EmptyRow { row });
            }
            if ids.len() > usable {
                return Err(EncoderError::RowTooLong {
                    row,
                    tokens: ids.len(),
                    usable,
                });
            }
            self.check_ids(row, ids)?;
        }
        self.check_types(batch)
    }

    /// An encoder without types, such as a DistilBERT, passes over them.
    fn check_types(&self, batch: &TokenBatch) -> Result<(), EncoderError> {
        let types = self.config.type_vocab_size;
        match batch.types().iter().find(|&&id| id as usize >= types) {
            Some(&id) if types > 0 => Err(EncoderError::UnknownType { id, types }),
            _ => Ok(()),
        }
    }

    fn check_ids(&self, row: usize, ids: &[u32]) -> Result<(), EncoderError> {
        let vocab_size = self.config.vocab_size;
        match ids.iter().position(|&id| id as usize >= vocab_size) {
            None => Ok(()),
            Some(position) => {
                let id = ids[position];
                Err(EncoderError::UnknownToken {
                    row,
                    position,
                    id,
                    vocab_size,
                })
            }
        }
    }
}
