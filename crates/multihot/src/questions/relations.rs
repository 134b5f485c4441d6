//! What a person says about labels that belong together, and whether it can be so.

use std::fmt;
use std::str::FromStr;

use multihot_table::nearest;
use serde::{Deserialize, Serialize};

use super::{ExclusiveGroup, Implication, Questions};

/// Relations between labels, by name, as they stand in config.json.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Relations {
    /// Labels that exclude each other.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclusive: Vec<Exclusive>,
    /// Labels that imply others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub implies: Vec<Implies>,
}

/// Labels of which exactly one holds, or at most one. Its text form is that of `--exclusive`:
/// `topic=sports,politics`, or `topic?=sports,politics`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exclusive {
    /// What the group is called.
    pub name: String,
    /// Its labels, at least two.
    pub labels: Vec<String>,
    /// Whether none of them may hold.
    #[serde(default)]
    pub at_most_one: bool,
}

/// A label that holds only where another one does. Its text form is that of `--implies`:
/// `football:sports`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Implies {
    /// The label.
    pub cause: String,
    /// The other one.
    pub consequence: String,
}

/// A text that is no relation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownRelation {
    /// No group.
    #[error(
        "`{0}` is no exclusive group; expected a name and its labels, `topic=sports,politics`, or \
         `topic?=sports,politics` where none of them may hold"
    )]
    Exclusive(String),
    /// No implication.
    #[error("`{0}` is no implication; expected two labels, `football:sports`")]
    Implies(String),
}

impl FromStr for Exclusive {
    type Err = UnknownRelation;

    fn from_str(text: &str) -> Result<Self, UnknownRelation> {
        let fail = || UnknownRelation::Exclusive(text.to_owned());
        let (name, labels) = text.split_once('=').ok_or_else(fail)?;
        let (name, at_most_one) = match name.strip_suffix('?') {
            Some(name) => (name, true),
            None => (name, false),
        };
        let labels: Vec<String> = labels.split(',').map(|label| label.trim().into()).collect();
        if name.trim().is_empty() || labels.iter().any(String::is_empty) {
            return Err(fail());
        }
        Ok(Self {
            name: name.trim().into(),
            labels,
            at_most_one,
        })
    }
}

impl FromStr for Implies {
    type Err = UnknownRelation;

    fn from_str(text: &str) -> Result<Self, UnknownRelation> {
        let parts: Vec<&str> = text.split(':').map(str::trim).collect();
        match parts[..] {
            [cause, consequence] if !cause.is_empty() && !consequence.is_empty() => Ok(Self {
                cause: cause.into(),
                consequence: consequence.into(),
            }),
            _ => Err(UnknownRelation::Implies(text.to_owned())),
        }
    }
}

impl fmt::Display for Exclusive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.at_most_one { "?" } else { "" };
        write!(f, "{}{mark}={}", self.name, self.labels.join(","))
    }
}

impl fmt::Display for Implies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.cause, self.consequence)
    }
}

/// Relations that cannot be, or not together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RelationsError {
    /// A label that is not there.
    #[error("`{option} {given}`: there is no label `{label}`; labels are {}", known.join(", "))]
    UnknownLabel {
        /// The option that names it.
        option: &'static str,
        /// What it was given.
        given: String,
        /// The label.
        label: String,
        /// The labels that are there.
        known: Vec<String>,
    },
    /// A group of one label.
    #[error("`--exclusive {0}`: a group has at least two labels")]
    TooFew(String),
    /// Two groups of one name.
    #[error("`--exclusive` has two groups that are called `{0}`")]
    NamedTwice(String),
    /// A label in two groups, or twice in one.
    #[error("`--exclusive`: label `{label}` is in {}", both(a, b))]
    InTwo {
        /// The label.
        label: String,
        /// A group that it is in.
        a: String,
        /// Another one, or the same.
        b: String,
    },
    /// Labels that imply each other in a circle.
    #[error("`--implies` goes in a circle: {}", .0.join(", which implies "))]
    Circle(Vec<String>),
    /// A label that implies two that exclude each other, or one that excludes itself.
    #[error(
        "`--implies`: `{label}` can never hold, as with it would hold {} of the exclusive group \
         `{group}`", members.join(" and ")
    )]
    Impossible {
        /// The label.
        label: String,
        /// What would hold with it.
        members: Vec<String>,
        /// The group they are in.
        group: String,
    },
    /// A label of an exactly-one group that implies one of another group.
    #[error(
        "`--implies`: `{cause}` of the group `{group}` implies `{consequence}`, which is in the \
         exclusive group `{other}`"
    )]
    BetweenGroups {
        /// The label.
        cause: String,
        /// Its group.
        group: String,
        /// What it implies.
        consequence: String,
        /// The group that is in.
        other: String,
    },
}

fn both(a: &str, b: &str) -> String {
    if a == b {
        format!("the group `{a}` twice")
    } else {
        format!("the groups `{a}` and `{b}`")
    }
}

impl RelationsError {
    /// What the user may do about it, in one sentence.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownLabel { label, known, .. } => {
                nearest(label, known).map(|name| format!("did you mean `{name}`?"))
            }
            Self::TooFew(_) => {
                Some("a single label is a yes/no question of its own: leave the option out".into())
            }
            Self::InTwo { .. } => Some("a label is in one group at most".into()),
            Self::Circle(_) => {
                Some("labels that always hold together are one question: keep one of them".into())
            }
            Self::BetweenGroups { group, .. } => Some(format!(
                "a label of a group of which exactly one holds may imply labels that are in no \
                 group; `--exclusive '{group}?=…'` (at most one) may imply any"
            )),
            Self::NamedTwice(_) | Self::Impossible { .. } => None,
        }
    }
}

impl Relations {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.exclusive.is_empty() && self.implies.is_empty()
    }

    /// The questions that `labels` are with these relations.
    pub(super) fn resolve(&self, labels: &[String]) -> Result<Questions, RelationsError> {
        let mut questions = Questions::independent(labels);
        for exclusive in &self.exclusive {
            questions.add_group(exclusive)?;
        }
        for implies in &self.implies {
            let place = |label: &str| place(labels, label, "--implies", implies);
            questions.implications.push(Implication {
                cause: place(&implies.cause)?,
                consequence: place(&implies.consequence)?,
            });
        }
        questions.order_implications()?;
        Ok(questions)
    }
}

fn place(
    labels: &[String],
    label: &str,
    option: &'static str,
    given: &dyn fmt::Display,
) -> Result<usize, RelationsError> {
    let found = labels.iter().position(|other| other == label);
    found.ok_or_else(|| RelationsError::UnknownLabel {
        option,
        given: given.to_string(),
        label: label.to_owned(),
        known: labels.to_vec(),
    })
}

impl Questions {
    fn add_group(&mut self, exclusive: &Exclusive) -> Result<(), RelationsError> {
        if exclusive.labels.len() < 2 {
            return Err(RelationsError::TooFew(exclusive.to_string()));
        }
        let mut groups = self.exclusive.iter();
        if groups.any(|group| group.name == exclusive.name) {
            return Err(RelationsError::NamedTwice(exclusive.name.clone()));
        }
        let mut members = Vec::new();
        for label in &exclusive.labels {
            let member = place(&self.labels, label, "--exclusive", exclusive)?;
            let other = self.group_of(member).map(|group| group.name.clone());
            let other = other.or_else(|| members.contains(&member).then(|| exclusive.name.clone()));
            if let Some(other) = other {
                return Err(RelationsError::InTwo {
                    label: label.clone(),
                    a: other,
                    b: exclusive.name.clone(),
                });
            }
            members.push(member);
        }
        for &member in &members {
            self.group_of[member] = Some(self.exclusive.len());
        }
        self.exclusive.push(ExclusiveGroup {
            name: exclusive.name.clone(),
            members,
            at_most_one: exclusive.at_most_one,
        });
        Ok(())
    }

    /// Checks the implications, and works out in which order they are made true.
    fn order_implications(&mut self) -> Result<(), RelationsError> {
        let mut finished = Vec::new();
        for label in 0..self.labels.len() {
            self.visit(label, &mut Vec::new(), &mut finished)?;
        }
        for label in 0..self.labels.len() {
            let holds = self.holds_with(label);
            self.check_possible(label, &holds)?;
            let Some(group) = self.group_of(label).filter(|group| !group.at_most_one) else {
                continue;
            };
            let name = group.name.clone();
            for &consequence in holds.iter().filter(|&&other| other != label) {
                if let Some(other) = self.group_of(consequence) {
                    return Err(RelationsError::BetweenGroups {
                        cause: self.labels[label].clone(),
                        group: name,
                        consequence: self.labels[consequence].clone(),
                        other: other.name.clone(),
                    });
                }
                self.raises.push(Implication {
                    cause: label,
                    consequence,
                });
            }
        }
        let can_sink = |label: usize| self.group_of(label).is_none_or(|group| group.at_most_one);
        let of_cause = finished.iter().filter(|&&label| can_sink(label));
        let of_cause = of_cause.flat_map(|&cause| {
            let all = self.implications.iter().copied();
            all.filter(move |of| of.cause == cause)
        });
        self.lowers = of_cause.collect();
        Ok(())
    }

    /// Puts `label` behind all that it implies into `finished`; `path` has led to it.
    fn visit(
        &self,
        label: usize,
        path: &mut Vec<usize>,
        finished: &mut Vec<usize>,
    ) -> Result<(), RelationsError> {
        if finished.contains(&label) {
            return Ok(());
        }
        if let Some(start) = path.iter().position(|&other| other == label) {
            let circle = path[start..].iter().chain([&label]);
            let names = circle.map(|&label| format!("`{}`", self.labels[label]));
            return Err(RelationsError::Circle(names.collect()));
        }
        path.push(label);
        for of in self.implications.iter().filter(|of| of.cause == label) {
            self.visit(of.consequence, path, finished)?;
        }
        path.pop();
        finished.push(label);
        Ok(())
    }

    /// `label`, and all that it implies, each once.
    fn holds_with(&self, label: usize) -> Vec<usize> {
        let mut holds = vec![label];
        let mut next = 0;
        while let Some(&cause) = holds.get(next) {
            for of in self.implications.iter().filter(|of| of.cause == cause) {
                if !holds.contains(&of.consequence) {
                    holds.push(of.consequence);
                }
            }
            next += 1;
        }
        holds
    }

    fn check_possible(&self, label: usize, holds: &[usize]) -> Result<(), RelationsError> {
        for group in &self.exclusive {
            let members = holds.iter().filter(|other| group.members.contains(other));
            let members: Vec<String> = members
                .map(|&other| format!("`{}`", self.labels[other]))
                .collect();
            if members.len() > 1 {
                return Err(RelationsError::Impossible {
                    label: self.labels[label].clone(),
                    members,
                    group: group.name.clone(),
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::try_questions;
    use super::*;

    #[test]
    fn a_relation_is_written_as_it_is_read() {
        for text in ["topic=sports,politics", "topic?=a,b,c", "a b=c d,e"] {
            assert_eq!(text.parse::<Exclusive>().unwrap().to_string(), text);
        }
        assert_eq!("a:b".parse::<Implies>().unwrap().to_string(), "a:b");
        for text in ["", "topic", "=a,b", "?=a,b", "topic=", "topic=a,,b"] {
            let error = text.parse::<Exclusive>().unwrap_err().to_string();
            assert!(error.contains("is no exclusive group; expected"), "{error}");
        }
        for text in ["", "a", "a:", ":b", "a:b:c"] {
            let error = text.parse::<Implies>().unwrap_err().to_string();
            assert!(error.contains("is no implication; expected"), "{error}");
        }
    }

    #[test]
    fn relations_that_cannot_be_are_refused() {
        type Case<'a> = (&'a [&'a str], &'a [&'a str], &'a str, Option<&'a str>);
        let cases: [Case<'_>; 13] = [
            (
                &["t=sports,bisness"],
                &[],
                "`--exclusive t=sports,bisness`: there is no label `bisness`; labels are sports, \
                 business, law, war",
                Some("did you mean `business`?"),
            ),
            (
                &["t=sports"],
                &[],
                "a group has at least two labels",
                Some("leave the option out"),
            ),
            (
                &["t=sports,law", "t?=war,business"],
                &[],
                "two groups that are called `t`",
                None,
            ),
            (
                &["t=sports,law", "u=war,sports"],
                &[],
                "label `sports` is in the groups `t` and `u`",
                Some("one group at most"),
            ),
            (
                &["t=sports,law,sports"],
                &[],
                "label `sports` is in the group `t` twice",
                Some("one group at most"),
            ),
            (
                &[],
                &["sport:law"],
                "`--implies sport:law`: there is no label `sport`",
                Some("did you mean `sports`?"),
            ),
            (
                &[],
                &["law:law"],
                "in a circle: `law`, which implies `law`",
                Some("one question"),
            ),
            (
                &[],
                &["law:war", "sports:law", "war:sports"],
                "`sports`, which implies `law`, which implies `war`, which implies `sports`",
                Some("one question"),
            ),
            (
                &["t=law,war"],
                &["law:war"],
                "`law` can never hold, as with it would hold `law` and `war` of the exclusive \
                 group `t`",
                None,
            ),
            (
                &["t?=law,war"],
                &["law:sports", "sports:war"],
                "`law` can never hold",
                None,
            ),
            (
                &["t=law,war"],
                &["sports:law", "sports:war"],
                "`sports` can never hold",
                None,
            ),
            (
                &["t=law,war", "u?=sports,business"],
                &["law:sports"],
                "`law` of the group `t` implies `sports`, which is in the exclusive group `u`",
                Some("`--exclusive 't?=…'`"),
            ),
            (
                &["t=law,war"],
                &["law:nothing"],
                "there is no label `nothing`",
                None,
            ),
        ];
        for (exclusive, implies, message, hint) in cases {
            let error = try_questions("sports,business,law,war", exclusive, implies).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
            match hint {
                Some(part) => assert!(error.hint().unwrap().contains(part), "{error:?}"),
                None => assert_eq!(error.hint(), None, "{error}"),
            }
        }
    }

    #[test]
    fn relations_that_can_be_are_kept_by_name() {
        let questions = try_questions(
            "sports,business,law,war",
            &["t?=war,law"],
            &["sports:law", "business:sports"],
        )
        .unwrap();
        let relations = questions.relations();
        let json = serde_json::to_value(&relations).unwrap();
        assert_eq!(
            json.to_string(),
            r#"{"exclusive":[{"name":"t","labels":["war","law"],"at_most_one":true}],"implies":[{"cause":"sports","consequence":"law"},{"cause":"business","consequence":"sports"}]}"#
        );
        let read: Relations = serde_json::from_value(json).unwrap();
        assert_eq!(Questions::new(questions.labels(), &read), Ok(questions));
        assert_eq!(serde_json::to_string(&Relations::default()).unwrap(), "{}");
    }
}
