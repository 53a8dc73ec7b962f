//! Stores and removes the logo of a client.

use postern_entities::client_logos::{Column, Entity, Model};
use postern_service::database::DatabaseError;
use sea_orm::{EntityTrait as _, IntoActiveModel as _, sea_query::OnConflict};

use crate::{clients::ClientLogo, core::Write, pictures::Picture};

/// What becomes of a client's logo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogoChange {
    /// [`Picture::made_safe`] is the only way to a picture.
    Replace(Picture),
    Remove,
}

pub(super) async fn apply(
    write: &Write<'_>,
    client_id: &str,
    change: LogoChange,
) -> Result<(), DatabaseError> {
    let LogoChange::Replace(picture) = change else {
        Entity::delete_by_id(client_id).exec(write).await?;
        return Ok(());
    };
    let ClientLogo { kind, hash } = ClientLogo::from(&picture);
    let row = Model {
        client_id: client_id.to_owned(),
        kind: kind.extension().to_owned(),
        hash,
        content: picture.into_content(),
    };
    let replace = OnConflict::column(Column::ClientId)
        .update_columns([Column::Kind, Column::Hash, Column::Content])
        .to_owned();
    Entity::insert(row.into_active_model()).on_conflict(replace).exec_without_returning(write).await?;
    Ok(())
}
