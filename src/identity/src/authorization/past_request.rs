//! Answers which client a request was from that is over, so that a page about its end leads back to the client.
//!
//! Only the browser that began the request gets an answer, as with a request that is pending.

use std::sync::Arc;

use postern_entities::authorization_requests as rows;
use postern_service::database::DatabaseError;
use sea_orm::{EntityTrait as _, QuerySelect as _};

use super::sealed::{self, RequestHandle};
use crate::{App, clients::Client, crypto};

/// The client of an expired or finished request of this browser; none if the request is unknown, or its client is gone.
pub async fn client_of_past_request(
    app: &App,
    handle: &RequestHandle,
    browser_secret: &str,
) -> Result<Option<Arc<Client>>, DatabaseError> {
    let client_id = match handle {
        RequestHandle::Stored(id) => {
            let row = rows::Entity::find_by_id(*id)
                .select_only()
                .columns([rows::Column::BrowserHash, rows::Column::ClientId]);
            let row: Option<(Vec<u8>, String)> = row.into_tuple().one(app.db.reader()).await?;
            let own = |hash: &[u8]| crypto::constant_time_equal(hash, &crypto::token_hash(browser_secret));
            row.filter(|(hash, _)| own(hash)).map(|(_, client_id)| client_id)
        }
        RequestHandle::Sealed(text) => {
            let opened = sealed::open_of_any_age(app, text, Some(browser_secret));
            opened.ok().map(|(request, _)| request.client_id)
        }
    };
    Ok(client_id.and_then(|client_id| app.clients().find(&client_id).cloned()))
}
