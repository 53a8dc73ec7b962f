//! Defines the layer that turns `tracing` events into log lines.

use std::cell::RefCell;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{Layer, layer::Context};

use super::{
    LogWriter,
    format::{self, Style},
    repeat_limiter::RepeatLimiter,
};
use crate::clock::Clock;

/// Writes every event that passes the filters.
pub(super) struct LogLayer {
    style: Style,
    writer: LogWriter,
    clock: Clock,
    repeats: RepeatLimiter,
}

impl LogLayer {
    /// Log lines have the time of the machine, even where the service runs with another clock.
    pub(super) fn new(style: Style, writer: LogWriter) -> Self {
        Self { style, writer, clock: Clock::system(), repeats: RepeatLimiter::default() }
    }
}

thread_local! {
    /// One buffer for each thread, so that a line costs no allocation.
    static LINE: RefCell<String> = const { RefCell::new(String::new()) };
}

impl<S: Subscriber> Layer<S> for LogLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let urgent = *event.metadata().level() <= Level::WARN;
        let now = self.clock.now();
        let left_out = if urgent { self.repeats.left_out_before(event.metadata(), now) } else { Some(0) };
        let Some(left_out) = left_out else { return };
        let write = |line: &mut String| {
            line.clear();
            format::write(line, self.style, now, event, left_out);
            self.writer.write(line.as_bytes(), urgent);
        };
        LINE.with(|line| match line.try_borrow_mut() {
            Ok(mut line) => write(&mut line),
            // The value of a field logs something while it is formatted.
            Err(_) => write(&mut String::new()),
        });
    }
}
