//! Defines how a log line is written. Whatever comes from outside is encoded: a line stays one line, and a terminal is
//! told nothing by it.

use std::fmt::{self, Write};

use tracing::{
    Event, Level,
    field::{Field, Visit},
};

use super::RequestContext;
use crate::clock::Timestamp;

/// For whom lines are written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Style {
    /// For people.
    Pretty {
        /// Whether the level has a colour.
        colour: bool,
    },
    /// For programs: one JSON object a line.
    Json,
}

/// Writes one event, with its line end, and how many like it were left out before.
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
    event.record(&mut Message { line, before: " " });
    event.record(&mut Fields { line, style: Style::Pretty { colour } });
    if let Some(RequestContext { id }) = RequestContext::current() {
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
    event.record(&mut Message { line, before: "" });
    line.push('"');
    event.record(&mut Fields { line, style: Style::Json });
    if let Some(RequestContext { id }) = RequestContext::current() {
        write!(line, ",\"request_id\":\"{id}\"")?;
    }
    if left_out > 0 {
        write!(line, ",\"left_out\":{left_out}")?;
    }
    line.push_str("}\n");
    Ok(())
}

/// Writes the message alone.
struct Message<'a> {
    line: &'a mut String,
    before: &'static str,
}

impl Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.line.push_str(self.before);
            let _ = write!(Encoded(self.line), "{value:?}");
        }
    }
}

/// Writes all other fields.
struct Fields<'a> {
    line: &'a mut String,
    style: Style,
}

impl Fields<'_> {
    /// `write` writes the value; `bare` values are numbers and booleans, which JSON does not quote.
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
        let _ = Encoded(self.line).write_fmt(value);
        self.line.push_str(quote);
    }
}

impl Visit for Fields<'_> {
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

/// Encodes what would end a line, end a string, or talk to a terminal (ASVS 16.4.1).
struct Encoded<'a>(&'a mut String);

impl Write for Encoded<'_> {
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

/// Control characters of both sets, and the two separators that JSON allows but line readers do not.
fn unsafe_in_a_line(character: char) -> bool {
    character.is_control() || matches!(character, '"' | '\\' | '\u{2028}' | '\u{2029}')
}
