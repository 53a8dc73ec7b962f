//! Answers which apps a session that ended was used with, for the page after the sign-out.
//!
//! An app is told by the provider (`backchannel_logout`) or by the browser, whose page loads the app's
//! (OpenID Connect Front-Channel Logout 1.0). Everything here is about the session of the browser that asks.

use std::borrow::Cow;

use postern_service::database::DatabaseError;
use url::Url;
use uuid::Uuid;

use super::parameters::append_query;
use crate::{App, clients::Client, grants};

/// Apps that the page names, and frames that it loads.
const MAX_APPS: u64 = 50;

/// The apps of a session that ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignedOutApps {
    /// Names of the apps that are being told.
    pub told: Vec<String>,
    /// Names of the apps that cannot be told: they have no address for it.
    pub not_told: Vec<String>,
    /// Pages of apps that the browser loads to sign them out.
    pub frames: Vec<LogoutFrame>,
}

/// A front-channel page of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutFrame {
    /// The address with `iss` and `sid`.
    pub uri: String,
    pub origin: String,
    /// The name of the app.
    pub name: String,
}

impl SignedOutApps {
    /// The apps of the session `sid`.
    pub async fn of_session(app: &App, sid: Uuid) -> Result<Self, DatabaseError> {
        let clients = app.clients();
        let mut apps = Self::default();
        for client_id in grants::clients_of_session(app.db.reader(), sid, MAX_APPS).await? {
            if let Some(client) = clients.find(&client_id) {
                apps.add(client, &app.config.issuer, sid);
            } else {
                // Nobody calls a disabled client.
                let disabled = clients.all().find(|client| client.client_id() == client_id);
                apps.not_told.extend(disabled.map(|client| client.row.name.clone()));
            }
        }
        Ok(apps)
    }

    fn add(&mut self, client: &Client, issuer: &str, sid: Uuid) {
        let frame =
            client.row.frontchannel_logout_uri.as_deref().and_then(|uri| frame(client, uri, issuer, sid));
        let told = frame.is_some() || client.row.backchannel_logout_uri.is_some();
        self.frames.extend(frame);
        let names = if told { &mut self.told } else { &mut self.not_told };
        names.push(client.row.name.clone());
    }

    pub fn is_empty(&self) -> bool {
        self.told.is_empty() && self.not_told.is_empty()
    }
}

/// Front-Channel Logout section 3: `iss` and `sid` come together, beside what the address has already.
fn frame(client: &Client, uri: &str, issuer: &str, sid: Uuid) -> Option<LogoutFrame> {
    let parameters = [("iss", Cow::from(issuer)), ("sid", Cow::from(sid.to_string()))];
    Some(LogoutFrame {
        origin: Url::parse(uri).ok()?.origin().ascii_serialization(),
        uri: append_query(uri, parameters),
        name: client.row.name.clone(),
    })
}
