//! What labels have to do with each other.

use clap::Args as ClapArgs;
use multihot::{Exclusive, Implies, Relations};

/// Labels that belong together. A model keeps them: nothing but `train` has to be told.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Labels that belong together")]
pub struct RelationArgs {
    /// A name, and labels of which exactly one holds; `NAME?=…`, in quotes, where at most one does.
    /// May be repeated
    #[arg(long, value_name = "NAME=A,B,C")]
    pub exclusive: Vec<Exclusive>,
    /// A label that holds only where another one does: a yes to A is a yes to B. May be repeated
    #[arg(long, value_name = "A:B")]
    pub implies: Vec<Implies>,
}

impl RelationArgs {
    /// The library's relations.
    pub fn relations(&self) -> Relations {
        Relations {
            exclusive: self.exclusive.clone(),
            implies: self.implies.clone(),
        }
    }
}
