//! Bounds the dashes of a picture: one short line can have a million of them, each of which a browser draws.

/// Elements whose outline may be dashed, as far as its length is known. Text has outlines of unknown length.
const SHAPES: [&str; 7] = ["path", "rect", "circle", "ellipse", "line", "polyline", "polygon"];

const GEOMETRY: [&str; 15] =
    ["d", "points", "x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "rx", "ry", "width", "height"];

/// An outline is at most this much longer than the sum of all its numbers, whether they are absolute or relative:
/// lines and the control polygons of curves take up to six times the sum, the ways back to the start the rest.
const LENGTH_PER_NUMBER: f64 = 10.0;

/// Commands of a path whose length the sum of their numbers bounds. An arc may be stretched, and a chain of `T` swings
/// out further at each step.
const PATH_COMMANDS: &str = "MmLlHhVvCcSsQqZz";

/// How long the outline of an element may become by an attribute; endless if that is not known.
pub(super) fn outline_length(element: &str, attribute: &str, value: &str) -> f64 {
    if !SHAPES.contains(&element) || !GEOMETRY.contains(&attribute) {
        return 0.0;
    }
    let commands = if attribute == "d" { PATH_COMMANDS } else { "" };
    numbers(value, commands).map_or(f64::INFINITY, |numbers| numbers.iter().sum::<f64>() * LENGTH_PER_NUMBER)
}

/// How many dashes and gaps a value of `stroke-dasharray` makes in a unit of length. None if it cannot be told.
pub(super) fn dashes_per_unit(value: &str) -> Option<f64> {
    if value.eq_ignore_ascii_case("none") {
        return Some(0.0);
    }
    let lengths = numbers(&value.replace("px", " "), "")?;
    let period: f64 = lengths.iter().sum();
    // Without any length the line is solid (SVG 2, 13.5.6).
    Some(if period == 0.0 { 0.0 } else { lengths.iter().map(|_| 1.0 / period).sum() })
}

/// The sizes of the numbers in a list, which may be written without anything between them. None if there is something
/// else than numbers and these commands.
fn numbers(list: &str, commands: &str) -> Option<Vec<f64>> {
    let mut numbers = Vec::new();
    let mut number = String::new();
    for letter in list.chars().chain([' ']) {
        let continues = match letter {
            '0'..='9' => true,
            '.' => !number.contains(['.', 'e', 'E']),
            'e' | 'E' => !number.is_empty() && !number.contains(['e', 'E']),
            '+' | '-' => number.ends_with(['e', 'E']),
            _ => false,
        };
        if !continues && !number.is_empty() {
            numbers.push(number.parse::<f64>().ok()?.abs());
            number.clear();
        }
        if continues || matches!(letter, '+' | '-' | '.') {
            number.push(letter);
        } else if !letter.is_ascii_whitespace() && letter != ',' && !commands.contains(letter) {
            return None;
        }
    }
    Some(numbers)
}
