//! Defines the logos of clients: which client has one is held in memory, the picture stays in the database.

use std::collections::HashMap;

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use postern_entities::client_logos::{Column, Entity};
use postern_service::database::DatabaseError;
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QuerySelect as _};

use crate::pictures::{Picture, PictureKind};

/// Of a hash in a path: 22 characters of base64url are 132 bits.
const HASH_LENGTH: usize = 22;

/// A stored logo, without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientLogo {
    pub kind: PictureKind,
    pub hash: String,
}

impl ClientLogo {
    /// The name in the path. Another picture has another name, so browsers may keep the picture for ever.
    pub fn file_name(&self) -> String {
        format!("{}.{}", self.hash, self.kind.extension())
    }

    /// Reads [`Self::file_name`]; none if it is no such name.
    pub fn from_file_name(name: &str) -> Option<Self> {
        let (hash, extension) = name.split_once('.')?;
        let plain = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'-' || letter == b'_';
        let valid = hash.len() == HASH_LENGTH && hash.bytes().all(plain);
        let kind = PictureKind::from_extension(extension).filter(|_| valid)?;
        Some(Self { kind, hash: hash.to_owned() })
    }
}

impl From<&Picture> for ClientLogo {
    fn from(picture: &Picture) -> Self {
        let mut hash = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, picture.content()));
        hash.truncate(HASH_LENGTH);
        Self { kind: picture.kind, hash }
    }
}

/// The content of a logo; none if no client has it any more.
pub async fn find_logo(
    db: &impl ConnectionTrait,
    logo: &ClientLogo,
) -> Result<Option<Vec<u8>>, DatabaseError> {
    let found = Entity::find()
        .select_only()
        .column(Column::Content)
        .filter(Column::Hash.eq(&logo.hash))
        .filter(Column::Kind.eq(logo.kind.extension()));
    Ok(found.into_tuple().one(db).await?)
}

/// All logos, by `client_id`.
pub(super) async fn load_all(
    db: &impl ConnectionTrait,
) -> Result<HashMap<String, ClientLogo>, DatabaseError> {
    let rows: Vec<(String, String, String)> = Entity::find()
        .select_only()
        .columns([Column::ClientId, Column::Kind, Column::Hash])
        .into_tuple()
        .all(db)
        .await?;
    let logo = |(client_id, kind, hash): (String, String, String)| {
        Some((client_id, ClientLogo { kind: PictureKind::from_extension(&kind)?, hash }))
    };
    Ok(rows.into_iter().filter_map(logo).collect())
}
