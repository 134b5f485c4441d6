//! Against Transformers and PyTorch: the golden files that `tools/reference/` writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use multihot_checkpoint::{ModelFolder, Pooling, Weights};
use multihot_encoder::{Encoder, Purpose, StepPlan, TokenBatch};
use multihot_kernels::{Cpu, Isa};
use serde_json::{Value, json};
use tempfile::TempDir;

const MODELS: [&str; 8] = [
    "bert",
    "roberta",
    "camembert",
    "xlm-roberta",
    "distilbert",
    "electra",
    "bert-60-wide",
    "bert-mean",
];

/// One model, and what PyTorch makes of it.
struct Golden {
    folder: PathBuf,
    expected: Value,
    tensors: Weights,
    batch: TokenBatch,
    /// 1, 0, or -1 for unknown; row-major.
    targets: Vec<f64>,
}

impl Golden {
    fn open(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/golden")
            .join(name);
        let json = fs::read_to_string(folder.join("expected.json")).expect("a golden file");
        let expected: Value = serde_json::from_str(&json).expect("expected.json is JSON");
        let mut batch = TokenBatch::new();
        for row in expected["rows"].as_array().expect("rows are a list") {
            let ids: Vec<u32> = serde_json::from_value(row.clone()).expect("a row is ids");
            batch.push(&ids);
        }
        let targets: Vec<Vec<f64>> =
            serde_json::from_value(expected["targets"].clone()).expect("targets are numbers");
        let tensors = Weights::open_safetensors(&folder.join("expected.safetensors"));
        let tensors = tensors.expect("expected.safetensors opens");
        Self {
            folder,
            expected,
            tensors,
            batch,
            targets: targets.concat(),
        }
    }

    fn encoder(&self, isa: Isa) -> Encoder {
        let pooling: Pooling =
            serde_json::from_value(self.expected["pooling"].clone()).expect("a pooling");
        let ours = TempDir::new().expect("a temporary folder");
        let folder = match pooling {
            Pooling::Cls => &self.folder,
            Pooling::Mean => self.as_ours(ours.path()),
        };
        let folder = ModelFolder::open(folder, None).expect("a folder of Transformers");
        let n_labels = self.targets.len() / self.batch.rows();
        let cpu = Arc::new(Cpu::new(isa, 2));
        let (encoder, report) =
            Encoder::load(&folder, n_labels, pooling, 1, cpu, Purpose::TRAIN_F32)
                .expect("it loads");
        assert!(report.kept_head && report.fresh.is_empty(), "{report:?}");
        encoder
    }

    /// Copies the folder to `to` and signs it: a dense layer after mean pooling is taken for a
    /// head only where this program wrote it.
    fn as_ours<'a>(&self, to: &'a Path) -> &'a Path {
        fs::create_dir(to.join("2_Dense")).expect("a folder");
        for file in ["model.safetensors", "2_Dense/model.safetensors"] {
            fs::copy(self.folder.join(file), to.join(file)).expect("a file of the model");
        }
        let config = fs::read_to_string(self.folder.join("config.json")).expect("config.json");
        let mut config: Value = serde_json::from_str(&config).expect("config.json is JSON");
        config["multihot"] = json!({});
        fs::write(to.join("config.json"), config.to_string()).expect("config.json");
        to
    }

    fn numbers(&self, key: &str) -> Vec<f64> {
        serde_json::from_value(self.expected[key].clone()).expect("numbers")
    }

    fn tensor(&self, name: &str) -> Vec<f32> {
        let tensor = self
            .tensors
            .get(name)
            .unwrap_or_else(|| panic!("no `{name}`"));
        let mut values = vec![0.0; tensor.len()];
        tensor
            .read_into(&mut values)
            .expect("golden tensors are f32");
        values
    }

    /// Mean binary cross-entropy over the known cells, and its gradient.
    fn loss(&self, logits: &[f32]) -> (f64, Vec<f32>) {
        let known = self.targets.iter().filter(|&&y| y >= 0.0).count() as f64;
        let mut loss = 0.0;
        let mut gradient = vec![0.0; logits.len()];
        for ((&z, &y), d) in logits.iter().zip(&self.targets).zip(&mut gradient) {
            if y >= 0.0 {
                let z = f64::from(z);
                loss += (z.max(0.0) - z * y + (-z.abs()).exp().ln_1p()) / known;
                *d = ((1.0 / (1.0 + (-z).exp()) - y) / known) as f32;
            }
        }
        (loss, gradient)
    }

    fn plan(&self, step: u64) -> StepPlan {
        let setting = |key: &str| self.expected["adamw"][key].as_f64().expect("a number") as f32;
        StepPlan {
            learning_rate: setting("learning_rate"),
            head_learning_rate: setting("learning_rate"),
            weight_decay: setting("weight_decay"),
            beta1: setting("beta1"),
            beta2: setting("beta2"),
            epsilon: setting("epsilon"),
            layer_decay: 1.0,
            clip: Some(setting("clip")),
            step,
        }
    }
}

/// Runs `check` for every model and instruction set.
fn for_each(check: impl Fn(&str, &Golden, Encoder)) {
    for name in MODELS {
        let golden = Golden::open(name);
        for isa in Isa::supported() {
            check(
                &format!("{name} on {}", isa.name()),
                &golden,
                golden.encoder(isa),
            );
        }
    }
}

fn norm(x: impl IntoIterator<Item = f64>) -> f64 {
    x.into_iter().map(|x| x * x).sum::<f64>().sqrt()
}

#[test]
fn logits_and_loss_are_pytorchs() {
    for_each(|name, golden, encoder| {
        let logits = encoder.forward(&golden.batch).expect("the rows are fine");
        for (i, (ours, theirs)) in logits.iter().zip(golden.tensor("logits")).enumerate() {
            assert!(
                (ours - theirs).abs() <= 2e-5,
                "{name}, logit {i}: {ours} vs {theirs}"
            );
        }
        let (ours, theirs) = (golden.loss(&logits).0, golden.expected["loss"].as_f64());
        let theirs = theirs.expect("the loss is a number");
        assert!(
            (ours - theirs).abs() <= 1e-6,
            "{name}: loss {ours} vs {theirs}"
        );
    });
}

#[test]
fn every_gradient_is_pytorchs() {
    for_each(|name, golden, mut encoder| {
        let logits = encoder
            .forward_train(&golden.batch, None)
            .expect("the rows are fine");
        encoder.backward(&golden.loss(&logits).1);
        let whole = golden.expected["gradient_norm"].as_f64().expect("a norm");
        assert!(
            (encoder.gradient_norm() - whole).abs() < 1e-4 * whole,
            "{name}"
        );
        for (index, spec) in encoder.parameters().iter().enumerate() {
            let theirs = golden.tensor(&format!("grad.{}", spec.name));
            let pairs = encoder.gradient(index).iter().zip(&theirs);
            let far = norm(pairs.map(|(ours, theirs)| f64::from(ours - theirs)));
            let bound = 1e-4 * norm(theirs.iter().map(|&g| g.into())) + 1e-7 * whole;
            assert!(
                far <= bound,
                "{name}, {}: {far:e} where {bound:e} is allowed",
                spec.name
            );
        }
    });
}

#[test]
fn ten_steps_of_adamw_are_pytorchs() {
    for_each(|name, golden, mut encoder| {
        let (losses, norms) = (
            golden.numbers("step_losses"),
            golden.numbers("step_gradient_norms"),
        );
        for (step, (theirs, their_norm)) in (1..).zip(losses.iter().zip(norms)) {
            let logits = encoder
                .forward_train(&golden.batch, None)
                .expect("the rows are fine");
            let (ours, d_logits) = golden.loss(&logits);
            assert!(
                (ours - theirs).abs() <= 1e-5,
                "{name}, step {step}: {ours} vs {theirs}"
            );
            encoder.backward(&d_logits);
            let our_norm = encoder.step(&golden.plan(step));
            assert!(
                (our_norm - their_norm).abs() < 1e-3 * their_norm,
                "{name}, step {step}"
            );
        }
    });
}
