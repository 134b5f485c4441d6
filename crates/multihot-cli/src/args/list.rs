//! Lists of names on the command line.

use std::convert::Infallible;
use std::str::FromStr;

use multihot::names_in;

/// Names between commas; quotes protect a comma, as in a CSV.
#[derive(Clone, Debug)]
pub struct List(Vec<String>);

impl FromStr for List {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(List(names_in(text)))
    }
}

/// The names of an option that may be repeated.
pub fn names(lists: &[List]) -> Vec<String> {
    lists.iter().flat_map(|list| list.0.clone()).collect()
}
