//! From a Hugging Face folder to an encoder: what the files hold, and what starts afresh.

use std::sync::{Arc, Mutex};

use multihot_checkpoint::{
    ModelConfig, ModelFolder, ParameterSpec, Pooling, Role, Tensor, Weights,
};
use multihot_kernels::{Cpu, Precision, random, use_huge_pages};

use crate::buffers::Buffers;
use crate::embeddings::Embeddings;
use crate::encoder::{Encoder, Training};
use crate::error::EncoderError;
use crate::family::Traits;
use crate::head::Head;
use crate::layer::Layer;
use crate::parameters::Layout;
use crate::pass::Purpose;

/// Fresh output weights are drawn at this share of the usual spread, so that training starts at
/// the base rates that the output bias stands for.
const OUTPUT_SHARE: f64 = 0.1;

/// Tells the draws of fresh weights from other uses of the seed.
const FRESH: u64 = 0x6865_6164;

/// What came out of the files and what did not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// The names of the head's parameters that start afresh.
    pub fresh: Vec<String>,
    /// Whether the output layer is the one in the files.
    pub kept_head: bool,
    /// What a person should know about it, a line each.
    pub notes: Vec<String>,
}

impl Encoder {
    /// Loads the encoder of `folder` with a head for `n_labels`.
    ///
    /// The encoder's own weights must all be there. What the head lacks, or has for another number
    /// of labels, starts afresh from `seed` and is in the report: the output weights at a tenth of
    /// the usual spread, biases at 0. What is set aside goes by `purpose`, and so does what the
    /// weights are packed for; there is no training in int8.
    pub fn load(
        folder: &ModelFolder,
        n_labels: usize,
        pooling: Pooling,
        seed: u64,
        cpu: Arc<Cpu>,
        purpose: Purpose,
    ) -> Result<(Self, LoadReport), EncoderError> {
        if purpose.trains && purpose.precision == Precision::Int8 {
            return Err(EncoderError::TrainsInInt8);
        }
        if n_labels == 0 {
            return Err(EncoderError::NoLabels);
        }
        let config = folder.config().clone();
        let layout = Layout::new(&config, pooling, n_labels);
        let reader = Reader::new(folder, pooling, seed)?;
        // Before anything is set aside: a config may promise sizes that the files do not have.
        reader.check_shapes(&layout)?;
        let mut values = vec![0.0; layout.len()];
        use_huge_pages(&mut values);
        let report = reader.read(&cpu, &layout, &mut values)?;
        // The files are copied now: before more is set aside, their pages go.
        drop(reader);
        let encoder = build(config, pooling, n_labels, layout, values, cpu, purpose);
        Ok((encoder, report))
    }

    /// Starts the output layer afresh from `seed`, as [`Encoder::load`] does for a folder without
    /// one: for a head that answers other questions.
    pub fn restart_output(&mut self, seed: u64) {
        for (index, spec) in self.layout.specs().iter().enumerate() {
            if matches!(spec.role, Role::OutputWeight | Role::OutputBias) {
                let out = self.buffers.values_mut(self.layout.range(index));
                draw(&self.config, seed, index, spec, out);
            }
        }
        self.repack(self.layout.place(Role::OutputWeight).start);
    }
}

/// Puts the parts of an encoder on top of its `values`.
fn build(
    config: ModelConfig,
    pooling: Pooling,
    n_labels: usize,
    layout: Layout,
    values: Vec<f32>,
    cpu: Arc<Cpu>,
    purpose: Purpose,
) -> Encoder {
    let traits = Traits::new(config.family, pooling);
    let layer = |index| Layer::new(&cpu, &config, traits, &layout, &values, index, purpose);
    Encoder {
        embeddings: Embeddings::new(&cpu, &config, traits, &layout, &values, purpose),
        layers: (0..config.n_layers).map(layer).collect(),
        head: Head::new(&cpu, &config, traits, &layout, &values, purpose),
        pooling,
        n_labels,
        purpose,
        buffers: Buffers::new(values, &layout, !purpose.trains),
        first_trainable: 0,
        frozen_parts: 0,
        recomputes: false,
        training: Training::new(purpose.precision),
        spare: Mutex::default(),
        config,
        layout,
        cpu,
    }
}

/// Reads one folder's files into the flat buffer.
struct Reader<'a> {
    config: &'a ModelConfig,
    weights: Weights,
    /// Where the head is, if not among the weights: the dense layer of a mean-pooled model.
    mean_head: Option<Weights>,
    pooling: Pooling,
    seed: u64,
}

impl<'a> Reader<'a> {
    fn new(folder: &'a ModelFolder, pooling: Pooling, seed: u64) -> Result<Self, EncoderError> {
        let mean_head = match pooling {
            Pooling::Cls => None,
            Pooling::Mean => folder.mean_head()?,
        };
        Ok(Self {
            config: folder.config(),
            weights: folder.weights()?,
            mean_head,
            pooling,
            seed,
        })
    }

    fn read(
        &self,
        cpu: &Cpu,
        layout: &Layout,
        values: &mut [f32],
    ) -> Result<LoadReport, EncoderError> {
        let mut report = LoadReport {
            kept_head: true,
            ..LoadReport::default()
        };
        let keeps_output = self.keeps_output(layout.specs(), &mut report);
        let is_output =
            |spec: &ParameterSpec| matches!(spec.role, Role::OutputWeight | Role::OutputBias);
        // Each with whether it was in the files. Most of the time goes into touching new memory,
        // which threads do side by side.
        let mut reads: Vec<_> = layout.split(values).map(|out| (out, Ok(false))).collect();
        cpu.pool().for_each_chunk(&mut reads, 1, |index, read| {
            let spec = &layout.specs()[index];
            if keeps_output || !is_output(spec) {
                let (out, found) = &mut read[0];
                *found = self.read_one(spec, out);
            }
        });
        for (index, (out, found)) in reads.into_iter().enumerate() {
            let spec = &layout.specs()[index];
            if !found? {
                draw(self.config, self.seed, index, spec, out);
                report.fresh.push(spec.name.clone());
                report.kept_head &= !is_output(spec);
            }
        }
        Ok(report)
    }

    /// Refuses an encoder's parameter that is missing or of another shape than the config says.
    fn check_shapes(&self, layout: &Layout) -> Result<(), EncoderError> {
        let is_encoder = |spec: &&ParameterSpec| !spec.is_head();
        for spec in layout.specs().iter().filter(is_encoder) {
            let tensor = self.find(spec).ok_or_else(|| self.missing(spec))?;
            self.check_shape(spec, &tensor)?;
        }
        Ok(())
    }

    fn check_shape(&self, spec: &ParameterSpec, tensor: &Tensor<'_>) -> Result<(), EncoderError> {
        if tensor.shape == spec.shape {
            return Ok(());
        }
        Err(EncoderError::WrongShape {
            file: self.file(spec).source().to_owned(),
            name: tensor.name.to_owned(),
            found: tensor.shape.to_vec(),
            expected: spec.shape.clone(),
        })
    }

    /// Whether the files hold an output layer for this number of labels.
    fn keeps_output(&self, specs: &[ParameterSpec], report: &mut LoadReport) -> bool {
        // A head for tokens or for multiple choice may have the same names.
        if !self.config.is_classifier() && self.config.multihot().is_none() {
            return false;
        }
        let [.., weight, bias] = specs else {
            return false;
        };
        let (Some(found), Some(_)) = (self.find(weight), self.find(bias)) else {
            return false;
        };
        let (found, wanted) = (found.shape.first().copied().unwrap_or(0), weight.shape[0]);
        if found != wanted {
            report.notes.push(format!(
                "the head in {} answers {found} labels, and {wanted} are asked for: it starts afresh",
                self.file(weight).source().display()
            ));
        }
        found == wanted
    }

    /// Reads one parameter; `false` where the head lacks it.
    fn read_one(&self, spec: &ParameterSpec, out: &mut [f32]) -> Result<bool, EncoderError> {
        let Some(tensor) = self.find(spec) else {
            return if spec.is_head() {
                Ok(false)
            } else {
                Err(self.missing(spec))
            };
        };
        self.check_shape(spec, &tensor)?;
        tensor.read_into(out)?;
        Ok(true)
    }

    fn missing(&self, spec: &ParameterSpec) -> EncoderError {
        EncoderError::MissingWeight {
            file: self.weights.source().to_owned(),
            name: spec.name.clone(),
            found: self.weights.names().map(str::to_owned).collect(),
        }
    }

    /// A mean-pooled model's output is looked for in its own file alone: a `linear.weight` among
    /// the encoder's weights is something else.
    fn find(&self, spec: &ParameterSpec) -> Option<multihot_checkpoint::Tensor<'_>> {
        match self.pooling {
            Pooling::Mean if spec.is_head() => self.mean_head.as_ref()?.get(&spec.name),
            _ => self.weights.find(spec),
        }
    }

    fn file(&self, spec: &ParameterSpec) -> &Weights {
        self.mean_head
            .as_ref()
            .filter(|_| spec.is_head())
            .unwrap_or(&self.weights)
    }
}

/// Draws parameter `index`, one of the head's, as Transformers does, but the output weights smaller.
fn draw(config: &ModelConfig, seed: u64, index: usize, spec: &ParameterSpec, out: &mut [f32]) {
    let spread = f64::from(config.initializer_range);
    let spread = match spec.role {
        Role::HeadDenseWeight => spread,
        Role::OutputWeight => spread * OUTPUT_SHARE,
        _ => 0.0,
    };
    let key = random::key(seed, &[FRESH, index as u64]);
    for (i, out) in out.iter_mut().enumerate() {
        *out = (spread * random::normal(key, i as u64)) as f32;
    }
}
