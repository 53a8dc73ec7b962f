//! The `openidconnect` crate, by the code flow of its documentation.

use std::{collections::HashMap, env, error::Error, fs};

use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClientId, ClientSecret, CsrfToken, IssuerUrl, LogoutRequest, Nonce,
    OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, PostLogoutRedirectUrl,
    ProviderMetadataWithLogout, RedirectUrl, Scope, TokenResponse as _,
    core::{CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreTokenResponse, CoreUserInfoClaims},
    reqwest::{Certificate, blocking, redirect::Policy},
};
use serde_json::{Value, json};
use tiny_http::{Header, Request, Response, Server};
use url::Url;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Names the client with the endpoints that discovery finds.
macro_rules! client {
    ($app:expr) => {
        CoreClient::from_provider_metadata(
            $app.provider.clone(),
            ClientId::new(setting("CLIENT_ID")),
            Some(ClientSecret::new(setting("CLIENT_SECRET"))),
        )
        .set_redirect_uri(RedirectUrl::new(format!("{}/callback", setting("BASE_URL")))?)
    };
}

/// One browser at a time: what a session would keep.
struct App {
    http: blocking::Client,
    provider: ProviderMetadataWithLogout,
    begun: Option<(CsrfToken, Nonce, PkceCodeVerifier)>,
    tokens: Option<CoreTokenResponse>,
    claims: Value,
}

/// What a page answers.
enum Answer {
    Redirect(Url),
    Json(Value),
}

fn main() -> Result<()> {
    let authority = Certificate::from_pem(&fs::read(setting("CA_FILE"))?)?;
    let http =
        blocking::ClientBuilder::new().redirect(Policy::none()).add_root_certificate(authority).build()?;
    let provider = ProviderMetadataWithLogout::discover(&IssuerUrl::new(setting("ISSUER"))?, &http)?;
    let mut app = App { http, provider, begun: None, tokens: None, claims: Value::Null };
    let server = Server::http(format!("127.0.0.1:{}", setting("PORT"))).map_err(|cause| cause.to_string())?;
    for request in server.incoming_requests() {
        let answer = app.answer(request.url());
        respond(request, answer)?;
    }
    Ok(())
}

fn setting(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

fn respond(request: Request, answer: Result<Answer>) -> Result<()> {
    let (status, header, body) = match answer {
        Ok(Answer::Redirect(url)) => (302, format!("Location: {url}"), String::new()),
        Ok(Answer::Json(value)) => (200, "Content-Type: application/json".to_owned(), value.to_string()),
        Err(cause) => (500, "Content-Type: text/plain".to_owned(), format!("{cause:?}")),
    };
    let header: Header = header.parse().map_err(|()| "a header that does not parse")?;
    Ok(request.respond(Response::from_string(body).with_status_code(status).with_header(header))?)
}

impl App {
    fn answer(&mut self, target: &str) -> Result<Answer> {
        let url = Url::parse(&setting("BASE_URL"))?.join(target)?;
        match url.path() {
            "/" => Ok(Answer::Json(json!({ "claims": self.claims }))),
            "/login" => self.begin(),
            "/callback" => self.finish(&url.query_pairs().into_owned().collect()),
            "/userinfo" => Ok(Answer::Json(serde_json::to_value(self.userinfo()?)?)),
            "/refresh" => self.refresh(),
            "/logout" => self.end(),
            path => Err(format!("there is no page {path}").into()),
        }
    }

    fn begin(&mut self) -> Result<Answer> {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let scopes = ["profile", "email", "offline_access"].map(|scope| Scope::new(scope.to_owned()));
        let (url, state, nonce) = client!(self)
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scopes(scopes)
            .set_pkce_challenge(challenge)
            .url();
        self.begun = Some((state, nonce, verifier));
        Ok(Answer::Redirect(url))
    }

    fn finish(&mut self, query: &HashMap<String, String>) -> Result<Answer> {
        let (state, nonce, verifier) = self.begun.take().ok_or("no sign-in was begun")?;
        if query.get("state") != Some(state.secret()) {
            return Err("the answer belongs to another request".into());
        }
        let code = AuthorizationCode::new(query.get("code").cloned().unwrap_or_default());
        let tokens = client!(self).exchange_code(code)?.set_pkce_verifier(verifier).request(&self.http)?;
        let mut claims = self.checked_claims(&tokens, &nonce)?;
        self.tokens = Some(tokens);
        let userinfo = serde_json::to_value(self.userinfo()?)?;
        if let (Some(claims), Value::Object(userinfo)) = (claims.as_object_mut(), userinfo) {
            claims.extend(userinfo);
        }
        self.claims = claims;
        Ok(Answer::Redirect(Url::parse(&setting("BASE_URL"))?))
    }

    /// The claims of the ID token, whose signature, nonce and hash of the access token are checked.
    fn checked_claims(&self, tokens: &CoreTokenResponse, nonce: &Nonce) -> Result<Value> {
        let client = client!(self);
        let verifier = client.id_token_verifier();
        let id_token = tokens.id_token().ok_or("no ID token came")?;
        let claims = id_token.claims(&verifier, nonce)?;
        let expected = claims.access_token_hash().ok_or("no at_hash came")?;
        let algorithm = id_token.signing_alg()?;
        let hash =
            AccessTokenHash::from_token(tokens.access_token(), algorithm, id_token.signing_key(&verifier)?)?;
        if hash != *expected {
            return Err("the access token is another one".into());
        }
        Ok(serde_json::to_value(claims)?)
    }

    fn userinfo(&self) -> Result<CoreUserInfoClaims> {
        let access_token = self.signed_in()?.access_token().clone();
        Ok(client!(self).user_info(access_token, None)?.request(&self.http)?)
    }

    fn refresh(&mut self) -> Result<Answer> {
        let refresh_token = self.signed_in()?.refresh_token().ok_or("no refresh token came")?.clone();
        let tokens = client!(self).exchange_refresh_token(&refresh_token)?.request(&self.http)?;
        let scopes = json!(tokens.scopes());
        self.tokens = Some(tokens);
        Ok(Answer::Json(json!({ "scopes": scopes })))
    }

    fn end(&mut self) -> Result<Answer> {
        let hint: CoreIdToken = self.signed_in()?.id_token().ok_or("no ID token came")?.clone();
        let endpoint = self.provider.additional_metadata().end_session_endpoint.clone();
        let back = PostLogoutRedirectUrl::new(format!("{}/", setting("BASE_URL")))?;
        let request = LogoutRequest::from(endpoint.ok_or("the provider has no end of session")?);
        self.claims = Value::Null;
        Ok(Answer::Redirect(
            request.set_id_token_hint(&hint).set_post_logout_redirect_uri(back).http_get_url(),
        ))
    }

    fn signed_in(&self) -> Result<&CoreTokenResponse> {
        self.tokens.as_ref().ok_or_else(|| "nobody is signed in".into())
    }
}
