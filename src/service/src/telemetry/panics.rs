//! Logs panics without their run-time values.

use std::panic::{self, PanicHookInfo};

/// Logs every panic instead of printing it, with its location. The message is logged only if it is a literal:
/// a message that was formatted at run time may contain secrets.
pub(super) fn log_panics() {
    panic::set_hook(Box::new(log));
}

fn log(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let message = info.payload().downcast_ref::<&'static str>().copied().unwrap_or("(withheld)");
    tracing::error!(place, reason = message, "panic");
}
