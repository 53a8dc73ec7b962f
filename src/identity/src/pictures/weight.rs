//! Bounds what a browser draws of an SVG.
//!
//! A few lines can copy, mask and clip each other so often that no browser comes to an end. So the elements are counted
//! as often as they are drawn: a reference counts as much as what it refers to.

use std::collections::HashMap;

use super::{
    PictureError,
    style::{self, Rule},
    svg::forbidden,
};

/// Elements that are drawn, copies included. A browser draws them in less than a second.
const MAX_WEIGHT: u32 = 10_000;

/// Bytes of attributes and text that count as one more element: a long path takes longer than a short one.
const BYTES_PER_ELEMENT: usize = 100;

/// Elements within or behind each other.
const MAX_LEVELS: usize = 128;

/// The elements of a picture, in the order of the file, with what they refer to.
#[derive(Default)]
pub(super) struct Elements {
    all: Vec<Element>,
    /// Those that are not closed yet.
    open: Vec<usize>,
    rules: Vec<Rule>,
}

struct Element {
    name: &'static str,
    id: Option<String>,
    classes: String,
    length: usize,
    children: Vec<usize>,
    references: Vec<String>,
}

/// How often elements are drawn, and how many are within each other.
#[derive(Clone, Copy)]
struct Weight {
    elements: u32,
    levels: usize,
}

#[derive(Clone, Copy)]
enum Visit {
    New,
    UnderWay,
    Done(Weight),
}

impl Elements {
    pub(super) fn open(&mut self, name: &'static str) {
        let place = self.all.len();
        if let Some(parent) = self.open.last() {
            self.all[*parent].children.push(place);
        }
        self.open.push(place);
        self.all.push(Element {
            name,
            id: None,
            classes: String::new(),
            length: 0,
            children: Vec::new(),
            references: Vec::new(),
        });
    }

    /// Notes an attribute of the innermost open element.
    pub(super) fn attribute(&mut self, name: &str, value: &str) -> Result<(), PictureError> {
        let Some(element) = self.open.last().map(|place| &mut self.all[*place]) else { return Ok(()) };
        element.length += value.len();
        match name {
            "id" => element.id = Some(value.to_owned()),
            "class" => value.clone_into(&mut element.classes),
            "href" => {
                let target = value.strip_prefix('#').filter(|target| style::plain_name(target));
                let target = target.ok_or_else(|| forbidden("a reference with unusual letters"))?;
                element.references.push(target.to_owned());
            }
            _ => element.references.extend(style::references_of(name, value)?),
        }
        Ok(())
    }

    pub(super) fn text(&mut self, text: &str) {
        if let Some(place) = self.open.last() {
            self.all[*place].length += text.len();
        }
    }

    pub(super) fn style_sheet(&mut self, sheet: &str) -> Result<(), PictureError> {
        self.rules.extend(style::rules(sheet)?);
        Ok(())
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
        let weight = weighing.weigh(0, 0)?;
        if weight.elements > MAX_WEIGHT {
            return Err(forbidden(format!(
                "more than {MAX_WEIGHT} elements to draw, all copies, masks and clip paths counted"
            )));
        }
        Ok(())
    }
}

struct Weighing<'a> {
    elements: &'a Elements,
    places: HashMap<&'a str, usize>,
    visits: Vec<Visit>,
}

impl<'a> Weighing<'a> {
    /// Weighs an element, with everything in it and behind it, once.
    fn weigh(&mut self, place: usize, level: usize) -> Result<Weight, PictureError> {
        if let Visit::Done(weight) = self.visits[place] {
            return within_levels(weight, level);
        }
        if matches!(self.visits[place], Visit::UnderWay) {
            return Err(forbidden("parts that refer to themselves in a circle"));
        }
        let element = &self.elements.all[place];
        let mut weight = Weight { elements: element.own_weight(), levels: 1 };
        within_levels(weight, level)?;
        self.visits[place] = Visit::UnderWay;
        for child in &element.children {
            weight.add(self.weigh(*child, level + 1)?);
        }
        for target in self.targets(element) {
            let mut behind = self.weigh(target, level + 1)?;
            if element.name != "use" && self.elements.all[target].paints() {
                behind.elements = 0;
            }
            weight.add(behind);
        }
        self.visits[place] = Visit::Done(weight);
        Ok(weight)
    }

    /// The places of the elements that this one refers to, each as often as it is named.
    fn targets(&self, element: &'a Element) -> Vec<usize> {
        let reaching = self.elements.rules.iter().filter(|rule| element.reached_by(rule));
        let references = element.references.iter().chain(reaching.flat_map(|rule| &rule.references));
        references.filter_map(|id| self.places.get(id.as_str()).copied()).collect()
    }
}

impl Element {
    fn own_weight(&self) -> u32 {
        u32::try_from(1 + self.length / BYTES_PER_ELEMENT).unwrap_or(u32::MAX)
    }

    /// A gradient is a colour for what refers to it, and draws nothing by itself.
    fn paints(&self) -> bool {
        matches!(self.name, "linearGradient" | "radialGradient")
    }

    fn reached_by(&self, rule: &Rule) -> bool {
        rule.reaches(self.name, self.id.as_deref(), &self.classes)
    }
}

impl Weight {
    fn add(&mut self, other: Self) {
        self.elements = self.elements.saturating_add(other.elements);
        self.levels = self.levels.max(other.levels + 1);
    }
}

fn within_levels(weight: Weight, level: usize) -> Result<Weight, PictureError> {
    if level + weight.levels > MAX_LEVELS {
        return Err(forbidden("too many elements within or behind each other"));
    }
    Ok(weight)
}
