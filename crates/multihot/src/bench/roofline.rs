//! What each product of the model's layers reaches of what the machine can do.

use std::time::Duration;

use multihot_checkpoint::ModelConfig;
use multihot_kernels::{
    Cpu, Finish, Numbers, PackedWeights, Precision, linear, linear_d_input, linear_d_weights, peak,
    random, round,
};
use serde::Serialize;

use super::{BenchOptions, Times, median};

/// Multiplications and additions a second from registers, in thousand millions: GFLOP/s, GOP/s in int8.
#[derive(Clone, Debug, Serialize)]
pub struct Peak {
    /// The number type.
    pub precision: &'static str,
    /// On one thread.
    pub gops_one_thread: f64,
    /// On all threads together: what shares are of.
    pub gops_all_threads: f64,
}

/// The products of one number type.
#[derive(Clone, Debug, Serialize)]
pub struct Roofline {
    /// The number type.
    pub precision: &'static str,
    /// The median of the products' shares of the peak.
    pub median_share: f64,
    /// The lowest one.
    pub lowest_share: f64,
    /// The median of the shares that the products' best runs reach.
    pub median_best_share: f64,
    /// The lowest of these.
    pub lowest_best_share: f64,
    /// Each layer's products.
    pub products: Vec<Product>,
}

/// One product.
#[derive(Clone, Debug, Serialize)]
pub struct Product {
    /// Which linear layer.
    pub layer: String,
    /// `forward`, or the gradient by the input (`d_input`) or by the weights (`d_weights`).
    pub product: &'static str,
    /// Tokens of the batch.
    pub tokens: usize,
    /// Width of the layer's output.
    pub outputs: usize,
    /// Width of its input.
    pub inputs: usize,
    /// Thousand million operations a second, two for a multiplication with its addition.
    pub gops: f64,
    /// The share of the peak on all threads.
    pub peak_share: f64,
    /// The share that the best of all runs reached, as the peak is that of its best run: what
    /// neighbours on the machine take from the others is not the product's.
    pub best_share: f64,
}

impl Peak {
    pub(super) fn measure(cpu: &Cpu, precision: Precision, time: Duration) -> Self {
        let one = Cpu::new(cpu.isa(), 1);
        Self {
            precision: precision.name(),
            gops_one_thread: peak(&one, precision, time) / 1e9,
            gops_all_threads: peak(cpu, precision, time) / 1e9,
        }
    }
}

impl Roofline {
    pub(super) fn measure(
        cpu: &Cpu,
        config: &ModelConfig,
        precision: Precision,
        peak: &Peak,
        options: &BenchOptions,
    ) -> Self {
        let mut products = Vec::new();
        for &tokens in &options.tokens {
            for layer in layers(config) {
                let operands = Operands::draw(cpu, precision, tokens, &layer);
                for (product, times) in operands.measure(cpu, options.time) {
                    let operations = 2 * tokens * layer.outputs * layer.inputs;
                    let gops = |time: Duration| operations as f64 / time.as_secs_f64() / 1e9;
                    products.push(Product {
                        layer: layer.name.clone(),
                        product,
                        tokens,
                        outputs: layer.outputs,
                        inputs: layer.inputs,
                        gops: gops(times.median),
                        peak_share: gops(times.median) / peak.gops_all_threads,
                        best_share: gops(times.best) / peak.gops_all_threads,
                    });
                }
            }
        }
        let shares: Vec<f64> = products.iter().map(|product| product.peak_share).collect();
        let best: Vec<f64> = products.iter().map(|product| product.best_share).collect();
        Self {
            precision: precision.name(),
            lowest_share: lowest(&shares),
            median_share: median(shares),
            lowest_best_share: lowest(&best),
            median_best_share: median(best),
            products,
        }
    }
}

fn lowest(shares: &[f64]) -> f64 {
    shares.iter().copied().fold(f64::INFINITY, f64::min)
}

/// A linear layer of every layer of the encoder.
#[derive(Debug, PartialEq)]
struct Layer {
    name: String,
    outputs: usize,
    inputs: usize,
}

/// The linear layers of different shapes; two of one shape stand under both names.
fn layers(config: &ModelConfig) -> Vec<Layer> {
    distinct(config.hidden_size, config.intermediate_size)
}

fn distinct(width: usize, inner: usize) -> Vec<Layer> {
    let all = [
        ("qkv", 3 * width, width),
        ("attention output", width, width),
        ("intermediate", inner, width),
        ("output", width, inner),
    ];
    let mut layers: Vec<Layer> = Vec::new();
    for (name, outputs, inputs) in all {
        let same = |layer: &&mut Layer| (layer.outputs, layer.inputs) == (outputs, inputs);
        match layers.iter_mut().find(same) {
            Some(layer) => layer.name = format!("{}, {name}", layer.name),
            None => layers.push(Layer {
                name: name.into(),
                outputs,
                inputs,
            }),
        }
    }
    layers
}

/// What the three products of one layer multiply.
struct Operands {
    outputs: usize,
    inputs: usize,
    trains: bool,
    weights: Vec<f32>,
    packed: PackedWeights,
    x: Numbers,
    d_out: Numbers,
}

impl Operands {
    fn draw(cpu: &Cpu, precision: Precision, tokens: usize, layer: &Layer) -> Self {
        let (outputs, inputs) = (layer.outputs, layer.inputs);
        let numbers = |key, len| {
            let mut numbers = Numbers::new(precision);
            round(cpu, &draw(key, len), numbers.resize(len));
            numbers
        };
        let trains = precision != Precision::Int8;
        let weights = draw(1, outputs * inputs);
        Self {
            outputs,
            inputs,
            trains,
            packed: PackedWeights::pack(cpu, precision, trains, &weights, outputs, inputs),
            weights,
            x: numbers(2, tokens * inputs),
            d_out: numbers(3, tokens * outputs),
        }
    }

    /// Each product that this number type has, with the times of its runs.
    fn measure(&self, cpu: &Cpu, time: Duration) -> Vec<(&'static str, Times)> {
        let (x, d_out) = (self.x.view(), self.d_out.view());
        let bias = vec![0.5; self.outputs];
        let mut out = self.d_out.clone();
        let forward = Times::measure(time, || {
            let out = out.view_mut();
            linear(cpu, x, &self.packed, Some(&bias), Finish::Store { out });
        });
        let mut times = vec![("forward", forward)];
        if self.trains {
            let mut d_x = vec![0.0; x.len()];
            let d_input = Times::measure(time, || {
                let finish = Finish::store_f32(&mut d_x);
                linear_d_input(cpu, d_out, &self.packed, &self.weights, finish);
            });
            let (outputs, inputs) = (self.outputs, self.inputs);
            let (mut d_w, mut d_bias) = (vec![0.0; outputs * inputs], vec![0.0; outputs]);
            let d_weights = Times::measure(time, || {
                let d_bias = Some(&mut d_bias[..]);
                linear_d_weights(cpu, d_out, x, outputs, inputs, &mut d_w, d_bias);
            });
            times.extend([("d_input", d_input), ("d_weights", d_weights)]);
        }
        times
    }
}

fn draw(key: u64, len: usize) -> Vec<f32> {
    let draw = |index| 0.1 * random::normal(key, index) as f32;
    (0..len as u64).map(draw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_of_one_shape_are_measured_once() {
        let names = |width, inner| -> Vec<String> {
            let layers = distinct(width, inner).into_iter();
            layers.map(|layer| layer.name).collect()
        };
        let all = ["qkv", "attention output", "intermediate", "output"];
        assert_eq!(names(384, 1536), all);
        let three = ["qkv, intermediate", "attention output", "output"];
        assert_eq!(names(384, 1152), three);
    }
}
