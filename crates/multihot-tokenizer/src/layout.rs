//! Which tokenizer a folder means, in the way Transformers decides it.

use serde_json::{Map, Value};

/// The four kinds of tokenizer that the supported families come with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Bert,
    Roberta,
    Camembert,
    XlmRoberta,
}

impl Layout {
    /// `tokenizer_class` of tokenizer_config.json where it names a class, else the model_type.
    pub(crate) fn of(config: &Map<String, Value>, model_type: &str) -> Option<Self> {
        let class = config
            .get("tokenizer_class")
            .and_then(Value::as_str)
            .unwrap_or_default();
        match class.trim_end_matches("Fast") {
            "BertTokenizer" | "DistilBertTokenizer" | "ElectraTokenizer" => Some(Self::Bert),
            "RobertaTokenizer" => Some(Self::Roberta),
            "CamembertTokenizer" => Some(Self::Camembert),
            "XLMRobertaTokenizer" => Some(Self::XlmRoberta),
            _ => match model_type {
                "bert" | "distilbert" | "electra" => Some(Self::Bert),
                "roberta" => Some(Self::Roberta),
                "camembert" => Some(Self::Camembert),
                "xlm-roberta" => Some(Self::XlmRoberta),
                _ => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_counts_before_the_model_type() {
        let cases = [
            ("", "bert", Some(Layout::Bert)),
            ("XLMRobertaTokenizerFast", "bert", Some(Layout::XlmRoberta)),
            ("CamembertTokenizer", "roberta", Some(Layout::Camembert)),
            ("PreTrainedTokenizerFast", "electra", Some(Layout::Bert)),
            ("", "gpt2", None),
        ];
        for (class, model_type, expected) in cases {
            let config = Map::from_iter([("tokenizer_class".to_owned(), Value::from(class))]);
            assert_eq!(
                Layout::of(&config, model_type),
                expected,
                "`{class}`, `{model_type}`"
            );
        }
    }
}
