//! Arithmetic of BERT-type encoders on slices of `f32` and bf16, with instructions chosen at run time.
//!
//! Every operation is a function of a [`Cpu`] (instruction set and threads) and row-major
//! slices. Its file has the plain version, which is the meaning, then the fast one over vectors,
//! then the tests that compare the two; a gradient stands beside its operation and starts with `d_`.
//!
//! Start with [`linear()`]: where the time goes. It and [`attention()`] multiply with the
//! blocked product of `multiply.rs`; all others are written over the `Lanes` of `lanes.rs`. What a
//! product reads is [`Numbers`]: `f32` or bf16, as the [`Precision`] of its weights has it. Sums, and
//! all that is not a factor of a product, are `f32`.
//!
//! What holds for all of them: a row's result is the same to the bit alone, in any batch and with
//! any number of threads. Two instruction sets may differ by rounding. The only panics are
//! slices whose lengths or number types contradict each other.

mod activation;
mod adamw;
mod adamw_rows;
mod add;
mod aligned;
mod arithmetic;
mod attention;
mod breakdown;
mod cpu;
pub mod dropout;
pub mod embedding;
mod grid;
mod huge_pages;
mod isa;
mod lanes;
mod layer_norm;
mod linear;
mod multiply;
mod numbers;
mod peak;
mod pool;
pub mod random;
mod sum_of_squares;

pub use activation::{Activation, activation, activation_backward};
pub use adamw::{AdamW, AdamWFactors, adamw};
pub use adamw_rows::{AdamWTable, RowBehind, adamw_catch_up, adamw_rows};
pub use attention::{AttentionShape, Queries, attention, attention_backward};
pub use breakdown::{Breakdown, Recording, Work};
pub use cpu::Cpu;
pub use dropout::Dropout;
pub use huge_pages::use_huge_pages;
pub use isa::{ISA_VARIABLE, Isa, IsaError, Level};
pub use layer_norm::{KeptNorm, LayerNorm, NormGradient, layer_norm, layer_norm_backward};
pub use linear::{Finish, PackedWeights, linear, linear_d_input, linear_d_weights};
pub use numbers::{Numbers, NumbersMut, NumbersRef, Precision, round};
pub use peak::peak;
pub use pool::Pool;
pub use sum_of_squares::{sum_of_squares, sum_of_squares_of_rows};

/// How many values one task of an elementwise operation takes: 64 KiB, some microseconds of work.
const CHUNK: usize = 16 * 1024;
