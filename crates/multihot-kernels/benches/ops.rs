//! Speed of every operation in the shapes of MiniLM (384 wide) and BERT base (768 wide).
//!
//! `cargo bench -p multihot-kernels`; the threads are those of the machine, or `MULTIHOT_THREADS`.
//! For products, `Gitem/s` are GFLOP/s: two for each multiplication and addition. For the
//! others, they are elements.

use divan::Bencher;
use divan::counter::ItemsCount;
use multihot_kernels::*;

fn main() {
    divan::main();
}

/// The machine as a user of the library would see it.
fn cpu() -> Cpu {
    let available = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = std::env::var("MULTIHOT_THREADS")
        .ok()
        .and_then(|n| n.parse().ok());
    let isa = Isa::detect().expect("`MULTIHOT_ISA` names an instruction set of this machine");
    Cpu::new(isa, threads.unwrap_or(available))
}

fn values(key: u64, len: usize) -> Vec<f32> {
    (0..len as u64)
        .map(|i| random::normal(key, i) as f32 * 0.1)
        .collect()
}

/// A linear layer.
#[derive(Clone, Copy)]
struct Shape {
    rows: usize,
    outputs: usize,
    inputs: usize,
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} x {} x {}", self.rows, self.outputs, self.inputs)
    }
}

impl Shape {
    fn flops(self) -> ItemsCount {
        ItemsCount::new(2 * self.rows * self.outputs * self.inputs)
    }
}

const fn shape(rows: usize, outputs: usize, inputs: usize) -> Shape {
    Shape {
        rows,
        outputs,
        inputs,
    }
}

const SHAPES: [Shape; 10] = [
    shape(16, 384, 384),
    shape(512, 384, 384),
    shape(512, 1152, 384),
    shape(512, 1536, 384),
    shape(512, 384, 1536),
    shape(2048, 384, 384),
    shape(2048, 768, 768),
    shape(2048, 2304, 768),
    shape(2048, 3072, 768),
    shape(2048, 768, 3072),
];

/// Number types, as parameters of benches.
const F32: u8 = 0;
const BF16: u8 = 1;
const INT8: u8 = 2;

fn precision(number: u8) -> Precision {
    [Precision::F32, Precision::Bf16, Precision::Int8][usize::from(number)]
}

/// `f32` values, rounded where `precision` keeps activations in bf16.
fn numbers(cpu: &Cpu, precision: Precision, key: u64, len: usize) -> Numbers {
    let mut numbers = Numbers::new(precision);
    round(cpu, &values(key, len), numbers.resize(len));
    numbers
}

#[divan::bench(args = SHAPES, consts = [F32, BF16, INT8])]
fn linear_forward<const PRECISION: u8>(bencher: Bencher<'_, '_>, shape: Shape) {
    let (cpu, precision) = (cpu(), precision(PRECISION));
    let Shape {
        rows,
        outputs,
        inputs,
    } = shape;
    let x = numbers(&cpu, precision, 1, rows * inputs);
    let (w, bias) = (values(2, outputs * inputs), values(3, outputs));
    let w = PackedWeights::pack(&cpu, precision, false, &w, outputs, inputs);
    let mut out = vec![0.0; rows * outputs];
    bencher
        .counter(shape.flops())
        .bench_local(|| linear(&cpu, x.view(), &w, Some(&bias), Finish::store_f32(&mut out)));
}

#[divan::bench(args = SHAPES, consts = [F32, BF16])]
fn linear_d_x<const PRECISION: u8>(bencher: Bencher<'_, '_>, shape: Shape) {
    let (cpu, precision) = (cpu(), precision(PRECISION));
    let Shape {
        rows,
        outputs,
        inputs,
    } = shape;
    let d_out = numbers(&cpu, precision, 1, rows * outputs);
    let values = values(2, outputs * inputs);
    let w = PackedWeights::pack(&cpu, precision, true, &values, outputs, inputs);
    let mut d_x = vec![0.0; rows * inputs];
    bencher.counter(shape.flops()).bench_local(|| {
        linear_d_input(&cpu, d_out.view(), &w, &values, Finish::store_f32(&mut d_x));
    });
}

#[divan::bench(args = SHAPES, consts = [F32, BF16])]
fn linear_d_w<const PRECISION: u8>(bencher: Bencher<'_, '_>, shape: Shape) {
    let (cpu, precision) = (cpu(), precision(PRECISION));
    let Shape {
        rows,
        outputs,
        inputs,
    } = shape;
    let d_out = numbers(&cpu, precision, 1, rows * outputs);
    let x = numbers(&cpu, precision, 2, rows * inputs);
    let (mut d_w, mut d_bias) = (vec![0.0; outputs * inputs], vec![0.0; outputs]);
    bencher.counter(shape.flops()).bench_local(|| {
        linear_d_weights(
            &cpu,
            d_out.view(),
            x.view(),
            outputs,
            inputs,
            &mut d_w,
            Some(&mut d_bias),
        );
    });
}

#[divan::bench(args = SHAPES, consts = [F32, BF16, INT8])]
fn pack<const PRECISION: u8>(bencher: Bencher<'_, '_>, shape: Shape) {
    let (cpu, precision) = (cpu(), precision(PRECISION));
    let Shape {
        outputs, inputs, ..
    } = shape;
    let w = values(1, outputs * inputs);
    let mut packed = PackedWeights::pack(&cpu, precision, false, &w, outputs, inputs);
    let count = ItemsCount::new(outputs * inputs);
    bencher
        .counter(count)
        .bench_local(|| packed.repack(&cpu, &w));
}

/// Rows of the lengths named, of 12 heads.
const ATTENTION: [(usize, usize, usize); 5] = [
    (64, 20, 32),
    (16, 128, 32),
    (16, 128, 64),
    (4, 512, 32),
    (4, 512, 64),
];

fn attention_flops((rows, len, head_dim): (usize, usize, usize), products: usize) -> ItemsCount {
    ItemsCount::new(products * 2 * rows * 12 * len * len * head_dim)
}

#[divan::bench(args = ATTENTION)]
fn attention_forward(bencher: Bencher<'_, '_>, case: (usize, usize, usize)) {
    let cpu = cpu();
    let (rows, len, head_dim) = case;
    let row_starts: Vec<usize> = (0..=rows).map(|row| row * len).collect();
    let shape = AttentionShape {
        row_starts: &row_starts,
        n_heads: 12,
        head_dim,
        queries: Queries::All,
    };
    let qkv = numbers(&cpu, Precision::F32, 1, rows * len * 36 * head_dim);
    let mut out = numbers(&cpu, Precision::F32, 2, rows * len * 12 * head_dim);
    bencher
        .counter(attention_flops(case, 2))
        .bench_local(|| attention(&cpu, shape, qkv.view(), None, out.view_mut(), None));
}

#[divan::bench(args = ATTENTION)]
fn attention_gradient(bencher: Bencher<'_, '_>, case: (usize, usize, usize)) {
    let cpu = cpu();
    let (rows, len, head_dim) = case;
    let row_starts: Vec<usize> = (0..=rows).map(|row| row * len).collect();
    let shape = AttentionShape {
        row_starts: &row_starts,
        n_heads: 12,
        head_dim,
        queries: Queries::All,
    };
    let qkv = numbers(&cpu, Precision::F32, 1, rows * len * 36 * head_dim);
    let mut out = vec![0.0; rows * len * 12 * head_dim];
    let mut log_sum_exp = vec![0.0; rows * len * 12];
    attention(
        &cpu,
        shape,
        qkv.view(),
        None,
        NumbersMut::F32(&mut out),
        Some(&mut log_sum_exp),
    );
    let mut d_qkv = qkv.clone();
    let dropout = Some(Dropout { share: 0.1, key: 1 });
    bencher.counter(attention_flops(case, 5)).bench_local(|| {
        let (x, d_x) = (qkv.view(), d_qkv.view_mut());
        attention_backward(&cpu, shape, x, &log_sum_exp, &out, dropout, d_x);
    });
}

/// Tokens of the elementwise benches.
const TOKENS: usize = 1024;

#[divan::bench(args = [Activation::Gelu, Activation::GeluTanh, Activation::Relu, Activation::Silu, Activation::Tanh])]
fn activation_forward(bencher: Bencher<'_, '_>, function: Activation) {
    let cpu = cpu();
    let x = values(1, TOKENS * 3072);
    let mut out = vec![0.0; x.len()];
    let count = ItemsCount::new(x.len());
    bencher
        .counter(count)
        .bench_local(|| activation(&cpu, function, &x, &mut out));
}

#[divan::bench(args = [Activation::Gelu, Activation::GeluTanh])]
fn activation_gradient(bencher: Bencher<'_, '_>, function: Activation) {
    let cpu = cpu();
    let x = values(1, TOKENS * 3072);
    let mut d_x = vec![0.0; x.len()];
    let count = ItemsCount::new(x.len());
    bencher
        .counter(count)
        .bench_local(|| activation_backward(&cpu, function, &x, &x, &mut d_x));
}

#[divan::bench(args = [384, 768])]
fn layer_norm_forward(bencher: Bencher<'_, '_>, width: usize) {
    let cpu = cpu();
    let (x, parameters) = (values(1, TOKENS * width), values(2, width));
    let norm = LayerNorm {
        weight: &parameters,
        bias: &parameters,
        epsilon: 1e-12,
    };
    let mut out = vec![0.0; x.len()];
    let count = ItemsCount::new(x.len());
    bencher
        .counter(count)
        .bench_local(|| layer_norm(&cpu, &x, norm, &mut out, None, None));
}

#[divan::bench(args = [384, 768])]
fn layer_norm_gradient(bencher: Bencher<'_, '_>, width: usize) {
    let cpu = cpu();
    let (x, weight) = (values(1, TOKENS * width), values(2, width));
    let norm = LayerNorm {
        weight: &weight,
        bias: &weight,
        epsilon: 1e-12,
    };
    let (mut d_x, mut normal) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    let mut inverse = vec![0.0; TOKENS];
    let kept = KeptNorm {
        normal: NumbersMut::F32(&mut normal),
        inverse: &mut inverse,
    };
    layer_norm(&cpu, &x, norm, &mut d_x, None, Some(kept));
    let (mut d_weight, mut d_bias) = (vec![0.0; width], vec![0.0; width]);
    let from = NormGradient {
        normal: NumbersRef::F32(&normal),
        inverse: &inverse,
        weight: &weight,
        d_out: &x,
    };
    let count = ItemsCount::new(x.len());
    bencher.counter(count).bench_local(|| {
        layer_norm_backward(&cpu, from, &mut d_x, None, &mut d_weight, &mut d_bias);
    });
}

#[divan::bench(args = [TOKENS * 384, TOKENS * 3072])]
fn dropout_apply(bencher: Bencher<'_, '_>, len: usize) {
    let cpu = cpu();
    let mut x = vec![1.0; len];
    let dropout = Some(Dropout { share: 0.1, key: 1 });
    bencher
        .counter(ItemsCount::new(len))
        .bench_local(|| dropout::apply(&cpu, dropout, 384, &mut x));
}

#[divan::bench(args = [10_000_000])]
fn adamw_step(bencher: Bencher<'_, '_>, len: usize) {
    let cpu = cpu();
    let settings = AdamW {
        learning_rate: 1e-5,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.01,
        step: 10,
        gradient_scale: 1.0,
    };
    // The first step uses the gradients up; zeros take as long.
    let [mut x, mut g, mut m, mut v] = [0.1, 0.1, 0.0, 0.0].map(|value| vec![value; len]);
    bencher
        .counter(ItemsCount::new(len))
        .bench_local(|| adamw(&cpu, &settings, &mut x, &mut g, &mut m, &mut v));
}

#[divan::bench(args = [10_000_000])]
fn norm(bencher: Bencher<'_, '_>, len: usize) {
    let cpu = cpu();
    let x = vec![0.1; len];
    bencher
        .counter(ItemsCount::new(len))
        .bench_local(|| sum_of_squares(&cpu, &x));
}
