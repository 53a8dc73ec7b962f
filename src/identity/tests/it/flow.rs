//! Defines `World`, the view of tests of the authorization endpoint, and a request as a client sends it.

use std::collections::BTreeMap;

use postern_identity::{
    authorization::{self, LoginStepRecorder, RequestNotPending},
    core::RequestContext,
    login::attempt::Completion as _,
    sessions::Session,
    users::User,
};

pub(crate) use crate::fixtures::{CALLBACK, SIGNED_OUT, list};
use crate::support::{Answer, ISSUER, TestApp};

/// The example of RFC 7636 appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// The example of RFC 7636 appendix B.
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A provider with its people and clients: `rp` (confidential), `spa` (public, https), `native` (public,
/// loopback), `own` (public, first party), `machine` (no browser flow).
pub(crate) struct World {
    pub(crate) app: TestApp,
    pub(crate) alice: User,
    pub(crate) bob: User,
    pub(crate) rp_secret: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        let app = TestApp::with(settings).await;
        let (alice, bob) = (app.alice().clone(), app.bob().clone());
        let rp_secret = app.fixtures.secret("rp").to_owned();
        Self { app, alice, bob, rp_secret }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Ask(Vec<(String, String)>);

impl Ask {
    pub(crate) fn of(client_id: &str) -> Self {
        let redirect_uri = match client_id {
            "spa" => "https://spa.test/cb",
            "native" => "http://127.0.0.1:49152/cb",
            _ => CALLBACK,
        };
        let parameters = [
            ("client_id", client_id),
            ("redirect_uri", redirect_uri),
            ("response_type", "code"),
            ("scope", "openid"),
            ("state", "a state"),
            ("nonce", "n-0S6_WzA2Mj"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        Self(parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec())
    }

    /// With this value instead of what it had.
    pub(crate) fn with(self, name: &str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.0.retain(|(own, _)| own != name);
        self
    }

    /// With one more, beside what it has.
    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// As the path of a GET.
    pub(crate) fn path(&self) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish();
        format!("/oauth2/authorize?{query}")
    }

    /// As the fields of a form.
    pub(crate) fn form(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

/// What the client is told: the answer must be a redirect to its callback that names the issuer.
pub(crate) fn told(answer: &Answer) -> BTreeMap<String, String> {
    told_at(answer, CALLBACK)
}

/// What the client is told at this redirect URI.
pub(crate) fn told_at(answer: &Answer, redirect_uri: &str) -> BTreeMap<String, String> {
    assert_eq!(answer.status, 303, "{answer:?}");
    let location = answer.header("location");
    let query = location.strip_prefix(redirect_uri).unwrap_or_else(|| panic!("{location}"));
    assert!(query.starts_with(['?', '&']), "{location}");
    assert!(answer.header("cache-control").contains("no-store"));
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    let told: BTreeMap<_, _> = url::form_urlencoded::parse(&query.as_bytes()[1..]).into_owned().collect();
    assert_eq!(told["iss"], ISSUER);
    assert!(told.contains_key("code") != told.contains_key("error"), "{told:?}");
    told
}

/// The code the client is told.
pub(crate) fn code(answer: &Answer) -> String {
    told(answer).remove("code").unwrap_or_else(|| panic!("{answer:?}"))
}

/// The error the client is told.
pub(crate) fn error(answer: &Answer) -> String {
    let mut told = told(answer);
    assert!(told["error_description"].bytes().all(|b| matches!(b, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e)));
    told.remove("error").unwrap_or_else(|| panic!("{answer:?}"))
}

/// The handle of the request that waits on this page of ours.
pub(crate) fn waits_on(answer: &Answer, page: &str) -> String {
    assert_eq!(answer.status, 303, "{answer:?}");
    let id = answer.header("location").strip_prefix(&format!("{page}?request="));
    id.unwrap_or_else(|| panic!("not {page}: {}", answer.header("location"))).to_owned()
}

/// Where a request goes on.
pub(crate) fn resume(id: &str) -> String {
    format!("/oauth2/authorize?resume={id}")
}

/// A page that tells what is wrong, and leads nowhere.
pub(crate) fn refused_on_page(answer: &Answer, text: &str) {
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.headers.get("location").is_none(), "{answer:?}");
    assert!(answer.header("content-type").starts_with("text/html"), "{answer:?}");
    assert!(answer.body.contains(text), "{text:?} is not in {}", answer.body);
}

/// Records a sign-in for a request, as its page does in the write of the sign-in. Answers the id of its row.
pub async fn record_login(
    app: &TestApp,
    handle: &str,
    browser_secret: &str,
    session: &Session,
    user: &User,
) -> Result<String, RequestNotPending> {
    let app = &app.app;
    let pending = authorization::find_pending(app, &handle.parse()?, browser_secret).await.unwrap();
    let row = pending.ok_or(RequestNotPending::Unknown)?.row_for(app, browser_secret).unwrap();
    let id = row.id;
    row.store(app).await.unwrap();
    let step = LoginStepRecorder { request_id: Some(id), browser_secret };
    let context = RequestContext::of_command(app);
    app.write(&context, async |write| step.complete(app, write, session, user).await).await.unwrap()?;
    Ok(id.to_string())
}
