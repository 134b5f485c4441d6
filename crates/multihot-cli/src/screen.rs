//! What a person sees on standard error while a command runs.

pub mod progress;
