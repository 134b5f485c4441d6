//! What was found out about a table while it was read, and should be said.

use std::sync::{Arc, Mutex, PoisonError};

/// What a person should hear about how a table is read, a sentence each: its encoding, what
/// stands between its cells. A copy hears of what is found out later.
#[derive(Clone, Debug, Default)]
pub struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    pub(crate) fn add(&self, note: String) {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    /// The notes so far.
    pub fn all(&self) -> Vec<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
