//! Bounds what a browser draws of an SVG.
//!
//! A few lines can copy, mask and clip each other so often that no browser comes to an end. So the elements are counted
//! as often as they are drawn: a reference counts as much as what it refers to. Dashes, and fonts to look for, count as
//! elements too.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use super::{
    PictureError, dashes,
    style::{self, PROPERTIES, StyleBlock, StyleEffects, StyleRule, StyleSheet},
    svg::forbidden,
};

/// Elements that are drawn, copies included. A browser draws them in less than a second.
const MAX_WEIGHT: f64 = 10_000.0;

/// What counts as one more element: a long path takes longer than a short one.
const BYTES_PER_ELEMENT: f64 = 100.0;
const DASHES_PER_ELEMENT: f64 = 20.0;
const FONTS_PER_ELEMENT: f64 = 0.1;

/// Names, classes and ids in the selectors of a picture: a browser tries each for each element.
const MAX_SELECTOR_PARTS: usize = 500;

/// Elements within or behind each other.
const MAX_LEVELS: usize = 128;

/// The elements of a picture, in the order of the file, with what they refer to.
#[derive(Default)]
pub(super) struct DrawnElements {
    all: Vec<DrawnElement>,
    /// Those that are not closed yet.
    open: Vec<usize>,
    rules: Vec<StyleRule>,
    selector_parts: usize,
    /// The largest dashes and fonts in the picture, taken for every outline and text: both are inherited.
    inherited: StyleEffects,
}

#[derive(Default)]
struct DrawnElement {
    name: &'static str,
    id: Option<String>,
    classes: HashSet<String>,
    /// Of attributes and text, in bytes.
    length: f64,
    /// At most, in the picture's units.
    outline: f64,
    children: Vec<usize>,
    references: Vec<String>,
}

/// How often elements are drawn, and how many are within each other.
#[derive(Clone, Copy)]
struct Weight {
    elements: f64,
    levels: usize,
}

#[derive(Clone, Copy)]
enum Visit {
    New,
    UnderWay,
    Done(Weight),
}

impl DrawnElements {
    pub(super) fn open(&mut self, name: &'static str) -> Result<(), PictureError> {
        let place = self.all.len();
        bounded(count(place))?;
        if let Some(parent) = self.open.last() {
            self.all[*parent].children.push(place);
        }
        self.open.push(place);
        self.all.push(DrawnElement { name, ..DrawnElement::default() });
        Ok(())
    }

    /// Notes an attribute of the innermost open element. Answers its value as it is kept, if it is.
    pub(super) fn attribute<'a>(
        &mut self,
        name: &str,
        value: Cow<'a, str>,
    ) -> Result<Option<Cow<'a, str>>, PictureError> {
        let Some(element) = self.open.last().map(|place| &mut self.all[*place]) else { return Ok(None) };
        element.length += count(value.len());
        element.outline += dashes::outline_length(element.name, name, &value);
        let (value, effects) = match name {
            "style" => {
                let block = StyleBlock::read(&value)?;
                ((!block.written.is_empty()).then_some(block.written.into()), block.effects)
            }
            property if PROPERTIES.contains(&property) => {
                match StyleEffects::of(property, value.trim_ascii())? {
                    Some(effects) => (Some(value), effects),
                    None => return Ok(None),
                }
            }
            _ => {
                element.note(name, &value)?;
                return Ok(Some(value));
            }
        };
        self.inherited.add_inherited(&effects);
        element.references.extend(effects.references);
        Ok(value)
    }

    pub(super) fn text(&mut self, text: &str) {
        if let Some(element) = self.open.last().map(|place| &mut self.all[*place]) {
            element.length += count(text.len());
            if element.writes() {
                element.outline = f64::INFINITY;
            }
        }
    }

    /// Notes a style sheet. Answers it as it is kept.
    pub(super) fn style_sheet(&mut self, sheet: &str) -> Result<String, PictureError> {
        let sheet = StyleSheet::read(sheet)?;
        for rule in sheet.rules {
            self.selector_parts += rule.parts;
            self.inherited.add_inherited(&rule.block.effects);
            self.rules.push(rule);
        }
        if self.selector_parts > MAX_SELECTOR_PARTS {
            return Err(forbidden(format!(
                "more than {MAX_SELECTOR_PARTS} names, classes and ids in selectors"
            )));
        }
        Ok(sheet.written)
    }

    pub(super) fn close(&mut self) {
        self.open.pop();
    }

    /// Refuses a picture that draws too much or refers to itself.
    pub(super) fn check(&self) -> Result<(), PictureError> {
        let mut places = HashMap::new();
        for (place, element) in self.all.iter().enumerate() {
            if let Some(id) = &element.id {
                // Of two elements with the same id, browsers take the first.
                places.entry(id.as_str()).or_insert(place);
            }
        }
        let mut weighing = Weighing { elements: self, places, visits: vec![Visit::New; self.all.len()] };
        weighing.weigh(0, 0).map(|_| ())
    }

    /// What an element draws by itself. A rule of a style sheet counts for each element that it reaches.
    fn own_weight(&self, element: &DrawnElement) -> f64 {
        // Without dashes, an outline of unknown length is no matter.
        let dashes = self.inherited.dashes_per_unit;
        let dashes = if dashes > 0.0 { element.outline * dashes } else { 0.0 };
        let fonts = if element.writes() { count(self.inherited.font_families) } else { 0.0 };
        let style: f64 = self.blocks(element).map(|block| count(block.written.len())).sum();
        1.0 + (element.length + style) / BYTES_PER_ELEMENT
            + dashes / DASHES_PER_ELEMENT
            + fonts / FONTS_PER_ELEMENT
    }

    /// What the style sheets say of an element.
    fn blocks<'a>(&'a self, element: &'a DrawnElement) -> impl Iterator<Item = &'a StyleBlock> {
        let reaches = |rule: &&StyleRule| rule.reaches(element.name, element.id.as_deref(), &element.classes);
        self.rules.iter().filter(reaches).map(|rule| &rule.block)
    }

    /// What an element refers to, each as often as it is named.
    fn references<'a>(&'a self, element: &'a DrawnElement) -> impl Iterator<Item = &'a str> {
        let styled = self.blocks(element).flat_map(|block| &block.effects.references);
        element.references.iter().chain(styled).map(String::as_str)
    }
}

struct Weighing<'a> {
    elements: &'a DrawnElements,
    places: HashMap<&'a str, usize>,
    visits: Vec<Visit>,
}

impl Weighing<'_> {
    /// Weighs an element, with everything in it and behind it, once.
    fn weigh(&mut self, place: usize, level: usize) -> Result<Weight, PictureError> {
        if let Visit::Done(weight) = self.visits[place] {
            return within_levels(weight, level);
        }
        if matches!(self.visits[place], Visit::UnderWay) {
            return Err(forbidden("parts that refer to themselves in a circle"));
        }
        let element = &self.elements.all[place];
        let mut weight = Weight { elements: self.elements.own_weight(element), levels: 1 };
        within_levels(weight, level)?;
        self.visits[place] = Visit::UnderWay;
        for child in &element.children {
            weight.add(self.weigh(*child, level + 1)?)?;
        }
        for name in self.elements.references(element) {
            // One that leads nowhere is looked up even so.
            weight.elements += 1.0;
            bounded(weight.elements)?;
            let Some(target) = self.places.get(name).copied() else { continue };
            let mut behind = self.weigh(target, level + 1)?;
            if element.name != "use" && self.elements.all[target].paints() {
                behind.elements = 0.0;
            }
            weight.add(behind)?;
        }
        self.visits[place] = Visit::Done(weight);
        Ok(weight)
    }
}

impl DrawnElement {
    /// Notes an attribute that is no style.
    fn note(&mut self, name: &str, value: &str) -> Result<(), PictureError> {
        match name {
            "id" => self.id = Some(value.to_owned()),
            "class" => self.classes = value.split_ascii_whitespace().map(str::to_owned).collect(),
            "href" => {
                let target = value.strip_prefix('#').filter(|target| style::plain_name(target));
                let target = target.ok_or_else(|| forbidden("a reference with unusual letters"))?;
                self.references.push(target.to_owned());
            }
            _ => {}
        }
        Ok(())
    }

    fn writes(&self) -> bool {
        matches!(self.name, "text" | "tspan")
    }

    /// A gradient is a colour for what refers to it, and draws nothing by itself.
    fn paints(&self) -> bool {
        matches!(self.name, "linearGradient" | "radialGradient")
    }
}

impl Weight {
    fn add(&mut self, other: Self) -> Result<(), PictureError> {
        self.elements += other.elements;
        self.levels = self.levels.max(other.levels + 1);
        bounded(self.elements)
    }
}

/// Also refuses what is no number at all, which no comparison finds too large.
fn bounded(elements: f64) -> Result<(), PictureError> {
    if elements <= MAX_WEIGHT {
        return Ok(());
    }
    if elements.is_finite() {
        return Err(forbidden(format!(
            "more than {MAX_WEIGHT} elements to draw, all copies, masks, clip paths and dashes counted"
        )));
    }
    Err(forbidden("dashes too small, or beside text, arcs or units of length, where they cannot be counted"))
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

fn within_levels(weight: Weight, level: usize) -> Result<Weight, PictureError> {
    if level + weight.levels > MAX_LEVELS {
        return Err(forbidden("too many elements within or behind each other"));
    }
    Ok(weight)
}
