//! Rows of tokens, packed.

/// The token ids of several rows, one row after the other, without padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenBatch {
    ids: Vec<u32>,
    /// The type of each token, which says the text of a pair that it is of. Those behind the last have type 0.
    types: Vec<u32>,
    /// Where each row starts, and at last where the last one ends.
    row_starts: Vec<usize>,
}

impl TokenBatch {
    /// A batch without rows.
    pub fn new() -> Self {
        Self {
            ids: Vec::new(),
            types: Vec::new(),
            row_starts: vec![0],
        }
    }

    /// Adds a row, its special tokens included. All its tokens have type 0.
    pub fn push(&mut self, ids: &[u32]) {
        self.push_typed(ids, &[]);
    }

    /// Adds a row whose tokens have these `types`; those behind the last one have type 0.
    ///
    /// # Panics
    ///
    /// When there are more types than ids.
    pub fn push_typed(&mut self, ids: &[u32], types: &[u8]) {
        assert!(
            types.len() <= ids.len(),
            "push_typed: a type without a token"
        );
        if !types.is_empty() {
            self.types.resize(self.ids.len(), 0);
            self.types
                .extend(types.iter().map(|&type_id| u32::from(type_id)));
        }
        self.ids.extend_from_slice(ids);
        self.row_starts.push(self.ids.len());
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.row_starts.len() - 1
    }

    /// How many tokens all rows have together.
    pub fn tokens(&self) -> usize {
        self.ids.len()
    }

    /// The ids of all rows, one row after the other.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The type of each token; those behind the last have type 0.
    pub(crate) fn types(&self) -> &[u32] {
        &self.types
    }

    /// Where each row starts in [`TokenBatch::ids`], and at last where the last one ends.
    pub fn row_starts(&self) -> &[usize] {
        &self.row_starts
    }

    /// The ids of each row.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u32]> {
        self.row_starts
            .windows(2)
            .map(|ends| &self.ids[ends[0]..ends[1]])
    }
}

impl Default for TokenBatch {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_one_after_the_other() {
        let mut batch = TokenBatch::new();
        assert_eq!(
            (batch.rows(), batch.tokens(), batch.row_starts()),
            (0, 0, &[0][..])
        );
        batch.push(&[5, 6, 7]);
        batch.push(&[8]);
        assert_eq!((batch.rows(), batch.tokens()), (2, 4));
        assert_eq!(batch.ids(), [5, 6, 7, 8]);
        assert_eq!(batch.row_starts(), [0, 3, 4]);
        assert_eq!(batch.iter().collect::<Vec<_>>(), [&[5, 6, 7][..], &[8]]);
        assert!(batch.types().is_empty());
    }

    #[test]
    fn types_stand_where_their_tokens_stand() {
        let mut batch = TokenBatch::new();
        batch.push(&[5, 6]);
        batch.push_typed(&[7, 8, 9], &[0, 1]);
        batch.push_typed(&[10, 11], &[0, 1]);
        batch.push(&[12]);
        assert_eq!(batch.ids(), [5, 6, 7, 8, 9, 10, 11, 12]);
        assert_eq!(batch.types(), [0, 0, 0, 1, 0, 0, 1]);
    }
}
