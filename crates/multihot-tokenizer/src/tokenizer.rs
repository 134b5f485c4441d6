//! The tokenizer of a folder.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use tokenizers::AddedToken;
use tokenizers::models::ModelWrapper;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::tokenizer::{Encoding, Token};

use crate::files::{invalid, read_object, sentence_piece_model, tokenizer_files};
use crate::layout::Layout;
use crate::notes::Findings;
use crate::special_tokens::SpecialTokens;
use crate::{TokenizerError, byte_level, sentence_piece, tokenizer_json, word_piece};

/// What config.json says that a tokenizer is checked against.
#[derive(Clone, Debug)]
pub struct FolderFacts {
    /// The model_type.
    pub model_type: String,
    /// Rows of the word embedding.
    pub vocab_size: usize,
    /// The id that positions are counted from in the RoBERTa family.
    pub pad_token_id: u32,
}

/// A text as token ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The ids, special tokens included, at most `max_length` of them.
    pub ids: Vec<u32>,
    /// How many ids the whole text has, special tokens included.
    pub full_length: usize,
}

/// Turns texts into the token ids that the encoder of the same folder was trained on.
///
/// A special token written in a text (`</s>`, `[SEP]`) is recognised as that token, as Transformers does.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    source: PathBuf,
    files: Vec<PathBuf>,
    notes: Vec<String>,
    vocab_size: usize,
    /// Special ids before and after the ids of every text.
    prefix: Vec<u32>,
    suffix: Vec<u32>,
}

/// What each kind of tokenizer file gives.
pub(crate) struct Built {
    pub(crate) tokenizer: tokenizers::Tokenizer,
    pub(crate) notes: Vec<String>,
    /// Empty where the files do not name it.
    pub(crate) pad_token: String,
}

impl Tokenizer {
    /// Reads the tokenizer of the folder `path`.
    ///
    /// A tokenizer.json comes first; else the files that go with the family of `facts`, or with the `tokenizer_class`
    /// of tokenizer_config.json where it names one.
    ///
    /// # Errors
    ///
    /// When no tokenizer is there, or its files are not what they should be.
    pub fn from_folder(path: &Path, facts: &FolderFacts) -> Result<Self, TokenizerError> {
        let config = read_object(&path.join("tokenizer_config.json"))?;
        let layout = Layout::of(&config, &facts.model_type);
        let source = choose(path, layout).ok_or_else(|| TokenizerError::NotFound {
            folder: path.to_owned(),
            model_type: facts.model_type.clone(),
        })?;
        let Built {
            tokenizer,
            mut notes,
            pad_token,
        } = build(&source, path, &config, layout, facts)?;
        let pad_token = pad_token_name(path, &config, pad_token, &tokenizer)?;
        let (prefix, suffix) = frame(&tokenizer, &source)?;
        let (folder, pad_token) = (path, pad_token.as_str());
        let findings = Findings {
            folder,
            facts,
            config: &config,
            layout,
            source: &source,
            tokenizer: &tokenizer,
            pad_token,
        };
        notes.extend(findings.notes()?);
        let (files, vocab_size) = (tokenizer_files(path), facts.vocab_size);
        Ok(Self {
            inner: tokenizer,
            source,
            files,
            notes,
            vocab_size,
            prefix,
            suffix,
        })
    }

    /// Encodes `text` with the special tokens round it, cut on the right to `max_length` ids.
    ///
    /// # Errors
    ///
    /// When `max_length` has no room for the special tokens, or an id (of the part kept) lies outside the embedding.
    pub fn encode(&self, text: &str, max_length: usize) -> Result<Encoded, TokenizerError> {
        let n_special = self.n_special();
        let room = max_length
            .checked_sub(n_special)
            .ok_or(TokenizerError::MaxLengthTooSmall {
                max_length,
                n_special,
            })?;
        let encoding = guarded(|| self.inner.encode_fast(text, false)).map_err(|reason| {
            TokenizerError::Encode {
                file: self.source.clone(),
                bytes: text.len(),
                reason,
            }
        })?;
        let of_text = encoding.get_ids();
        let kept = &of_text[..of_text.len().min(room)];
        let ids = [&self.prefix, kept, &self.suffix].concat();
        self.check_ids(&ids)?;
        Ok(Encoded {
            ids,
            full_length: of_text.len() + n_special,
        })
    }

    fn check_ids(&self, ids: &[u32]) -> Result<(), TokenizerError> {
        let Some(&id) = ids.iter().find(|id| **id as usize >= self.vocab_size) else {
            return Ok(());
        };
        let token = self.inner.id_to_token(id).unwrap_or_default();
        Err(TokenizerError::IdPastEmbedding {
            token,
            id,
            vocab_size: self.vocab_size,
        })
    }

    /// Odd things about the files that are worth a line.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The file that the tokenizer was made from.
    pub fn source(&self) -> &Path {
        &self.source
    }

    /// The tokenizer's files, to be copied beside a trained model as they are.
    pub fn files(&self) -> Vec<PathBuf> {
        self.files.clone()
    }

    /// The id that stands for what the vocabulary does not have; `None` where it has everything,
    /// byte by byte if need be.
    pub fn unknown_id(&self) -> Option<u32> {
        match self.inner.get_model() {
            ModelWrapper::WordPiece(model) => self.inner.token_to_id(&model.unk_token),
            ModelWrapper::WordLevel(model) => self.inner.token_to_id(&model.unk_token),
            ModelWrapper::BPE(model) => {
                let token = model.unk_token.as_ref()?;
                self.inner.token_to_id(token)
            }
            // Both layouts of SentencePiece call it so; the library does not show which id it takes.
            ModelWrapper::Unigram(_) => self.inner.token_to_id("<unk>"),
        }
    }

    /// Special tokens that every row has.
    pub fn n_special(&self) -> usize {
        self.prefix.len() + self.suffix.len()
    }
}

/// The file to start from: tokenizer.json, the files of the layout, then those of another one.
fn choose(folder: &Path, layout: Option<Layout>) -> Option<PathBuf> {
    let file = |name: &str| Some(folder.join(name)).filter(|file| file.is_file());
    let words = || file("vocab.txt");
    let bytes = || file("vocab.json").filter(|_| folder.join("merges.txt").is_file());
    let pieces = || sentence_piece_model(folder);
    let older = match layout {
        Some(Layout::Roberta) => bytes().or_else(words).or_else(pieces),
        Some(Layout::Camembert | Layout::XlmRoberta) => pieces().or_else(bytes).or_else(words),
        _ => words().or_else(bytes).or_else(pieces),
    };
    file("tokenizer.json").or(older)
}

fn build(
    source: &Path,
    folder: &Path,
    config: &Map<String, Value>,
    layout: Option<Layout>,
    facts: &FolderFacts,
) -> Result<Built, TokenizerError> {
    match source.file_name().and_then(|name| name.to_str()) {
        Some("tokenizer.json") => tokenizer_json::build(source),
        Some("vocab.txt") => word_piece::build(source, folder, config),
        Some("vocab.json") => byte_level::build(source, folder, config),
        _ => match layout {
            Some(layout @ (Layout::Camembert | Layout::XlmRoberta)) => {
                sentence_piece::build(source, folder, config, layout)
            }
            _ => Err(TokenizerError::UnknownOffsets {
                file: source.to_owned(),
                model_type: facts.model_type.clone(),
            }),
        },
    }
}

/// Runs a part of the tokenizers library on data from outside.
///
/// It trusts some of that data: a regular expression that backtracks too long, or a merge shorter than its own prefix,
/// panics there. Here that is an error like any other.
pub(crate) fn guarded<T>(work: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err("the tokenizers library panicked".to_owned()),
    }
}

/// The pad token by the small files, by tokenizer.json's padding, or by custom.
fn pad_token_name(
    folder: &Path,
    config: &Map<String, Value>,
    built: String,
    tokenizer: &tokenizers::Tokenizer,
) -> Result<String, TokenizerError> {
    let map = read_object(&folder.join("special_tokens_map.json"))?;
    let said = [&map, config].into_iter().find_map(|object| {
        let value = object.get("pad_token")?;
        value.as_str().or_else(|| value["content"].as_str())
    });
    let custom = || {
        ["<pad>", "[PAD]"]
            .into_iter()
            .find(|token| tokenizer.token_to_id(token).is_some())
    };
    let built = (!built.is_empty()).then_some(built);
    Ok(built
        .or_else(|| said.or_else(custom).map(str::to_owned))
        .unwrap_or_default())
}

/// Registers the special tokens and says where their ids are not those that a file gives them.
pub(crate) fn add_tokens(
    tokenizer: &mut tokenizers::Tokenizer,
    special: &SpecialTokens,
    pieces: Option<Vec<AddedToken>>,
    file: &Path,
) -> Result<Vec<String>, TokenizerError> {
    tokenizer
        .add_tokens(special.to_add(pieces))
        .map_err(|error| invalid(file, error))?;
    let notes = special.numbered.iter().filter_map(|(id, token)| {
        let found = tokenizer.token_to_id(&token.content)?;
        (found != *id).then(|| {
            format!(
                "added token `{}` is said to have id {id}; its place in the vocabulary gives it {found}, as in \
                 Transformers",
                token.content
            )
        })
    });
    Ok(notes.collect())
}

/// Puts the special tokens `start` and `end` round every text.
pub(crate) fn framed_by(
    tokenizer: &mut tokenizers::Tokenizer,
    start: &str,
    end: &str,
    file: &Path,
) -> Result<(), TokenizerError> {
    let with_id = |token: &str| match tokenizer.token_to_id(token) {
        Some(id) => Ok((token.to_owned(), id)),
        None => Err(invalid(
            file,
            format!("the special token `{token}` is not in it"),
        )),
    };
    let special = vec![with_id(start)?, with_id(end)?];
    let template = TemplateProcessing::builder()
        .try_single(vec![start.to_owned(), "$A".to_owned(), end.to_owned()])
        .map_err(|error| invalid(file, error))?
        .special_tokens(special)
        .build()
        .map_err(|error| invalid(file, error))?;
    tokenizer.with_post_processor(Some(template));
    Ok(())
}

/// The special ids that the post-processor puts before and after a text.
fn frame(
    tokenizer: &tokenizers::Tokenizer,
    file: &Path,
) -> Result<(Vec<u32>, Vec<u32>), TokenizerError> {
    // No token has this id: a vocabulary of 2^32 entries does not fit into a file that anybody reads.
    const TEXT: u32 = u32::MAX;
    let framed = |special: bool| {
        let probe = Encoding::from_tokens(vec![Token::new(TEXT, "a".to_owned(), (0, 1))], 0);
        let encoding = tokenizer
            .post_process(probe, None, special)
            .map_err(|error| invalid(file, error))?;
        Ok(encoding.get_ids().to_vec())
    };
    let (bare, whole): (Vec<u32>, Vec<u32>) = (framed(false)?, framed(true)?);
    let mut parts = whole.split(|id| *id == TEXT);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(prefix), Some(suffix), None) if bare == [TEXT] => {
            Ok((prefix.to_vec(), suffix.to_vec()))
        }
        _ => Err(invalid(
            file,
            "its post_processor does more than put special tokens before and after a text",
        )),
    }
}
