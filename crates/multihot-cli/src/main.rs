//! The program `multihot`: parses, calls the library, prints. Start at [`commands`].

#![forbid(unsafe_code)]

mod args;
mod commands;
mod exit;
mod screen;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = args::Args::parse();
    exit::code(commands::run(&args.command))
}
