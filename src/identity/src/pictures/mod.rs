//! Makes pictures of others safe to serve from the issuer's origin: logos of clients and of the operator.
//!
//! A PNG is decoded once to see that it is whole, and keeps only what draws it. An SVG is a document that could run
//! scripts and load files: it is written anew from an allow-list. Leaves to
//! `postern_service::asset` the policy under which a picture is answered.

mod dashes;
mod png;
mod style;
mod svg;
mod weight;

/// Largest picture that is taken, in bytes.
pub const MAX_LENGTH: usize = 64 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureKind {
    Png,
    Svg,
}

impl PictureKind {
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Svg => "image/svg+xml",
        }
    }

    /// Of a file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Svg => "svg",
        }
    }

    pub fn from_extension(extension: &str) -> Option<Self> {
        [Self::Png, Self::Svg].into_iter().find(|kind| kind.extension() == extension)
    }
}

/// A picture that may be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pub kind: PictureKind,
    content: Vec<u8>,
}

/// Why a picture is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    #[error("the file has {0} bytes; at most 65536 are taken")]
    TooLarge(usize),
    #[error("the file is neither PNG nor SVG")]
    UnknownFormat,
    #[error("the PNG cannot be read: {0}")]
    BrokenPng(String),
    #[error("the picture has {0} x {1} pixels; at most 1024 x 1024 are taken")]
    TooManyPixels(u32, u32),
    #[error("the SVG cannot be read: {0}")]
    BrokenSvg(String),
    #[error("the SVG has {0}, which a logo may not have")]
    Forbidden(String),
}

impl Picture {
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    pub fn into_content(self) -> Vec<u8> {
        self.content
    }

    /// Reads a PNG or SVG, and leaves out whatever does not draw.
    pub fn made_safe(file: &[u8]) -> Result<Self, PictureError> {
        if file.len() > MAX_LENGTH {
            return Err(PictureError::TooLarge(file.len()));
        }
        if file.starts_with(&png::SIGNATURE) {
            return Ok(Self { kind: PictureKind::Png, content: png::made_safe(file)? });
        }
        let text = std::str::from_utf8(file).map_err(|_| PictureError::UnknownFormat)?;
        let text = text.trim_start_matches('\u{feff}').trim_start();
        if !text.starts_with('<') {
            return Err(PictureError::UnknownFormat);
        }
        Ok(Self { kind: PictureKind::Svg, content: svg::made_safe(text)?.into_bytes() })
    }
}
