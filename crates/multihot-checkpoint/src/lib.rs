//! Hugging Face model folders, in and out.
//!
//! Everything here comes from outside and is checked before it is used: sizes have limits,
//! arithmetic is checked, and a file that lies is an error with the file's name in it, never a
//! panic. A `pytorch_model.bin` is read by a pickle reader that can only build tensors.
//!
//! Start reading at [`ModelFolder`], which finds the files; [`ModelConfig`] is what config.json
//! says, [`Weights`] what the weight files hold, [`names`] one table of where each family keeps
//! its parameters, and [`save`] the way back out.
#![deny(unsafe_code)]

mod config;
mod error;
mod family;
mod folder;
pub mod names;
mod pickle;
mod safetensors;
pub mod save;
mod torch;
mod weights;

pub use config::{Activation, ModelConfig, ProblemType};
pub use error::{CheckpointError, TorchError};
pub use family::{Family, UnknownFamily};
pub use folder::ModelFolder;
pub use names::{LayerRole, ParameterSpec, Pooling, Role, parameters};
pub use save::NewFolder;
pub use weights::{DType, Tensor, Weights};
