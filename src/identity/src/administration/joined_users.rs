//! Keeps clients with pairwise subjects away from resources that join people across clients.
//!
//! Such a resource stores data under `sub`: two clients that see different ones would not find the same data. Both
//! checks are part of the write that could break the rule. The check of a client locks the rows of its resources, and
//! a change of a resource locks the row of that resource, so one of two concurrent writes sees the other.

use postern_entities::{clients, resources, scopes};
use postern_service::database::Transaction;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _};

use super::{ChangeError, metadata::ClientMetadata};
use crate::clients::SubjectType;

/// Refuses a pairwise client that may request a scope of a resource that joins people.
pub(super) async fn check_client(
    tx: &Transaction,
    client_id: &str,
    metadata: &ClientMetadata,
) -> Result<(), ChangeError> {
    if metadata.subject_type != SubjectType::Pairwise {
        return Ok(());
    }
    let scopes = scopes::Entity::find()
        .filter(scopes::Column::Name.is_in(metadata.scopes.iter().map(String::as_str)))
        .all(tx)
        .await?;
    let identifiers = scopes.iter().map(|scope| scope.resource.as_str());
    let resources = resources::Entity::find()
        .filter(resources::Column::Identifier.is_in(identifiers))
        .lock_shared()
        .all(tx)
        .await?;
    match resources.iter().find(|resource| resource.joins_users) {
        Some(resource) => Err(refusal(client_id, &resource.identifier)),
        None => Ok(()),
    }
}

/// Refuses a resource that joins people if a pairwise client may request one of its scopes. The caller has locked the
/// row of the resource and stored its scopes.
pub(super) async fn check_resource(tx: &Transaction, identifier: &str) -> Result<(), ChangeError> {
    let scopes = scopes::Entity::find().filter(scopes::Column::Resource.eq(identifier)).all(tx).await?;
    let pairwise: Vec<(String, postern_entities::values::StringList)> = clients::Entity::find()
        .select_only()
        .columns([clients::Column::ClientId, clients::Column::Scopes])
        .filter(clients::Column::SubjectType.eq(SubjectType::Pairwise.as_str()))
        .into_tuple()
        .all(tx)
        .await?;
    let has_scope = |list: &postern_entities::values::StringList| {
        list.iter().any(|own| scopes.iter().any(|scope| scope.name == *own))
    };
    match pairwise.iter().find(|(_, list)| has_scope(list)) {
        Some((client_id, _)) => Err(refusal(client_id, identifier)),
        None => Ok(()),
    }
}

fn refusal(client_id: &str, resource: &str) -> ChangeError {
    ChangeError::Refused(format!(
        "the client {client_id} cannot have pairwise subjects and a scope of {resource}: this resource joins people \
         across clients (joins_users), so it needs the sub that is the same for all"
    ))
}
