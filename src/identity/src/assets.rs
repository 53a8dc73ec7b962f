//! Defines the static files of the pages (style sheet, logo, script), kept in memory.
//!
//! The URL of a file contains a hash of its content, so that browsers may cache the file for ever and a new
//! version has a new URL. A URL with another hash (from a page of a node with another version) is answered
//! with the current content, which must not be cached. Leaves the HTTP response to `http::pages::assets`.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

#[derive(Clone, Debug)]
pub struct Asset {
    pub content: Vec<u8>,
    /// The first 16 characters of the base64url SHA-256 of the content.
    pub hash: String,
    pub media_type: &'static str,
}

#[derive(Clone, Debug, Default)]
pub struct Assets(BTreeMap<String, Asset>);

impl Assets {
    /// Hashes `(name, content)` pairs; a name with an unknown extension is left out.
    pub fn from_files(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let assets = files.into_iter().filter_map(|(name, content)| {
            let media_type = media_type(&name)?;
            let mut hash = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &content));
            hash.truncate(16);
            Some((name, Asset { content, hash, media_type }))
        });
        Self(assets.collect())
    }

    /// The file with this name, for example `postern.css`.
    pub fn find(&self, name: &str) -> Option<&Asset> {
        self.0.get(name)
    }

    /// The URL path of a file, with its hash.
    pub fn path(&self, name: &str) -> Option<String> {
        Some(format!("/assets/{}/{name}", self.find(name)?.hash))
    }
}

fn media_type(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        _ => return None,
    })
}
