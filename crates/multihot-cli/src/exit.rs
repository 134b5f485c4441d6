//! Exit codes: 0 done; 1 the data, a file or a check said no; 2 wrong usage, or the
//! program could not run.

use std::io::ErrorKind;
use std::process::ExitCode;

use crate::screen::say;

/// How a command ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything asked for is there.
    Done,
    /// It was stopped, and kept what there was.
    Interrupted,
    /// It looked at something that would spoil a result.
    Spoiled,
}

/// Wrong usage that only shows once the command runs.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Usage {
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

/// Prints what went wrong, with its advice, and picks the exit code.
pub fn code(result: anyhow::Result<Outcome>) -> ExitCode {
    let error = match result {
        Ok(Outcome::Done) => return ExitCode::SUCCESS,
        Ok(Outcome::Interrupted | Outcome::Spoiled) => return ExitCode::from(1),
        Err(error) => error,
    };
    if is_broken_pipe(&error) {
        return ExitCode::SUCCESS;
    }
    say(format_args!("error: {}", message(&error)));
    if let Some(hint) = hint(&error) {
        say(format_args!("hint: {hint}"));
    }
    ExitCode::from(if is_usage(&error) { 2 } else { 1 })
}

/// The error and its causes on one line. A cause that the error already quotes is left out.
fn message(error: &anyhow::Error) -> String {
    let mut message = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !message.contains(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    message
}

fn hint(error: &anyhow::Error) -> Option<String> {
    if let Some(usage) = error.downcast_ref::<Usage>() {
        return usage.hint.clone();
    }
    match error.downcast_ref::<multihot::TableError>() {
        Some(error) => error.hint(),
        None => error.downcast_ref::<multihot::Error>()?.hint(),
    }
}

fn is_usage(error: &anyhow::Error) -> bool {
    error.is::<Usage>()
        || error.is::<multihot::IsaError>()
        || matches!(error.downcast_ref(), Some(multihot::Error::Options(_)))
}

/// Whether the reader of our output has gone away, which is no failure of ours.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>();
        io.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    })
}
