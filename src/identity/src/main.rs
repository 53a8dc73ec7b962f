//! The binary `postern`: everything it does is a command.

use std::process::ExitCode;

/// Most of what a request allocates is freed on another thread, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    postern_identity::cli::main()
}
