//! The `candlewick` command.

fn main() {}
