//! Answers which client sent a request (RFC 6749 section 2.3).
//!
//! A client sends its secret in the header (`client_secret_basic`) or in the form (`client_secret_post`), or an
//! assertion in the form (`private_key_jwt`, `client_secret_jwt`). The secret is the same in both places and
//! libraries differ in their default, so both are accepted, unless the client's policy demands the registered
//! method. A public client sends its `client_id` alone (`none`), or in the header with an empty secret; a confidential
//! client never does. Two methods in one request, and half an assertion, are refused with the reason. A failed proof is
//! one error without a reason, and counts against the IP of the request. Leaves the header to `header`, assertions to
//! `clients`, and the wire errors to `http::oauth_error` and `http::problem`.

mod header;

use std::{sync::Arc, time::Duration};

use postern_service::database::DatabaseError;

use self::ClientAuthenticationError as E;
pub use self::header::{BasicCredentials, HeaderCredentials};
use super::token;
use crate::{
    App,
    clients::{
        AssertionError, AssertionVerifier, Client, ClientAuthMethod, Clients, asserted_client_id,
        policy::ClientAuthenticationRule,
    },
    core::{Actor, RequestContext},
    crypto::CryptoError,
    explanation::{Explanation, shell_word, update_command},
    jobs::error_chain,
    rate_limit::{self, Limit, TakeOutcome},
    tokens::scope::printable_excerpt,
};

/// RFC 7523 section 2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client that authenticated, and the context in which it acts.
pub struct AuthenticatedClient {
    pub client: Arc<Client>,
    pub context: RequestContext,
}

/// Why a client did not authenticate.
#[derive(Debug, thiserror::Error)]
pub enum ClientAuthenticationError {
    /// RFC 6749 section 2.3: "The client MUST NOT use more than one authentication method in each request."
    #[error("more than one client authentication method")]
    SeveralMethods,
    /// `client_assertion` and `client_assertion_type` go together (RFC 7521 section 4.2).
    #[error("{0}")]
    MalformedAssertion(&'static str),
    /// The form names another client than the header.
    #[error("client_id differs from the authenticated client")]
    OtherClientId,
    /// The client is unknown or did not prove who it is. Says nothing more: the log has the reason.
    #[error("client authentication failed")]
    Rejected {
        /// Whether the request used the header, which then gets a challenge.
        by_header: bool,
    },
    /// Too many attempts from the same source failed.
    #[error("too many failures of client authentication")]
    TooManyFailures { retry_after: Duration },
    /// A secret that the client signs with cannot be opened: a fault of this provider.
    #[error("a secret of the client cannot be opened")]
    Vault(#[from] CryptoError),
    /// A database operation failed.
    #[error("the database did not answer")]
    Database(#[from] DatabaseError),
}

/// The members of a form by which a client says who it is.
#[derive(Clone, Copy, Default)]
pub struct FormCredentials<'a> {
    pub client_id: Option<&'a str>,
    pub client_secret: Option<&'a str>,
    /// The kind of the assertion; [`ASSERTION_TYPE`] is the one that is accepted.
    pub client_assertion_type: Option<&'a str>,
    pub client_assertion: Option<&'a str>,
}

impl FormCredentials<'_> {
    fn check(&self, by_header: bool) -> Result<(), ClientAuthenticationError> {
        let methods = [by_header, self.client_secret.is_some(), self.client_assertion.is_some()];
        if methods.into_iter().filter(|sent| *sent).count() > 1 {
            return Err(ClientAuthenticationError::SeveralMethods);
        }
        match (self.client_assertion_type, self.client_assertion) {
            (None, None) | (Some(_), Some(_)) => Ok(()),
            (Some(_), None) => Err(E::MalformedAssertion("client_assertion is missing")),
            (None, Some(_)) => Err(E::MalformedAssertion("client_assertion_type is missing")),
        }
    }
}

/// Authenticates the client of a request to the endpoint with this path.
pub async fn authenticate(
    app: &App,
    header: &HeaderCredentials,
    form: FormCredentials<'_>,
    endpoint: &str,
    context: RequestContext,
) -> Result<AuthenticatedClient, ClientAuthenticationError> {
    let by_header = !matches!(header, HeaderCredentials::Absent);
    form.check(by_header)?;
    let clients = app.clients();
    let proven = match (header, form.client_assertion) {
        (HeaderCredentials::Basic(sent), _) => Ok(verify_header(app, &clients, sent)),
        (HeaderCredentials::Absent, Some(assertion)) => {
            verify_assertion(app, &clients, &form, (assertion, endpoint), &context).await.map(Some)
        }
        (HeaderCredentials::Absent, None) => {
            Ok(form.client_id.and_then(|client_id| verify_form(app, &clients, client_id, form.client_secret)))
        }
        (HeaderCredentials::Malformed, _) => Ok(None),
    };
    let failed = match proven {
        Ok(Some(client)) if by_header && form.client_id.is_some_and(|named| named != client.client_id()) => {
            return Err(E::OtherClientId);
        }
        Ok(Some(client)) => {
            let context = context.by(Actor::Client(client.client_id().to_owned()));
            return Ok(AuthenticatedClient { client, context });
        }
        Ok(None) => FailedAuthentication::from_credentials(&clients, header, &form),
        Err(AssertionFailure { cause: AssertionError::Database(cause), .. }) => return Err(cause.into()),
        Err(AssertionFailure { cause: AssertionError::Crypto(cause), .. }) => return Err(cause.into()),
        Err(failure) => failure.into(),
    };
    Err(reject(app, &failed, &context).await)
}

fn verify_header(app: &App, clients: &Clients, sent: &BasicCredentials) -> Option<Arc<Client>> {
    // A client that the first reading finds by chance, such as one named `https`, must not keep out the one that
    // proves itself in the second.
    let mut readings = [sent.form_decoded(), sent.split_at_client_id(clients)].into_iter().flatten();
    readings.find_map(|own| {
        let client = clients.find(&own.client_id)?;
        if own.client_secret.is_empty() && client.may_name_itself_in_header() {
            return Some(Arc::clone(client));
        }
        secret_proves(app, client, ClientAuthMethod::ClientSecretBasic, &own.client_secret)
    })
}

/// The client with this name, if it is a public one and no secret came, or if it knows the secret that came.
fn verify_form(app: &App, clients: &Clients, client_id: &str, secret: Option<&str>) -> Option<Arc<Client>> {
    let client = clients.find(client_id)?;
    match secret {
        Some(secret) => secret_proves(app, client, ClientAuthMethod::ClientSecretPost, secret),
        None => client.public().then(|| Arc::clone(client)),
    }
}

fn secret_proves(
    app: &App,
    client: &Arc<Client>,
    method: ClientAuthMethod,
    secret: &str,
) -> Option<Arc<Client>> {
    let proven = client.may_authenticate_by(method) && client.secret_matches(secret, app.clock.now());
    proven.then(|| Arc::clone(client))
}

/// An assertion that was refused, and the client that it says it is from.
struct AssertionFailure {
    client_id: String,
    cause: AssertionError,
}

/// The client that an assertion is from: the one that the form names (RFC 7521 section 4.2), or else its `sub`.
async fn verify_assertion(
    app: &App,
    clients: &Clients,
    form: &FormCredentials<'_>,
    (assertion, endpoint): (&str, &str),
    context: &RequestContext,
) -> Result<Arc<Client>, AssertionFailure> {
    let named = form.client_id.map(str::to_owned).or_else(|| asserted_client_id(assertion));
    let client_id = named.unwrap_or_default();
    // RFC 7521 section 4.2.1: an assertion that cannot be validated is `invalid_client`.
    if form.client_assertion_type != Some(ASSERTION_TYPE) {
        return Err(AssertionFailure { client_id, cause: AssertionError::UnknownType });
    }
    let Some(client) = clients.find(&client_id) else {
        return Err(AssertionFailure { client_id, cause: AssertionError::UnknownClient });
    };
    let verifier = AssertionVerifier {
        core: app,
        outbound: &app.outbound,
        key_sets: &app.client_key_sets,
        endpoint,
        token_endpoint: token::PATH,
    };
    match verifier.verify(client, assertion, context.now).await {
        Ok(()) => Ok(Arc::clone(client)),
        Err(cause) => Err(AssertionFailure { client_id, cause }),
    }
}

/// Which client a request says it is from, and what came to prove it: for the log.
struct FailedAuthentication {
    client_id: String,
    presented: &'static str,
    /// Which credentials would have been accepted.
    expected: String,
    /// The command that accepts what came.
    remedy: Option<String>,
    by_header: bool,
}

impl FailedAuthentication {
    fn from_credentials(clients: &Clients, header: &HeaderCredentials, form: &FormCredentials<'_>) -> Self {
        use ClientAuthMethod as M;
        let named = form.client_id.unwrap_or_default().to_owned();
        let (client_id, presented, sent) = match (header, form.client_secret) {
            (HeaderCredentials::Basic(sent), _) => match sent.form_decoded() {
                Some(sent) if sent.client_secret.is_empty() => {
                    (sent.client_id, "an empty secret in the header", M::None)
                }
                sent => {
                    let named = sent.map_or(named, |sent| sent.client_id);
                    (named, "a secret in the header", M::ClientSecretBasic)
                }
            },
            (HeaderCredentials::Malformed, _) => {
                (named, "another Authorization header", M::ClientSecretBasic)
            }
            (HeaderCredentials::Absent, Some(_)) => (named, "a secret in the form", M::ClientSecretPost),
            (HeaderCredentials::Absent, None) => (named, "no secret", M::None),
        };
        let by_header = !matches!(header, HeaderCredentials::Absent);
        let remedy = remedy(clients, &client_id, sent);
        let expected = match clients.find(&client_id).map(|client| (client.auth_method, &client.policy)) {
            None => "a client that is known and enabled".to_owned(),
            Some((ClientAuthMethod::None, _)) => {
                "client_id in the form and no secret, for the client is public".to_owned()
            }
            Some((method, policy))
                if policy.client_authentication == ClientAuthenticationRule::RegisteredMethod =>
            {
                format!("{} alone, which is registered", method.word())
            }
            Some((ClientAuthMethod::PrivateKeyJwt, _)) => "a signed assertion (private_key_jwt)".to_owned(),
            Some(_) => "a live secret of the client".to_owned(),
        };
        Self { client_id, presented, expected, remedy, by_header }
    }
}

impl From<AssertionFailure> for FailedAuthentication {
    fn from(AssertionFailure { client_id, cause }: AssertionFailure) -> Self {
        let expected = error_chain(&cause);
        Self { client_id, presented: "an assertion", expected, remedy: None, by_header: false }
    }
}

/// The command that makes the client accept the kind of proof that came, or gives it another secret. None for an unknown
/// client: a stranger chose that name.
fn remedy(clients: &Clients, client_id: &str, sent: ClientAuthMethod) -> Option<String> {
    let client = clients.find(client_id)?;
    let secret_expected = client.auth_method.has_secret();
    match sent {
        ClientAuthMethod::None if !secret_expected => None,
        ClientAuthMethod::None => rotate_secret(client_id),
        sent if client.may_authenticate_by(sent) => rotate_secret(client_id),
        // Keys are not exchanged for a secret.
        sent if secret_expected || client.public() => {
            update_command(client_id, "--auth-method", [sent.word()])
        }
        _ => None,
    }
}

/// The name of a resource server may be a URI.
fn rotate_secret(client_id: &str) -> Option<String> {
    shell_word(client_id).map(|id| format!("postern client rotate-secret {id}"))
}

/// Refuses without saying why, and counts it (RFC 6749 section 2.3.1).
async fn reject(
    app: &App,
    failed: &FailedAuthentication,
    context: &RequestContext,
) -> ClientAuthenticationError {
    let client_id = printable_excerpt([failed.client_id.as_str()]);
    let (found, expected) = (failed.presented, failed.expected.as_str());
    let ip = context.ip.map(tracing::field::display);
    let explanation = Explanation::new("client_authentication", found, expected);
    let explanation = app.with_settings_file(explanation.with_remedy(failed.remedy.clone()));
    let remedy = explanation.remedy.as_deref();
    tracing::info!(client_id, found, expected, remedy, ip, "client authentication failed");
    app.keep_explanation(explanation);
    metrics::counter!("postern_client_authentication_failures_total").increment(1);
    let limit =
        Limit { name: "client_failures_per_source", rate: app.config.limits.client_failures_per_source };
    match rate_limit::take_relaxed(app, limit, &rate_limit::source_of_ip(context.ip)).await {
        Ok(TakeOutcome::Within(_)) => E::Rejected { by_header: failed.by_header },
        Ok(TakeOutcome::Limited { retry_after, .. }) => E::TooManyFailures { retry_after },
        Err(cause) => cause.into(),
    }
}
