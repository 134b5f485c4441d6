//! Whole encoders, against PyTorch, against `f64`, and against themselves.

mod gradients;
mod invariance;
mod loading;
mod parity;
mod precision;
mod reference;
mod tiny;
mod training;
mod waiting_rows;
