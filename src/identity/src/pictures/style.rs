//! Writes the styles of an SVG anew from an allow-list of properties, and finds out which parts of the picture which
//! elements refer to.
//!
//! Browsers read CSS more leniently than this module. What it cannot follow for certain is refused: an allowed
//! declaration must be read here as browsers read it. A selector of which only the last part is understood reaches what
//! that part reaches, so that no reference is missed.

use std::collections::HashSet;

use super::{PictureError, dashes, svg::forbidden};

/// The properties that are kept, as attributes and in styles. Others are left out: a filter or an animation of a few
/// bytes costs a browser more than thousands of elements, and an alias or a variable would hide a reference.
pub(super) const PROPERTIES: [&str; 52] = [
    "alignment-baseline",
    "baseline-shift",
    "clip-path",
    "clip-rule",
    "color",
    "color-interpolation",
    "color-rendering",
    "direction",
    "display",
    "dominant-baseline",
    "fill",
    "fill-opacity",
    "fill-rule",
    "font",
    "font-family",
    "font-feature-settings",
    "font-kerning",
    "font-size",
    "font-stretch",
    "font-style",
    "font-variant",
    "font-weight",
    "image-rendering",
    "isolation",
    "letter-spacing",
    "mask",
    "mask-type",
    "mix-blend-mode",
    "opacity",
    "overflow",
    "paint-order",
    "shape-rendering",
    "stop-color",
    "stop-opacity",
    "stroke",
    "stroke-dasharray",
    "stroke-dashoffset",
    "stroke-linecap",
    "stroke-linejoin",
    "stroke-miterlimit",
    "stroke-opacity",
    "stroke-width",
    "text-align",
    "text-anchor",
    "text-decoration",
    "text-rendering",
    "text-transform",
    "transform",
    "transform-origin",
    "visibility",
    "word-spacing",
    "writing-mode",
];

/// The beginning of a reference, in lower case.
const REFERENCE: &str = "url(";

/// Parentheses within each other.
const MAX_PARENTHESES: usize = 16;

/// A rule of a style sheet.
#[derive(Debug)]
pub(super) struct StyleRule {
    selectors: Vec<Vec<Demand>>,
    pub(super) block: StyleBlock,
    /// Names, classes and ids in its selectors.
    pub(super) parts: usize,
}

/// What the last part of a selector demands of an element. Of every element nothing is demanded.
#[derive(Debug)]
enum Demand {
    Name(String),
    Class(String),
    Id(String),
}

/// What a declaration or more of them do to the elements that they reach.
#[derive(Debug, Default)]
pub(super) struct StyleEffects {
    pub(super) references: Vec<String>,
    pub(super) dashes_per_unit: f64,
    /// Fonts that a browser looks for, one after another, for each text.
    pub(super) font_families: usize,
}

/// Declarations as they are written anew.
#[derive(Debug, Default)]
pub(super) struct StyleBlock {
    pub(super) written: String,
    pub(super) effects: StyleEffects,
}

/// A style sheet as it is written anew.
#[derive(Debug, Default)]
pub(super) struct StyleSheet {
    pub(super) written: String,
    pub(super) rules: Vec<StyleRule>,
}

impl StyleRule {
    /// Whether the rule may reach an element.
    pub(super) fn reaches(&self, name: &str, id: Option<&str>, classes: &HashSet<String>) -> bool {
        let fulfils = |demand: &Demand| match demand {
            Demand::Name(wanted) => wanted == name,
            Demand::Class(wanted) => classes.contains(wanted),
            Demand::Id(wanted) => id == Some(wanted),
        };
        self.selectors.iter().any(|selector| selector.iter().all(fulfils))
    }
}

impl StyleEffects {
    /// Reads an allowed property, written as an attribute or in a style. None if its value is left out.
    pub(super) fn of(property: &str, value: &str) -> Result<Option<Self>, PictureError> {
        check(value)?;
        let lower = value.to_ascii_lowercase();
        let mut effects = Self::default();
        for (start, _) in lower.match_indices(REFERENCE) {
            let name = reference(&value[start + REFERENCE.len()..]).ok_or_else(unclear)?;
            effects.references.push(name);
        }
        match property {
            // An inherited one would refer to something without naming it.
            "clip-path" | "mask" => {
                let plain = lower.starts_with(REFERENCE) && lower.find(')') == Some(lower.len() - 1);
                if !plain && lower != "none" {
                    return Err(forbidden("a mask or clip path that is no plain reference"));
                }
            }
            "font" | "font-family" => effects.font_families = value.split(',').count(),
            "stroke-dasharray" => match dashes::dashes_per_unit(&lower) {
                Some(dashes_per_unit) => effects.dashes_per_unit = dashes_per_unit,
                None => return Ok(None),
            },
            _ => {}
        }
        Ok(Some(effects))
    }

    /// Adds what another declaration does. What is inherited counts at its largest.
    pub(super) fn add(&mut self, other: Self) {
        self.add_inherited(&other);
        self.references.extend(other.references);
    }

    pub(super) fn add_inherited(&mut self, other: &Self) {
        self.dashes_per_unit = self.dashes_per_unit.max(other.dashes_per_unit);
        self.font_families = self.font_families.max(other.font_families);
    }
}

impl StyleBlock {
    /// Reads the content of a style attribute.
    pub(super) fn read(text: &str) -> Result<Self, PictureError> {
        check(text)?;
        let mut block = Self::default();
        let mut rest = text;
        loop {
            let (declaration, end, after) = piece(rest)?;
            block.declare(&declaration)?;
            match end {
                Some(';') => rest = after,
                Some(_) => return Err(unclear()),
                None => return Ok(block),
            }
        }
    }

    fn declare(&mut self, declaration: &str) -> Result<(), PictureError> {
        let Some((property, value)) = declaration.split_once(':') else { return Ok(()) };
        let (property, value) = (property.trim_ascii().to_ascii_lowercase(), value.trim_ascii());
        if !PROPERTIES.contains(&property.as_str()) {
            return Ok(());
        }
        let Some(effects) = StyleEffects::of(&property, value)? else { return Ok(()) };
        if !self.written.is_empty() {
            self.written.push(';');
        }
        self.written.push_str(&format!("{property}:{value}"));
        self.effects.add(effects);
        Ok(())
    }
}

impl StyleSheet {
    pub(super) fn read(text: &str) -> Result<Self, PictureError> {
        check(text)?;
        let mut sheet = Self::default();
        let mut media = false;
        let mut rest = text;
        loop {
            let (head, end, after) = piece(rest)?;
            let head = head.trim_ascii();
            rest = after;
            match end {
                Some('{') if head.starts_with('@') && !media => {
                    sheet.written.push_str(&format!("{}{{", media_query(head)?));
                    media = true;
                }
                Some('{') => rest = sheet.rule(head, rest)?,
                Some('}') if media && head.is_empty() => {
                    sheet.written.push('}');
                    media = false;
                }
                Some(';') if head.is_empty() => {}
                None if head.is_empty() && !media => return Ok(sheet),
                _ => return Err(unclear()),
            }
        }
    }

    /// Reads the block of a rule. Answers what follows.
    fn rule<'a>(&mut self, list: &str, mut rest: &'a str) -> Result<&'a str, PictureError> {
        let selectors = selectors(list)?;
        let mut block = StyleBlock::default();
        loop {
            let (declaration, end, after) = piece(rest)?;
            rest = after;
            match end {
                Some(';' | '}') => block.declare(&declaration)?,
                _ => return Err(unclear()),
            }
            if end == Some('}') {
                break;
            }
        }
        self.written.push_str(&format!("{list}{{{}}}", block.written));
        let between = |letter: char| letter.is_ascii_whitespace() || ">.#,".contains(letter);
        let parts = list.split(between).filter(|part| !part.is_empty()).count();
        self.rules.push(StyleRule { selectors, block, parts });
        Ok(rest)
    }
}

/// Presentation attributes and styles are CSS, which could load files. An escape could hide that.
fn check(text: &str) -> Result<(), PictureError> {
    let text = text.to_ascii_lowercase();
    let outside = |reference: &str| !reference.trim_start_matches([' ', '\'', '"']).starts_with('#');
    if text.split(REFERENCE).skip(1).any(outside) || text.contains("image-set(") || text.contains("src(") {
        return Err(forbidden("a reference to another file"));
    }
    if text.contains('\\') || text.split('@').skip(1).any(|rule| !rule.starts_with("media")) {
        return Err(forbidden("styles that load or hide something"));
    }
    Ok(())
}

/// Whether an element may be referred to by this name: one that no parser of addresses changes.
pub(super) fn plain_name(name: &str) -> bool {
    name.chars().all(|letter| letter.is_alphanumeric() || "_-.:".contains(letter))
}

/// The name in a reference, whose text begins behind the parenthesis.
fn reference(text: &str) -> Option<String> {
    let inside = text[..text.find(')')?].trim_ascii();
    let unquoted = ['"', '\''].iter().find_map(|quote| inside.strip_prefix(*quote)?.strip_suffix(*quote));
    let name = unquoted.unwrap_or(inside).strip_prefix('#')?;
    plain_name(name).then(|| name.to_owned())
}

/// The text up to the next brace or semicolon, without comments; that letter, or none at the end; and what follows.
fn piece(text: &str) -> Result<(String, Option<char>, &str), PictureError> {
    let mut piece = String::new();
    let mut closing = Vec::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let mut length = letter.len_utf8();
        match letter {
            '/' if rest.starts_with("/*") => {
                // Within `url()` this is no comment.
                length = rest[2..].find("*/").filter(|_| closing.is_empty()).ok_or_else(unclear)? + 4;
                piece.push(' ');
            }
            '"' | '\'' => {
                length = rest[1..].find(letter).ok_or_else(unclear)? + 2;
                if rest[..length].contains(['\n', '\r', '\u{c}']) {
                    return Err(unclear());
                }
                piece.push_str(&rest[..length]);
            }
            '{' | '}' | ';' if closing.is_empty() => return Ok((piece, Some(letter), &rest[1..])),
            '{' | '}' | ';' => return Err(unclear()),
            '(' | '[' if closing.len() == MAX_PARENTHESES => return Err(unclear()),
            ')' | ']' if closing.pop() != Some(letter) => return Err(unclear()),
            _ => {
                closing.extend(match letter {
                    '(' => Some(')'),
                    '[' => Some(']'),
                    _ => None,
                });
                piece.push(letter);
            }
        }
        rest = &rest[length..];
    }
    if closing.is_empty() { Ok((piece, None, rest)) } else { Err(unclear()) }
}

/// The beginning of a block of `@media`.
fn media_query(head: &str) -> Result<&str, PictureError> {
    let known = |letter: char| letter.is_ascii_alphanumeric() || " \t\r\n@():,-.<>=/".contains(letter);
    if head.chars().all(known) { Ok(head) } else { Err(unclear()) }
}

/// The selectors before a block, one for each comma.
fn selectors(list: &str) -> Result<Vec<Vec<Demand>>, PictureError> {
    let known =
        |letter: char| letter.is_alphanumeric() || letter.is_ascii_whitespace() || "_-.#,>*".contains(letter);
    if list.chars().all(known) {
        return Ok(list.split(',').map(demands).collect());
    }
    Err(forbidden("selectors of other things than names, classes and ids"))
}

/// What the last part of a selector demands.
fn demands(selector: &str) -> Vec<Demand> {
    let between = |letter: char| letter.is_ascii_whitespace() || letter == '>';
    let last = selector.split(between).rfind(|part| !part.is_empty()).unwrap_or_default();
    let mut demands = Vec::new();
    let name = last.split(['.', '#']).next().unwrap_or_default();
    if !name.is_empty() && name != "*" {
        demands.push(Demand::Name(name.to_owned()));
    }
    for (start, mark) in last.match_indices(['.', '#']) {
        let word = last[start + 1..].split(['.', '#']).next().unwrap_or_default().to_owned();
        demands.push(if mark == "." { Demand::Class(word) } else { Demand::Id(word) });
    }
    demands
}

fn unclear() -> PictureError {
    forbidden("styles that cannot be followed for certain")
}
