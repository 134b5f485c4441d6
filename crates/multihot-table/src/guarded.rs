//! A panic of a library that reads what came from outside, or writes to a full disk, as an error.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `read`; a panic in it is an error that says what it said, and nothing is printed.
///
/// Readers of Parquet and of workbooks assert what a damaged file may break. What `read` was
/// working on must not be used after an error.
pub(crate) fn guarded<T>(read: impl FnOnce() -> T) -> Result<T, String> {
    caught(read).map_err(|said| format!("it is damaged ({said})"))
}

/// Runs `work`; a panic in it is an error with what it said, and nothing is printed.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IS_GUARDED.get() {
                hook(info);
            }
        }));
    });
    let was_guarded = IS_GUARDED.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    IS_GUARDED.set(was_guarded);
    result.map_err(|said| {
        let said = said
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| said.downcast_ref::<&str>().copied());
        said.unwrap_or("for no reason that is known").to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error() {
        assert_eq!(guarded(|| 7), Ok(7));
        assert_eq!(
            guarded(|| panic!("five")),
            Err::<(), _>("it is damaged (five)".into())
        );
        let number = std::hint::black_box(7);
        let said = guarded(|| panic!("{number}"));
        assert_eq!(said, Err::<(), _>("it is damaged (7)".into()));
        assert!(!IS_GUARDED.get());
    }
}
