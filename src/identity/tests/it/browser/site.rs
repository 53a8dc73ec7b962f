//! Defines the provider behind a real listener, with client apps that listen too.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr, TcpListener},
};

use poem::{EndpointExt as _, Request, endpoint::make_sync, web};
use postern_identity::{
    administration::metadata::MetadataChange,
    clients::{ClientAuthMethod, GrantType},
};
use postern_service::{listener::Listener, testing::chromium::Tab};
use tokio_util::sync::CancellationToken;

use crate::{
    flow::{Ask, list},
    support::TestApp,
};

/// A provider that listens, with a client app that listens too.
pub struct Site {
    pub test: TestApp,
    pub origin: String,
    client_origin: String,
    stop: CancellationToken,
}

impl Site {
    pub async fn new() -> Self {
        let (port, client_port) = (free_port(), free_port());
        let origin = format!("http://localhost:{port}");
        let client_origin = format!("http://localhost:{client_port}");
        let test = TestApp::with(&[("POSTERN_ISSUER", &origin)]).await;
        let stop = CancellationToken::new();
        serve(&test, port, test.endpoint(), &stop).await;
        let login = format!("{origin}/login");
        let client = make_sync(move |request: Request| {
            let shown = match request.uri().path() {
                "/frame" => format!("<iframe id=framed src={login}></iframe>"),
                _ => "<h1 id=client>Back</h1>".to_owned(),
            };
            web::Html(format!("<link rel=icon href=data:,><title>Client</title>{shown}"))
        });
        serve(&test, client_port, client.map_to_response().boxed(), &stop).await;
        let site = Self { test, origin, client_origin, stop };
        site.test.user("alice@example.test").await;
        let metadata = || MetadataChange {
            redirect_uris: Some(vec![site.callback()]),
            token_endpoint_auth_method: Some(ClientAuthMethod::None),
            grant_types: Some(vec![GrantType::AuthorizationCode, GrantType::RefreshToken]),
            scopes: list(&["openid", "profile", "email", "offline_access"]),
            default_scopes: list(&["openid"]),
            ..MetadataChange::default()
        };
        let notes = MetadataChange { name: Some("Acme Notes".to_owned()), ..metadata() };
        site.test.client("notes", notes).await;
        let own = MetadataChange { first_party: Some(true), ..metadata() };
        site.test.client("own", own).await;
        site
    }

    fn callback(&self) -> String {
        format!("{}/cb", self.client_origin)
    }

    /// Where a client sends the browser to sign in.
    pub fn asks(&self, client_id: &str, more: &[(&str, &str)]) -> String {
        let ask = Ask::of(client_id).with("redirect_uri", &self.callback());
        let ask = more.iter().fold(ask, |ask, (name, value)| ask.with(name, value));
        self.at(&ask.path())
    }

    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// A page of the client's that shows the provider's login page in a frame.
    pub fn frame(&self) -> String {
        format!("{}/frame", self.client_origin)
    }

    /// Signs in by a mailed code from the page that asks for the address.
    pub async fn sign_in(&self, tab: &Tab, email: &str) {
        tab.type_into("#identifier", email).await;
        tab.follow("#login-submit").await;
        tab.type_into("#code", &self.test.code_for(email).await).await;
        tab.follow("#login-submit").await;
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

async fn serve(
    test: &TestApp,
    port: u16,
    endpoint: poem::endpoint::BoxEndpoint<'static, poem::Response>,
    stop: &CancellationToken,
) {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = Listener::bind(address, &test.app.config.http).await.unwrap();
    tokio::spawn(listener.serve(endpoint, stop.clone()));
}

/// What the client was answered: the parameters of the address at which its page is.
pub async fn answered(tab: &Tab) -> BTreeMap<String, String> {
    tab.sees("#client").await;
    let url = url::Url::parse(&tab.url().await).unwrap();
    url.query_pairs().into_owned().collect()
}
