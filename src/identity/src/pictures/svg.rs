//! Makes an SVG safe: writes it anew from an allow-list of elements and attributes.
//!
//! Whatever could run, load or link is refused by name, so that nobody wonders why a logo looks different. Comments,
//! metadata and the data of drawing programs are left out silently. A reference stays within the picture. Leaves styles
//! to `style`, and how much may be drawn to `weight`.

use std::borrow::Cow;

use quick_xml::{
    Reader,
    escape::escape,
    events::{BytesStart, Event},
};

use super::{PictureError, style::PROPERTIES, weight::DrawnElements};

const NAMESPACE: &str = "http://www.w3.org/2000/svg";

/// Deeper than drawing programs nest.
const MAX_DEPTH: usize = 64;

const ELEMENTS: [&str; 22] = [
    "svg",
    "g",
    "defs",
    "symbol",
    "use",
    "title",
    "desc",
    "style",
    "path",
    "rect",
    "circle",
    "ellipse",
    "line",
    "polyline",
    "polygon",
    "text",
    "tspan",
    "linearGradient",
    "radialGradient",
    "stop",
    "clipPath",
    "mask",
];

/// Elements whose text is kept; elsewhere text draws nothing.
const TEXT_ELEMENTS: [&str; 5] = ["title", "desc", "style", "text", "tspan"];

/// Attributes beside the properties of styles. Others are left out.
const ATTRIBUTES: [&str; 33] = [
    "id",
    "class",
    "style",
    "d",
    "x",
    "y",
    "x1",
    "y1",
    "x2",
    "y2",
    "dx",
    "dy",
    "cx",
    "cy",
    "r",
    "rx",
    "ry",
    "fx",
    "fy",
    "width",
    "height",
    "viewBox",
    "preserveAspectRatio",
    "points",
    "offset",
    "gradientUnits",
    "gradientTransform",
    "spreadMethod",
    "clipPathUnits",
    "maskUnits",
    "maskContentUnits",
    "role",
    "aria-label",
];

/// Writes a picture anew. What was written is read once more, as if it came from outside, and must stay as it is.
pub(super) fn made_safe(text: &str) -> Result<String, PictureError> {
    let written = written_anew(text)?;
    if written_anew(&written)? != written {
        return Err(PictureError::BrokenSvg("it reads differently each time".to_owned()));
    }
    Ok(written)
}

fn written_anew(text: &str) -> Result<String, PictureError> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut picture = SafeSvg::default();
    loop {
        match reader.read_event().map_err(|cause| broken(&cause))? {
            Event::Start(element) => {
                if !picture.open(&element)? {
                    reader.read_to_end(element.name()).map_err(|cause| broken(&cause))?;
                }
            }
            Event::End(_) => picture.close()?,
            Event::Text(text) => picture.text(&text.unescape().map_err(|cause| broken(&cause))?)?,
            Event::CData(text) => picture.text(&String::from_utf8_lossy(&text))?,
            // Entities could hide what is refused, and grow without end.
            Event::DocType(text) if text.contains(&b'[') => return Err(forbidden("entities of its own")),
            Event::Eof => return picture.finish(),
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

/// The picture as far as it is written.
#[derive(Default)]
struct SafeSvg {
    written: String,
    open: Vec<&'static str>,
    elements: DrawnElements,
    /// The style sheet that is open: a comment may split a word of it into two texts.
    sheet: String,
}

impl SafeSvg {
    /// Writes the start of an element. False if the element is left out with everything in it.
    fn open(&mut self, element: &BytesStart<'_>) -> Result<bool, PictureError> {
        let name = element.name();
        let name = std::str::from_utf8(name.as_ref()).map_err(|cause| broken(&cause))?;
        let root = self.written.is_empty();
        if root && name != "svg" {
            return Err(PictureError::BrokenSvg(format!(
                "it begins with <{}> instead of <svg>",
                shortened(name)
            )));
        }
        if self.open.is_empty() && !root {
            return Err(PictureError::BrokenSvg("something follows its end".to_owned()));
        }
        if name.contains(':') || name == "metadata" {
            return Ok(false);
        }
        let known = ELEMENTS.iter().find(|known| **known == name);
        let known = known.ok_or_else(|| forbidden(format!("<{}>", shortened(name))))?;
        if self.open.len() == MAX_DEPTH {
            return Err(forbidden("too many elements within each other"));
        }
        if self.open.last() == Some(&"style") {
            return Err(forbidden("elements within a style"));
        }
        self.elements.open(known)?;
        self.written.push('<');
        self.written.push_str(known);
        if root {
            self.attribute("xmlns", NAMESPACE)?;
        }
        self.attributes(element)?;
        self.written.push('>');
        self.open.push(known);
        Ok(true)
    }

    fn attributes(&mut self, element: &BytesStart<'_>) -> Result<(), PictureError> {
        let mut refers = false;
        for attribute in element.attributes() {
            let attribute = attribute.map_err(|cause| broken(&cause))?;
            let name = std::str::from_utf8(attribute.key.as_ref()).map_err(|cause| broken(&cause))?;
            let value = attribute.unescape_value().map_err(|cause| broken(&cause))?;
            let Some(name) = kept_attribute(name, &value)? else { continue };
            // `href` and `xlink:href` are one name here; an element has it once.
            if name == "href" && std::mem::replace(&mut refers, true) {
                continue;
            }
            if let Some(value) = self.elements.attribute(name, value)? {
                self.attribute(name, &value)?;
            }
        }
        Ok(())
    }

    fn attribute(&mut self, name: &str, value: &str) -> Result<(), PictureError> {
        self.written.push_str(&format!(" {name}=\"{}\"", escaped(value)?));
        Ok(())
    }

    fn close(&mut self) -> Result<(), PictureError> {
        let Some(name) = self.open.pop() else { return Ok(()) };
        if name == "style" {
            let sheet = self.elements.style_sheet(&std::mem::take(&mut self.sheet))?;
            self.written.push_str(&escaped(&sheet)?);
        }
        self.elements.close();
        self.written.push_str(&format!("</{name}>"));
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), PictureError> {
        let Some(within) = self.open.last().filter(|name| TEXT_ELEMENTS.contains(name)) else {
            return Ok(());
        };
        if *within == "style" {
            self.sheet.push_str(text);
            return Ok(());
        }
        self.elements.text(text);
        self.written.push_str(&escaped(text)?);
        Ok(())
    }

    fn finish(self) -> Result<String, PictureError> {
        if self.written.is_empty() || !self.open.is_empty() {
            return Err(PictureError::BrokenSvg("its end is missing".to_owned()));
        }
        self.elements.check()?;
        Ok(self.written)
    }
}

/// The name under which an attribute is kept; none if it is left out.
fn kept_attribute<'a>(name: &'a str, value: &str) -> Result<Option<&'a str>, PictureError> {
    let lower = name.to_ascii_lowercase();
    if lower.starts_with("on") {
        return Err(forbidden(format!("the attribute {}", shortened(name))));
    }
    if name == "xmlns" && value != NAMESPACE {
        return Err(forbidden("elements of another language"));
    }
    if name == "href" || name == "xlink:href" {
        return if value.starts_with('#') {
            Ok(Some("href"))
        } else {
            Err(forbidden("a reference to another file"))
        };
    }
    Ok((ATTRIBUTES.contains(&name) || PROPERTIES.contains(&name)).then_some(name))
}

/// A text as it is written. A reference such as `&#1;` can name characters that XML forbids even so (XML 1.0, 2.2).
fn escaped(text: &str) -> Result<Cow<'_, str>, PictureError> {
    let allowed = |letter| matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    if !text.chars().all(allowed) {
        return Err(PictureError::BrokenSvg("it has a character that XML forbids".to_owned()));
    }
    Ok(escape(text))
}

fn broken(cause: &dyn std::error::Error) -> PictureError {
    PictureError::BrokenSvg(cause.to_string())
}

pub(super) fn forbidden(what: impl Into<String>) -> PictureError {
    PictureError::Forbidden(what.into())
}

/// A name out of the file, for an error of one line.
fn shortened(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_control()).take(40).collect()
}
