//! Defines the provider behind a real listener, with client apps that listen too.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    sync::atomic::{AtomicU16, Ordering},
};

use poem::{EndpointExt as _, IntoResponse as _, Request, Response, endpoint::make, web};
use postern_identity::{
    administration::{clients, metadata::ClientMetadataChange},
    core::RequestContext,
};
use postern_service::{listener::Listener, testing::chromium::Tab};
use tokio_util::sync::CancellationToken;

use crate::{flow::Ask, support::TestApp};

/// A provider that listens, with a client app that listens too.
pub struct Site {
    pub test: TestApp,
    pub origin: String,
    client_origin: String,
    stop: CancellationToken,
}

impl Site {
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let (port, client_port) = (free_port(), free_port());
        let origin = format!("http://localhost:{port}");
        let client_origin = format!("http://localhost:{client_port}");
        let settings = [settings, &[("POSTERN_ISSUER", &origin)]].concat();
        let test = TestApp::with(&settings).await;
        let stop = CancellationToken::new();
        serve(&test, (Ipv4Addr::LOCALHOST.into(), port), test.endpoint(), &stop).await;
        let login = format!("{origin}/login");
        let elsewhere = format!("http://127.0.0.1:{client_port}/landed");
        for ip in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
            let (login, elsewhere) = (login.clone(), elsewhere.clone());
            let client = make(move |request: Request| {
                let (login, elsewhere) = (login.clone(), elsewhere.clone());
                async move { client_page(request, &login, &elsewhere).await }
            });
            serve(&test, (ip, client_port), client.map_to_response().boxed(), &stop).await;
        }
        let site = Self { test, origin, client_origin, stop };
        let uris = ["/cb", "/onward", "/popup"].map(|path| site.at_client(path)).to_vec();
        let ipv6 = format!("http://[::1]:{client_port}/cb");
        let context = RequestContext::of_command(&site.test.app);
        for client_id in ["notes", "own"] {
            let at_this_port = ClientMetadataChange {
                redirect_uris: Some([uris.clone(), vec![ipv6.clone()]].concat()),
                post_logout_redirect_uris: Some(uris.clone()),
                ..ClientMetadataChange::default()
            };
            clients::update(&site.test.app, client_id, at_this_port, &context).await.unwrap();
        }
        site
    }

    /// A page of the client.
    pub fn at_client(&self, path: &str) -> String {
        format!("{}{path}", self.client_origin)
    }

    /// The same place at the loopback address of IPv6.
    pub fn at_client_by_ipv6(&self, path: &str) -> String {
        self.at_client(path).replace("localhost", "[::1]")
    }

    /// Where a client sends the browser to sign in.
    pub fn asks(&self, client_id: &str, more: &[(&str, &str)]) -> String {
        let ask = Ask::of(client_id).with("redirect_uri", &self.at_client("/cb"));
        let ask = more.iter().fold(ask, |ask, (name, value)| ask.with(name, value));
        self.at(&ask.path())
    }

    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// Signs in by a mailed code from the page that asks for the address.
    pub async fn sign_in(&self, tab: &Tab, email: &str) {
        tab.type_into("#identifier", email).await;
        tab.follow("#login-submit").await;
        tab.type_and_follow("#code", &self.test.code_for(email).await, "#login-submit").await;
    }
}

impl Site {
    /// [`Self::sign_in`] of a person who types slowly: the last page knows by then what the browser can do.
    pub async fn sign_in_slowly(&self, tab: &Tab, email: &str) {
        tab.type_into("#identifier", email).await;
        tab.follow("#login-submit").await;
        let asked = "PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable().then(() => \
                     new Promise(done => setTimeout(() => done(true), 100)))";
        assert_eq!(tab.evaluate(asked).await, true);
        tab.type_and_follow("#code", &self.test.code_for(email).await, "#login-submit").await;
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What the client answers: `/frame` shows the provider's login page in a frame, `/onward` redirects on to another origin,
/// `/opener?ask=URL` asks in a popup, and `/popup` tells it what the answer was. All other pages say that one is back, and which parameters were posted.
async fn client_page(mut request: Request, login: &str, elsewhere: &str) -> Response {
    let posted = request.take_body().into_string().await.unwrap_or_default();
    let posted: BTreeMap<_, _> = url::form_urlencoded::parse(posted.as_bytes()).into_owned().collect();
    let posted = posted.into_keys().collect::<Vec<_>>().join(" ");
    let query = request.uri().query().unwrap_or_default();
    let shown = match request.uri().path() {
        "/frame" => format!("<iframe id=framed src={login}></iframe>"),
        "/onward" => return web::Redirect::see_other(format!("{elsewhere}?{query}")).into_response(),
        "/opener" => {
            "<button id=sign-in onclick=\"popup = open(new URLSearchParams(location.search).get('ask'), '', \
                      'popup,width=480,height=720')\">Sign in</button><p id=heard></p>\
                      <script>let popup; onmessage = event => heard.textContent = event.data</script>"
                .to_owned()
        }
        "/popup" => {
            "<h1 id=client>Back</h1><script>opener?.postMessage(location.search, '*')</script>".to_owned()
        }
        _ => format!("<h1 id=client>Back</h1><p id=posted>{posted}</p>"),
    };
    web::Html(format!("<link rel=icon href=data:,><title>Client</title>{shown}")).into_response()
}

/// A port below those that the system gives to connections, so that none of them takes it before the site listens.
fn free_port() -> u16 {
    static TRIED: AtomicU16 = AtomicU16::new(0);
    let begin = u16::try_from(std::process::id() % 12_000).unwrap();
    loop {
        let port = 20_000 + (begin + TRIED.fetch_add(1, Ordering::Relaxed)) % 12_000;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

async fn serve(
    test: &TestApp,
    address: (IpAddr, u16),
    endpoint: poem::endpoint::BoxEndpoint<'static, Response>,
    stop: &CancellationToken,
) {
    let listener = Listener::bind(SocketAddr::from(address), &test.app.config.http).await.unwrap();
    tokio::spawn(listener.serve(endpoint, stop.clone()));
}

/// What the client was answered: the parameters of the address at which its page is.
pub async fn answered(tab: &Tab) -> BTreeMap<String, String> {
    tab.sees("#client").await;
    let url = url::Url::parse(&tab.url().await).unwrap();
    url.query_pairs().into_owned().collect()
}
