//! The binary `postern`. Every function of the program is a command, defined in `cli`.

use std::process::ExitCode;

/// Most of a request's memory is freed on another thread than the one that allocated it. jemalloc does that
/// faster than the system's allocator.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    postern_identity::cli::main()
}
