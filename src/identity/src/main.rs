//! The binary `postern`: everything it does is a command.

use std::process::ExitCode;

fn main() -> ExitCode {
    postern_identity::cli::main()
}
