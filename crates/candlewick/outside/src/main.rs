//! The `candlewick` command with a loss of one's own, which recipes and tables can name:
//! `outside reproduce my-table.toml`.

use std::process::ExitCode;

use candlewick::methods::AnyLoss;
use outside::own_loss::SquaredError;

fn main() -> ExitCode {
    AnyLoss::register::<SquaredError>("squared_error").expect("the name is free");
    candlewick_cli::main()
}
