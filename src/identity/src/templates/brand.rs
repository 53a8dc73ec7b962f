//! Defines [`Brand`]: name, logos, colours and addresses of the operator, as templates, messages and browsers get them.
//!
//! Owns the stylesheet `brand.css`, which sets the custom properties that `postern.css` derives everything from, and
//! the contrast that follows. Leaves the rules for the settings to `config`.

use std::{fs, path::Path};

use fluent_bundle::{FluentArgs, FluentValue};
use minijinja::{HtmlEscape, Value, context};
use postern_service::asset::Assets;

use super::TemplateError;
use crate::{
    colour::{Colour, Oklch},
    config::{PageSettings, Support},
    pictures::Picture,
};

/// The file that pages load after `postern.css`.
pub const STYLESHEET: &str = "brand.css";

/// The colours of `postern.css` that texts have.
struct Palette {
    /// `--on`: text on the accent.
    on: Colour,
    /// `--ground`: the page behind the cards, where no setting gives another.
    ground: Colour,
    /// `--ink` and `--soft`: text, and text that is less important.
    ink: Colour,
    soft: Colour,
}

const DAY: Palette = Palette {
    on: Colour::from_bytes(255, 255, 255),
    ground: Colour::from_bytes(0xf1, 0xee, 0xe7),
    ink: Colour::from_bytes(0x18, 0x21, 0x1f),
    soft: Colour::from_bytes(0x55, 0x60, 0x5d),
};
const NIGHT: Palette = Palette {
    on: Colour::from_bytes(0x0b, 0x14, 0x13),
    ground: Colour::from_bytes(0x0e, 0x12, 0x11),
    ink: Colour::from_bytes(0xe9, 0xee, 0xec),
    soft: Colour::from_bytes(0xa5, 0xb1, 0xae),
};
const ACCENT: Colour = Colour::from_bytes(0x0b, 0x5d, 0x57);

pub struct Brand {
    name: String,
    support: Option<Support>,
    urls: [Option<String>; 3],
    stylesheet: Option<String>,
    /// The accent by day and by night, for mails: they load no stylesheet.
    accents: [Colour; 2],
    logos: Vec<(&'static str, Picture)>,
}

/// The contrast of text on the accent, and of links and texts on the ground (WCAG 2.2, 1.4.3 asks for 4.5).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contrast {
    pub text_on_accent: f64,
    pub accent_on_ground: f64,
    pub text_on_ground: f64,
    pub soft_text_on_ground: f64,
}

impl Contrast {
    /// Of the text that is hardest to read on the ground. Links are left out: they follow the accent.
    pub fn least_text_on_ground(self) -> f64 {
        self.text_on_ground.min(self.soft_text_on_ground)
    }
}

impl Brand {
    /// Reads the settings and the logos that they name.
    pub fn load(settings: &PageSettings) -> Result<Self, TemplateError> {
        let mut logos = Vec::new();
        for (name, file) in [("logo", &settings.logo), ("logo-dark", &settings.logo_dark)] {
            if let Some(file) = file {
                logos.push((name, read_logo(file)?));
            }
        }
        let url = |url: &Option<url::Url>| url.as_ref().map(ToString::to_string);
        Ok(Self {
            name: settings.name.trim().to_owned(),
            support: settings.support(),
            urls: [url(&settings.help_url), url(&settings.privacy_url), url(&settings.terms_url)],
            stylesheet: stylesheet(settings),
            accents: accents(settings),
            logos,
        })
    }

    /// The files that pages load, as `(name, content)`.
    pub(super) fn files(&self) -> Vec<(String, Vec<u8>)> {
        let logos = self.logos.iter().map(|(name, logo)| (file_name(name, logo), logo.content().to_vec()));
        let stylesheet =
            self.stylesheet.iter().map(|text| (STYLESHEET.to_owned(), text.clone().into_bytes()));
        logos.chain(stylesheet).collect()
    }

    /// The global `brand` of every template.
    pub(super) fn values(&self, assets: &Assets) -> Value {
        let logo = |wanted: &str| {
            let (name, logo) = self.logos.iter().find(|(name, _)| *name == wanted)?;
            assets.path(&file_name(name, logo)).map(Value::from_safe_string)
        };
        let [help_url, privacy_url, terms_url] = &self.urls;
        let [accent, accent_dark] = self.accents.map(|accent| accent.to_string());
        context! {
            name => &self.name,
            logo => logo("logo"),
            logo_dark => logo("logo-dark"),
            support => self.support.as_ref().map(|support| &support.url),
            support_text => self.support.as_ref().map(|support| &support.text),
            help_url, privacy_url, terms_url, accent, accent_dark,
            css => assets.path(STYLESHEET).map(Value::from_safe_string),
        }
    }

    /// The arguments `brand` and `support` of every message. `support` is `none` where nothing is set; on a page it is
    /// a link.
    pub(super) fn set_arguments(&self, arguments: &mut FluentArgs<'_>, html: bool) {
        let escaped = |text: &str| if html { HtmlEscape(text).to_string() } else { text.to_owned() };
        arguments.set("brand", FluentValue::from(escaped(&self.name)));
        let support = self.support.as_ref().map(|Support { url, text }| match html {
            true => format!("<a href=\"{}\">{}</a>", HtmlEscape(url), HtmlEscape(text)),
            false => text.clone(),
        });
        arguments.set("support", FluentValue::from(support.unwrap_or_else(|| "none".to_owned())));
    }
}

fn file_name(name: &str, logo: &Picture) -> String {
    format!("brand-{name}.{}", logo.kind.extension())
}

fn read_logo(file: &Path) -> Result<Picture, TemplateError> {
    let content = fs::read(file).map_err(|cause| TemplateError::UnreadableLogo(file.to_owned(), cause))?;
    Picture::made_safe(&content).map_err(|cause| TemplateError::Logo(file.to_owned(), cause))
}

/// The custom properties that differ from those of `postern.css`; none if no setting asks for one.
fn stylesheet(settings: &PageSettings) -> Option<String> {
    let accent = settings.accent().map(|accent| format!("  --brand: {accent};\n"));
    let ground = settings.ground().map(|ground| {
        format!("  --ground: {ground};\n  --ground: light-dark({ground}, {});\n", night_ground(ground))
    });
    let radius = settings.radius.map(|radius| format!("  --radius: {radius}px;\n"));
    let lines: String = [accent, ground, radius].into_iter().flatten().collect();
    (!lines.is_empty()).then(|| format!(":root {{\n{lines}}}\n"))
}

/// The ground of dark pages: as dark as the usual one, with a trace of the operator's colour.
fn night_ground(ground: Colour) -> Colour {
    let Oklch { chroma, hue, .. } = ground.oklch();
    Colour::from_oklch(Oklch { lightness: 0.18, chroma: chroma.min(0.02), hue })
}

/// The accent by day and by night, as `postern.css` derives it from the brand's colour.
fn accents(settings: &PageSettings) -> [Colour; 2] {
    let Oklch { lightness, chroma, hue } = settings.accent().unwrap_or(ACCENT).oklch();
    let day = Oklch { lightness: lightness.min(0.49), chroma, hue };
    let night = Oklch { lightness: lightness.clamp(0.79, 0.9), chroma: chroma.min(0.12), hue };
    [day, night].map(Colour::from_oklch)
}

/// By day and by night.
pub fn contrasts(settings: &PageSettings) -> [Contrast; 2] {
    let [day, night] = accents(settings);
    let ground = settings.ground();
    let contrast = |accent: Colour, palette: Palette, ground: Option<Colour>| {
        let ground = ground.unwrap_or(palette.ground);
        Contrast {
            text_on_accent: accent.contrast(palette.on),
            accent_on_ground: accent.contrast(ground),
            text_on_ground: palette.ink.contrast(ground),
            soft_text_on_ground: palette.soft.contrast(ground),
        }
    };
    [contrast(day, DAY, ground), contrast(night, NIGHT, ground.map(night_ground))]
}
