//! Logs panics without telling what was in them.

use std::panic::{self, PanicHookInfo};

/// Logs every panic instead of printing it: with its place, and with its message if that stands in the source. A message
/// that was put together at run time may hold anything, so it is left out.
pub(super) fn log_panics() {
    panic::set_hook(Box::new(log));
}

fn log(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let message = info.payload().downcast_ref::<&'static str>().copied().unwrap_or("(withheld)");
    tracing::error!(place, reason = message, "panic");
}
