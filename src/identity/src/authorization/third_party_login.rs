//! Answers where a sign-in for a client begins that another party begins (OpenID Connect Core section 4).
//!
//! The person follows a link of this issuer to the client, which then sends an authorization request as always.
//! `login_hint` and `target_link_uri` are left out: the browser is signed in here, and the client has a front page.

use super::parameters::append_query;
use crate::{App, clients::Client};

/// The `initiate_login_uri` of the client, with the issuer as `iss`; none if the client has none.
pub fn third_party_login_uri(app: &App, client: &Client) -> Option<String> {
    let uri = client.row.initiate_login_uri.as_deref()?;
    Some(append_query(uri, [("iss", app.config.issuer.as_str().into())]))
}
