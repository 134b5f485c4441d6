//! The six families and the names Hugging Face gives them.

use std::fmt;

/// A family of encoders, as `model_type` in config.json names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// `bert`
    Bert,
    /// `roberta`
    Roberta,
    /// `camembert`
    Camembert,
    /// `xlm-roberta`
    XlmRoberta,
    /// `distilbert`
    DistilBert,
    /// `electra`
    Electra,
}

/// A `model_type` that is none of the six.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no family that is read; these are: {}", Family::list())]
pub struct UnknownFamily {
    /// What was asked for.
    pub found: String,
}

impl Family {
    /// All six.
    pub const ALL: [Self; 6] = [
        Self::Bert,
        Self::Roberta,
        Self::Camembert,
        Self::XlmRoberta,
        Self::DistilBert,
        Self::Electra,
    ];

    /// The word in config.json.
    pub fn model_type(self) -> &'static str {
        match self {
            Self::Bert => "bert",
            Self::Roberta => "roberta",
            Self::Camembert => "camembert",
            Self::XlmRoberta => "xlm-roberta",
            Self::DistilBert => "distilbert",
            Self::Electra => "electra",
        }
    }

    /// What stands before the encoder's parameter names in a model with a head.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Bert => "bert",
            // Transformers calls the encoder `roberta` inside all three.
            Self::Roberta | Self::Camembert | Self::XlmRoberta => "roberta",
            Self::DistilBert => "distilbert",
            Self::Electra => "electra",
        }
    }

    /// The class of the model with a sequence classification head.
    pub fn architecture(self) -> &'static str {
        match self {
            Self::Bert => "BertForSequenceClassification",
            Self::Roberta => "RobertaForSequenceClassification",
            Self::Camembert => "CamembertForSequenceClassification",
            Self::XlmRoberta => "XLMRobertaForSequenceClassification",
            Self::DistilBert => "DistilBertForSequenceClassification",
            Self::Electra => "ElectraForSequenceClassification",
        }
    }

    /// The class of the bare encoder.
    pub fn encoder_architecture(self) -> &'static str {
        match self {
            Self::Bert => "BertModel",
            Self::Roberta => "RobertaModel",
            Self::Camembert => "CamembertModel",
            Self::XlmRoberta => "XLMRobertaModel",
            Self::DistilBert => "DistilBertModel",
            Self::Electra => "ElectraModel",
        }
    }

    /// Whether positions start after the padding id: RoBERTa, CamemBERT and XLM-R.
    pub fn is_roberta_like(self) -> bool {
        matches!(self, Self::Roberta | Self::Camembert | Self::XlmRoberta)
    }

    /// The six words, for messages.
    pub fn list() -> String {
        Self::ALL
            .map(|family| format!("`{}`", family.model_type()))
            .join(", ")
    }
}

impl fmt::Display for Family {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.model_type())
    }
}

impl std::str::FromStr for Family {
    type Err = UnknownFamily;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|family| family.model_type() == word)
            .ok_or_else(|| UnknownFamily {
                found: word.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_is_found_by_its_own_word() {
        for family in Family::ALL {
            assert_eq!(family.model_type().parse(), Ok(family));
        }
    }

    #[test]
    fn an_unknown_word_comes_with_the_six() {
        let error = "deberta".parse::<Family>().unwrap_err().to_string();
        assert!(
            error.contains("`deberta`") && error.contains("`camembert`"),
            "{error}"
        );
    }
}
