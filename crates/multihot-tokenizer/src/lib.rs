//! The tokenizers that BERT-family folders come with: from a text to token ids.
//!
//! Start at [`Tokenizer`] (`tokenizer.rs`). It reads a tokenizer.json as it stands (`tokenizer_json.rs`), or builds the
//! same thing out of the older files: vocab.txt (`word_piece.rs`), vocab.json and merges.txt (`byte_level.rs`), or a
//! SentencePiece model (`sentence_piece.rs`). The special tokens of the older files come from `special_tokens.rs`, the
//! lines about odd things from `notes.rs`. What is put round a text, or round two, is in `frame.rs`; what becomes of a text
//! that is longer than a row, in `fit.rs`.
//!
//! Nothing is padded, and nothing is truncated but by the caller's [`Fit`].

#![forbid(unsafe_code)]

mod byte_level;
mod char_map;
mod error;
mod files;
mod fit;
mod frame;
mod layout;
mod notes;
mod sentence_piece;
mod special_tokens;
mod tokenizer;
mod tokenizer_json;
mod word_piece;

pub use error::TokenizerError;
pub use fit::{Fit, LongText, Text, Truncation};
pub use tokenizer::{Encoded, FolderFacts, Tokenizer, Window};
