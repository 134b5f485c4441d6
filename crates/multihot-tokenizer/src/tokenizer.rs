//! The tokenizer of a folder.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use tokenizers::AddedToken;
use tokenizers::models::ModelWrapper;
use tokenizers::tokenizer::Encoding;

use crate::files::{invalid, read_object, sentence_piece_model, tokenizer_files};
use crate::fit::{Fit, LongText, Text, Truncation, longest_first, window_starts};
use crate::frame::Frame;
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

/// A text as rows of token ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// At least one, in the order of the text; more than one only with [`LongText::Windows`].
    pub windows: Vec<Window>,
    /// How many ids the whole text has, of a pair both, with the special tokens of one row.
    pub full_length: usize,
    /// Whether tokens were left out.
    pub is_cut: bool,
}

impl Encoded {
    /// Ids of all windows together.
    pub fn tokens(&self) -> usize {
        self.windows.iter().map(|window| window.ids.len()).sum()
    }
}

/// A row: a whole text, or the part of it that one window shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The ids, special tokens included, at most `max_length` of them.
    pub ids: Vec<u32>,
    /// The type of each token, of a pair 0 or 1; empty where all are 0.
    pub types: Vec<u8>,
    /// The bytes of the text, of a pair the first, from the first token to the last. Of a text that is cut, all of it.
    pub bytes: Range<usize>,
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
    /// Round a text alone.
    single: Frame,
    /// Round the texts of a pair, where the files say so.
    double: Option<Frame>,
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
        let mut single = Frame::of_one(&tokenizer, &source)?;
        let mut double = Frame::of_two(&tokenizer, &source)?;
        if !gives_types(&config, layout) {
            single = single.without_types();
            double = double.map(Frame::without_types);
        }
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
            single,
            double,
        })
    }

    /// Encodes `text`, or a pair, with the special tokens round it, in rows as `fit` says.
    ///
    /// Where a pair is longer than a row, the longer of its texts is cut first. With windows it is the first text that
    /// becomes windows, where it would have been cut, and the second one, cut on the right to what is left to it,
    /// stands in each of them.
    ///
    /// # Errors
    ///
    /// When a row has no room for the special tokens, and with windows for a token of each text; when an id (of what is
    /// kept) lies outside the embedding; when the files do not say how a pair is encoded.
    pub fn encode<'a>(
        &self,
        text: impl Into<Text<'a>>,
        fit: Fit,
    ) -> Result<Encoded, TokenizerError> {
        let Text { text, pair } = text.into();
        let frame = self.frame(pair.is_some())?;
        let room = room(frame, pair.is_some(), fit)?;
        let has_windows = matches!(fit.long, LongText::Windows { .. });
        let first = self.pieces(text, has_windows)?;
        let second = pair.map(|pair| self.pieces(pair, false)).transpose()?;
        let first_ids = first.get_ids();
        let second_ids = second.as_ref().map_or(&[][..], Encoding::get_ids);
        let (first_room, second_room) = longest_first(room, first_ids.len(), second_ids.len());
        let windows: Vec<Window> = match fit.long {
            LongText::Cut(side) => {
                let first = side.kept(first_ids, first_room);
                let second = side.kept(second_ids, second_room);
                vec![self.window(frame, first, second, 0..text.len())?]
            }
            LongText::Windows { stride } => {
                let second = Truncation::Right.kept(second_ids, second_room);
                let starts = window_starts(first_ids.len(), first_room, stride);
                let windows = starts.map(|start| {
                    let end = first_ids.len().min(start + first_room);
                    let bytes = bytes(&first.get_offsets()[start..end]);
                    self.window(frame, [&first_ids[start..end], &[]], second, bytes)
                });
                windows.collect::<Result<_, _>>()?
            }
        };
        let first_is_cut = !has_windows && first_room < first_ids.len();
        Ok(Encoded {
            windows,
            full_length: first_ids.len() + second_ids.len() + frame.n_special(),
            is_cut: first_is_cut || second_room < second_ids.len(),
        })
    }

    /// The tokens of `text` alone, where asked with the bytes that each stands for.
    fn pieces(&self, text: &str, with_offsets: bool) -> Result<Encoding, TokenizerError> {
        let encode = || match with_offsets {
            true => self.inner.encode(text, false),
            false => self.inner.encode_fast(text, false),
        };
        guarded(encode).map_err(|reason| TokenizerError::Encode {
            file: self.source.clone(),
            bytes: text.len(),
            reason,
        })
    }

    fn window(
        &self,
        frame: &Frame,
        first: [&[u32]; 2],
        second: [&[u32]; 2],
        bytes: Range<usize>,
    ) -> Result<Window, TokenizerError> {
        let (ids, types) = frame.row(first, second);
        self.check_ids(&ids)?;
        Ok(Window { ids, types, bytes })
    }

    fn frame(&self, is_pair: bool) -> Result<&Frame, TokenizerError> {
        let double = || {
            self.double.as_ref().ok_or_else(|| TokenizerError::NoPairs {
                file: self.source.clone(),
            })
        };
        if is_pair { double() } else { Ok(&self.single) }
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

    /// Special tokens of every row, with one text or with the two of a pair.
    ///
    /// # Errors
    ///
    /// When the files do not say how a pair is encoded.
    pub fn n_special(&self, is_pair: bool) -> Result<usize, TokenizerError> {
        Ok(self.frame(is_pair)?.n_special())
    }
}

/// How many tokens of the text, or of the texts of a pair, a row has room for.
fn room(frame: &Frame, is_pair: bool, fit: Fit) -> Result<usize, TokenizerError> {
    let n_special = frame.n_special();
    let least = match fit.long {
        LongText::Cut(_) => 0,
        LongText::Windows { .. } => 1 + usize::from(is_pair),
    };
    fit.max_length
        .checked_sub(n_special)
        .filter(|room| *room >= least)
        .ok_or(TokenizerError::MaxLengthTooSmall {
            max_length: fit.max_length,
            n_special,
        })
}

/// From the first of the tokens to the last.
fn bytes(offsets: &[(usize, usize)]) -> Range<usize> {
    match offsets {
        [] => 0..0,
        [first, ..] => first.0..offsets[offsets.len() - 1].1.max(first.0),
    }
}

/// Whether the encoder is given the types of tokens: as `model_input_names` of tokenizer_config.json says, else as the
/// tokenizer classes of Transformers do it.
fn gives_types(config: &Map<String, Value>, layout: Option<Layout>) -> bool {
    match config.get("model_input_names").and_then(Value::as_array) {
        Some(names) => names.iter().any(|name| name == "token_type_ids"),
        None => !matches!(
            layout,
            Some(Layout::Roberta | Layout::Camembert | Layout::XlmRoberta)
        ),
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
