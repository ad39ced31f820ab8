//! The `candlewick` command as a library, for programs that add methods of their own to it.
//!
//! A program that registers a method and calls [`main`] is the command with that method: its recipes and tables
//! can name it.

#[macro_use]
mod output;

mod arguments;
mod bars;
mod bench;
mod compare;
mod data;
mod estimate;
mod evaluate;
mod events;
mod exchange;
mod exit;
mod figures;
mod gpu_check;
mod list;
mod machine;
mod predict;
mod ranks;
mod recipe;
mod reproduce;
mod runs;
mod stop;
mod stream;
mod train;

use std::process::ExitCode;

use arguments::{Arguments, BenchCommand, Command};
use clap::Parser;

/// Parses the command line of this process, runs the command, and returns its exit code.
pub fn main() -> ExitCode {
    candlewick::core::allocator::keep_freed_memory();
    let arguments = Arguments::parse();
    if let Err(error) = ranks::connect() {
        return exit::report(&error);
    }
    let level = if ranks::is_first() { "warn" } else { "off" };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // It would say on standard error that standard error is lost, and panic.
        .log_internal_errors(false)
        .init();
    if let Err(error) = machine::limit_instructions(arguments.instructions) {
        return ranks::finish(Err(error));
    }
    let outcome = match arguments.command {
        Command::Train(arguments) => train::run(&arguments),
        Command::Evaluate(arguments) => evaluate::run(&arguments),
        Command::Predict(arguments) => predict::run(&arguments),
        Command::Run(arguments) => stream::run(&arguments),
        Command::Import(arguments) => exchange::import(&arguments),
        Command::Export(arguments) => exchange::export(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Figures(arguments) => figures::run(&arguments),
        Command::Reproduce(arguments) => reproduce::run(&arguments),
        Command::Recipe(command) => recipe::run(&command),
        Command::List(arguments) => Ok(list::run(&arguments)),
        Command::Data(command) => data::run(&command),
        Command::Events(command) => events::run(&command),
        Command::Bench(BenchCommand::Step(arguments)) => bench::step(&arguments),
        Command::Bench(BenchCommand::LinearLif(arguments)) => bench::linear_lif(&arguments),
        Command::Bench(BenchCommand::Exchange(arguments)) => bench::exchange(&arguments),
        Command::GpuCheck(arguments) => gpu_check::run(&arguments),
    };
    ranks::finish(match (outcome, output::failure()) {
        (Ok(code), Some(lost)) if code == ExitCode::SUCCESS => {
            Err(anyhow::Error::new(lost).context("cannot write to standard output"))
        }
        (outcome, _) => outcome,
    })
}
