//! Defines how a log line is written. Values from outside are escaped, so that a line stays one line and no
//! value can control a terminal.

use std::fmt::{self, Write};

use tracing::{
    Event, Level,
    field::{Field, Visit},
};

use super::CurrentRequest;
use crate::clock::Timestamp;

#[derive(Debug, Clone, Copy)]
pub(super) enum Style {
    Pretty {
        /// Whether the level is coloured.
        colour: bool,
    },
    /// One JSON object a line.
    Json,
}

/// Writes one event with its line end. `left_out` is the number of similar events that were left out before
/// it.
pub(super) fn write(line: &mut String, style: Style, now: Timestamp, event: &Event<'_>, left_out: u64) {
    // Writing to a string does not fail.
    let _ = match style {
        Style::Pretty { colour } => pretty(line, colour, now, event, left_out),
        Style::Json => json(line, now, event, left_out),
    };
}

/// `2026-11-20T14:57:16.000250Z INFO  request method=GET path=/x status=200 request_id=... target=...`
fn pretty(line: &mut String, colour: bool, now: Timestamp, event: &Event<'_>, left_out: u64) -> fmt::Result {
    let level = *event.metadata().level();
    let (paint, reset) = if colour { (paint(level), "\x1b[0m") } else { ("", "") };
    write!(line, "{now} {paint}{level:<5}{reset}")?;
    event.record(&mut MessageVisitor { line, before: " " });
    event.record(&mut FieldVisitor { line, style: Style::Pretty { colour } });
    if let Some(CurrentRequest { id }) = CurrentRequest::current() {
        write!(line, " request_id={id}")?;
    }
    if left_out > 0 {
        write!(line, " left_out={left_out}")?;
    }
    writeln!(line, " target={}", event.metadata().target())
}

fn paint(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        _ => "\x1b[2m",
    }
}

fn json(line: &mut String, now: Timestamp, event: &Event<'_>, left_out: u64) -> fmt::Result {
    let level = event.metadata().level();
    write!(line, "{{\"time\":\"{now}\",\"level\":\"{level}\",\"target\":\"{}\"", event.metadata().target())?;
    line.push_str(",\"message\":\"");
    event.record(&mut MessageVisitor { line, before: "" });
    line.push('"');
    event.record(&mut FieldVisitor { line, style: Style::Json });
    if let Some(CurrentRequest { id }) = CurrentRequest::current() {
        write!(line, ",\"request_id\":\"{id}\"")?;
    }
    if left_out > 0 {
        write!(line, ",\"left_out\":{left_out}")?;
    }
    line.push_str("}\n");
    Ok(())
}

/// Writes only the message of an event.
struct MessageVisitor<'a> {
    line: &'a mut String,
    before: &'static str,
}

impl Visit for MessageVisitor<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.line.push_str(self.before);
            let _ = write!(EscapingWriter(self.line), "{value:?}");
        }
    }
}

/// Writes all fields but the message.
struct FieldVisitor<'a> {
    line: &'a mut String,
    style: Style,
}

impl FieldVisitor<'_> {
    /// Writes one field. `bare` values are numbers and booleans, which JSON does not quote.
    fn put(&mut self, field: &Field, bare: bool, value: fmt::Arguments<'_>) {
        if field.name() == "message" {
            return;
        }
        let (before, between, quote) = match self.style {
            Style::Json => (",\"", "\":", if bare { "" } else { "\"" }),
            Style::Pretty { .. } => (" ", "=", ""),
        };
        self.line.push_str(before);
        self.line.push_str(field.name());
        self.line.push_str(between);
        self.line.push_str(quote);
        let _ = EscapingWriter(self.line).write_fmt(value);
        self.line.push_str(quote);
    }
}

impl Visit for FieldVisitor<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, false, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, false, format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put(field, false, format_args!("{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, true, format_args!("{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, true, format_args!("{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, true, format_args!("{value}"));
    }
}

/// Escapes characters that would end a line, end a string, or control a terminal (ASVS 16.4.1).
struct EscapingWriter<'a>(&'a mut String);

impl Write for EscapingWriter<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(unsafe_in_a_line) {
            let (plain, tail) = rest.split_at(at);
            self.0.push_str(plain);
            let mut characters = tail.chars();
            match characters.next() {
                Some('"') => self.0.push_str("\\\""),
                Some('\\') => self.0.push_str("\\\\"),
                Some('\n') => self.0.push_str("\\n"),
                Some(other) => write!(self.0, "\\u{:04x}", u32::from(other))?,
                None => {}
            }
            rest = characters.as_str();
        }
        self.0.push_str(rest);
        Ok(())
    }
}

/// Control characters (C0 and C1), and the two line separators that JSON allows but that split lines for some
/// readers.
fn unsafe_in_a_line(character: char) -> bool {
    character.is_control() || matches!(character, '"' | '\\' | '\u{2028}' | '\u{2029}')
}
