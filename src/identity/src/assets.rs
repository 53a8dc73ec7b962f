//! Defines the files that pages load: stylesheet, mark and script, kept in memory.
//!
//! A file's address holds a hash of its content, so that browsers may keep it for ever and a new
//! version is a new address. An address with another hash (a page of a node with another version)
//! answers with what is there now, not to be kept.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// One file.
#[derive(Clone, Debug)]
pub struct Asset {
    /// Its content.
    pub content: Vec<u8>,
    /// Start of the hash of its content, base64url.
    pub hash: String,
    /// Its media type.
    pub media_type: &'static str,
}

/// Every file, by name.
#[derive(Clone, Debug, Default)]
pub struct Assets(BTreeMap<String, Asset>);

impl Assets {
    /// Keeps `(name, content)` pairs; a name whose ending is unknown is left out.
    pub fn keep(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let assets = files.into_iter().filter_map(|(name, content)| {
            let media_type = media_type(&name)?;
            let mut hash = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &content));
            hash.truncate(16);
            Some((name, Asset { content, hash, media_type }))
        });
        Self(assets.collect())
    }

    /// The file with this name, such as `postern.css`.
    pub fn find(&self, name: &str) -> Option<&Asset> {
        self.0.get(name)
    }

    /// The address of a file.
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
