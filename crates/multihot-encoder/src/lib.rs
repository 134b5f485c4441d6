//! BERT-family encoders with a multi-label head: forward, backward, optimizer step.
//!
//! An [`Encoder`] is a whole model: it is loaded from a Hugging Face folder, turns a [`TokenBatch`]
//! into logits, and learns. There is no tensor type underneath. A batch is packed: the tokens of
//! all rows stand one after the other and no pad token is ever added, so that a row's logits are the
//! same bits alone and in any batch.
//!
//! Start reading in `encoder.rs`; then `embeddings.rs`, `layer.rs` and `head.rs` in the order in
//! which a token passes them. What the families differ in stands as data in `family.rs`, and all
//! parameters lie in the flat buffers of `buffers.rs`, in the order of `parameters.rs`.
#![forbid(unsafe_code)]

mod batch;
mod buffers;
mod embeddings;
mod encoder;
mod error;
mod family;
mod head;
mod layer;
mod linear;
mod load;
mod norm;
mod optimizer;
mod parameters;
mod pass;
mod word_rows;

pub use batch::TokenBatch;
pub use encoder::{Encoder, Freeze};
pub use error::EncoderError;
pub use load::LoadReport;
pub use optimizer::StepPlan;
pub use pass::{DropoutSeed, Purpose};
