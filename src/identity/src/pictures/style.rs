//! Reads the styles of an SVG: refuses what loads or hides something, and finds out which parts of the picture which
//! elements refer to.
//!
//! Browsers read CSS more leniently than this module. What it cannot follow for certain is refused, and a selector
//! that it does not know reaches every element, so that no reference is missed.

use super::{PictureError, svg::forbidden};

/// The beginning of a reference, in lower case.
const REFERENCE: &str = "url(";

/// A rule of a style sheet that refers to parts of the picture.
#[derive(Debug)]
pub(super) struct Rule {
    selectors: Vec<Selector>,
    pub(super) references: Vec<String>,
}

/// What the last part of a selector demands of an element. Nothing is demanded where the selector is not understood.
#[derive(Clone, Debug)]
struct Selector(Vec<Demand>);

#[derive(Clone, Debug)]
enum Demand {
    Name(String),
    Class(String),
    Id(String),
}

impl Rule {
    /// Whether the rule may reach an element.
    pub(super) fn reaches(&self, name: &str, id: Option<&str>, classes: &str) -> bool {
        let fulfils = |demand: &Demand| match demand {
            Demand::Name(wanted) => wanted == name,
            Demand::Class(wanted) => classes.split_ascii_whitespace().any(|class| class == wanted),
            Demand::Id(wanted) => id == Some(wanted),
        };
        self.selectors.iter().any(|selector| selector.0.iter().all(fulfils))
    }
}

/// The rules of a style sheet that refer to something.
pub(super) fn rules(sheet: &str) -> Result<Vec<Rule>, PictureError> {
    check(sheet)?;
    let mut reader = SheetReader::default();
    reader.read(sheet)?;
    if !reader.open.is_empty() {
        return Err(unclear());
    }
    Ok(reader.rules)
}

/// What an attribute refers to: a style, or a property of its own.
pub(super) fn references_of(attribute: &str, value: &str) -> Result<Vec<String>, PictureError> {
    check(value)?;
    if attribute != "style" {
        return property_references(attribute, value);
    }
    let mut reader = SheetReader { open: vec![Some(Vec::new())], ..SheetReader::default() };
    reader.read(value)?;
    if reader.open.len() != 1 || reader.nested {
        return Err(unclear());
    }
    Ok(reader.rules.into_iter().flat_map(|rule| rule.references).collect())
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

/// What the value of a property refers to. A mask that is inherited would be referred to without being named.
fn property_references(property: &str, value: &str) -> Result<Vec<String>, PictureError> {
    let property = property.trim().to_ascii_lowercase();
    let lower = value.to_ascii_lowercase();
    let masks = property.contains("mask") || property == "clip-path" || property == "all";
    if masks && lower.contains("inherit") {
        return Err(forbidden("a mask that is inherited"));
    }
    let mut references = Vec::new();
    for (start, _) in lower.match_indices(REFERENCE) {
        references.push(reference(&value[start + REFERENCE.len()..]).ok_or_else(unclear)?);
    }
    // A variable could be used anywhere below.
    let named =
        !property.is_empty() && property.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
    if !references.is_empty() && (!named || property.starts_with("--")) {
        return Err(unclear());
    }
    Ok(references)
}

/// The name in a reference, whose text begins behind the parenthesis.
fn reference(text: &str) -> Option<String> {
    let inside = text[..text.find(')')?].trim_ascii();
    let unquoted = ['"', '\''].iter().find_map(|quote| inside.strip_prefix(*quote)?.strip_suffix(*quote));
    let name = unquoted.unwrap_or(inside).strip_prefix('#')?;
    plain_name(name).then(|| name.to_owned())
}

/// Reads a style sheet, or the content of a style.
#[derive(Default)]
struct SheetReader {
    /// The text since the last brace or semicolon, without comments.
    piece: String,
    /// The parentheses that are to be closed in it.
    closing: Vec<char>,
    /// The blocks around it; one of `@media` has no selectors.
    open: Vec<Option<Vec<Selector>>>,
    /// Whether there was a block.
    nested: bool,
    rules: Vec<Rule>,
}

impl SheetReader {
    fn read(&mut self, sheet: &str) -> Result<(), PictureError> {
        let mut rest = sheet;
        while let Some(letter) = rest.chars().next() {
            let length = self.step(letter, rest)?;
            rest = &rest[length..];
        }
        if !self.closing.is_empty() {
            return Err(unclear());
        }
        self.end_piece()
    }

    /// Reads what `rest` begins with. Answers its length.
    fn step(&mut self, letter: char, rest: &str) -> Result<usize, PictureError> {
        let within = !self.closing.is_empty();
        match letter {
            '/' if rest.starts_with("/*") => {
                // Within `url()` this is no comment.
                let end = rest[2..].find("*/").filter(|_| !within).ok_or_else(unclear)?;
                self.piece.push(' ');
                return Ok(end + 4);
            }
            '"' | '\'' => {
                let text = &rest[..rest[1..].find(letter).ok_or_else(unclear)? + 2];
                if text.contains(['\n', '\r', '\u{c}']) {
                    return Err(unclear());
                }
                self.piece.push_str(text);
                return Ok(text.len());
            }
            '{' | '}' | ';' if within => return Err(unclear()),
            '{' => self.open_block()?,
            '}' => {
                self.end_piece()?;
                self.open.pop().ok_or_else(unclear)?;
            }
            ';' => self.end_piece()?,
            '(' => self.closing.push(')'),
            '[' => self.closing.push(']'),
            ')' | ']' if self.closing.pop() != Some(letter) => return Err(unclear()),
            _ => {}
        }
        if !matches!(letter, '{' | '}' | ';') {
            self.piece.push(letter);
        }
        Ok(letter.len_utf8())
    }

    fn open_block(&mut self) -> Result<(), PictureError> {
        let piece = std::mem::take(&mut self.piece);
        if piece.to_ascii_lowercase().contains(REFERENCE) {
            return Err(unclear());
        }
        let media = piece.trim_start().starts_with('@');
        self.open.push((!media).then(|| selectors(&piece)));
        self.nested = true;
        Ok(())
    }

    /// Reads the piece as a declaration of the innermost block that has selectors.
    fn end_piece(&mut self) -> Result<(), PictureError> {
        let piece = std::mem::take(&mut self.piece);
        let (property, value) = piece.split_once(':').unwrap_or(("", &piece));
        let references = property_references(property, value)?;
        if !references.is_empty() {
            let selectors = self.open.iter().rev().find_map(Clone::clone).ok_or_else(unclear)?;
            self.rules.push(Rule { selectors, references });
        }
        Ok(())
    }
}

/// The selectors before a block, one for each comma.
fn selectors(list: &str) -> Vec<Selector> {
    let known = |letter: char| {
        letter.is_alphanumeric() || letter.is_ascii_whitespace() || "_-.#,>+~".contains(letter)
    };
    if !list.chars().all(known) {
        return vec![Selector(Vec::new())];
    }
    list.split(',').map(|selector| Selector(demands(selector))).collect()
}

/// What the last part of a selector of names, classes and ids demands.
fn demands(selector: &str) -> Vec<Demand> {
    let between = |letter: char| letter.is_ascii_whitespace() || ">+~".contains(letter);
    let last = selector.split(between).rfind(|part| !part.is_empty()).unwrap_or_default();
    let mut demands = Vec::new();
    let name = last.split(['.', '#']).next().unwrap_or_default();
    if !name.is_empty() {
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
