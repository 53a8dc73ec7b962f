//! Defines `LogoutApp`, the server of a client that is told of the end of sessions.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use poem::{EndpointExt as _, Request, Response, endpoint::make, http::StatusCode};
use postern_identity::{
    administration::{
        clients,
        metadata::{ClientMetadataChange, LogoutChange},
    },
    core::RequestContext,
};
use postern_service::listener::Listener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::support::TestApp;

/// What tests of outbound calls to this machine need.
pub const LOCAL_APPS: (&str, &str) = ("POSTERN_OUTBOUND__ALLOW_HOSTS", r#"["127.0.0.1"]"#);

/// One request that the app got.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: String,
    pub uri: String,
    pub content_type: String,
    pub cookies: bool,
    pub form: Vec<(String, String)>,
}

/// What the app answers; `None` never answers.
type Answer = Arc<Mutex<Option<StatusCode>>>;

pub struct LogoutApp {
    pub uri: String,
    calls: Arc<Mutex<Vec<Call>>>,
    answer: Answer,
    _stop: DropGuard,
}

impl LogoutApp {
    /// An app that listens and answers 200.
    pub async fn new(test: &TestApp) -> Self {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let answer: Answer = Arc::new(Mutex::new(Some(StatusCode::OK)));
        let (heard, answers) = (Arc::clone(&calls), Arc::clone(&answer));
        let endpoint = make(move |request| respond(request, Arc::clone(&heard), Arc::clone(&answers)));
        let port = free_port();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listener = Listener::bind(address, &test.app.config.http).await.unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(listener.serve(endpoint.map_to_response().boxed(), stop.clone()));
        let uri = format!("http://127.0.0.1:{port}/backchannel?app=1");
        Self { uri, calls, answer, _stop: stop.drop_guard() }
    }

    /// The app of this client from now on.
    pub async fn of(test: &TestApp, client_id: &str) -> Self {
        let app = Self::new(test).await;
        app.register(test, client_id).await;
        app
    }

    pub async fn register(&self, test: &TestApp, client_id: &str) {
        let logout =
            LogoutChange { backchannel_logout_uri: Some(self.uri.clone()), ..LogoutChange::default() };
        change_logout(test, client_id, logout).await;
    }

    pub fn answers(&self, status: u16) {
        *self.answer.lock().unwrap() = Some(StatusCode::from_u16(status).unwrap());
    }

    /// The origin of the app.
    pub fn origin(&self) -> &str {
        self.uri.split_once("/backchannel").unwrap().0
    }

    pub fn hangs(&self) {
        *self.answer.lock().unwrap() = None;
    }

    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// The logout tokens that the app got.
    pub fn tokens(&self) -> Vec<String> {
        let of_call = |call: Call| {
            let [(name, token)] = <[_; 1]>::try_from(call.form).unwrap();
            assert_eq!(name, "logout_token", "the only parameter");
            token
        };
        self.calls().into_iter().map(of_call).collect()
    }
}

pub async fn change_logout(test: &TestApp, client_id: &str, logout: LogoutChange) {
    let change = ClientMetadataChange { logout, ..ClientMetadataChange::default() };
    clients::update(&test.app, client_id, change, &RequestContext::of_command(&test.app)).await.unwrap();
}

fn free_port() -> u16 {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

async fn respond(mut request: Request, calls: Arc<Mutex<Vec<Call>>>, answer: Answer) -> Response {
    let body = request.take_body().into_string().await.unwrap();
    calls.lock().unwrap().push(Call {
        method: request.method().to_string(),
        uri: request.original_uri().to_string(),
        content_type: request.content_type().unwrap_or_default().to_owned(),
        cookies: request.headers().contains_key("cookie"),
        form: url::form_urlencoded::parse(body.as_bytes()).into_owned().collect(),
    });
    let answer = *answer.lock().unwrap();
    match answer {
        Some(status) => Response::builder().status(status).body("an answer that nobody reads"),
        None => std::future::pending().await,
    }
}
