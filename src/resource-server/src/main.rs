//! Runs `postern-tasks`.

use std::process::ExitCode;

fn main() -> ExitCode {
    postern_resource_server::cli::main()
}
