//! What a person sees on standard error while a command runs.

use std::fmt::Display;
use std::io::Write;

pub mod progress;

/// Writes a line. That nobody can read it is no reason to lose what runs.
pub fn say(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
