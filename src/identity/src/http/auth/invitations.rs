//! Defines the part of the first-party API with which the operator's servers invite users. Leaves the rules
//! to `accounts::invitations`.

use poem::{Request, http::StatusCode};
use poem_openapi::{Object, OpenApi, types::Example};
use postern_service::{
    body::Json,
    problem::{Problem, ProblemKind, Problems},
};

use super::{
    super::{
        no_store_json::NoStoreJson,
        oidc::client_authentication::{FormCredentials, HeaderCredentials},
    },
    bodies::client_credentials,
    caller::Caller,
};
use crate::{App, accounts::invitations};

pub(in crate::http) const PUBLIC_CLIENT: ProblemKind =
    ProblemKind::new("public_client", StatusCode::FORBIDDEN, "Only a client with a secret may do this");

pub struct InvitationsApi {
    app: App,
}

impl InvitationsApi {
    pub fn new(app: &App) -> Self {
        Self { app: app.clone() }
    }
}

/// Invites a person to register.
#[derive(Default, Object)]
#[oai(example)]
struct InvitationRequest {
    /// The `client_id` of the app that calls.
    client_id: String,
    /// Its secret, if the header has none.
    client_secret: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`, beside an assertion.
    client_assertion_type: Option<String>,
    /// A JWT that the client signed, instead of a secret (RFC 7523 section 2.2).
    client_assertion: Option<String>,
    /// The email of the invited person.
    #[oai(validator(max_length = 320))]
    email: String,
}

client_credentials!(InvitationRequest);

impl Example for InvitationRequest {
    fn example() -> Self {
        Self {
            client_id: "back-office".to_owned(),
            client_secret: Some("the-secret-of-back-office-0123456789".to_owned()),
            email: "carol@example.test".to_owned(),
            ..Self::default()
        }
    }
}

/// The invitation is on its way.
#[derive(Object)]
#[oai(example, read_only_all)]
struct Invitation {
    /// The email of the invited person.
    email: String,
    /// When the link expires (RFC 3339).
    expires_at: String,
}

impl Example for Invitation {
    fn example() -> Self {
        Self { email: "carol@example.test".to_owned(), expires_at: "2026-11-28T14:57:16.000250Z".to_owned() }
    }
}

#[OpenApi(prefix_path = "/api/auth", tag = "super::super::Tag::FirstParty")]
impl InvitationsApi {
    /// Invite a person to register
    ///
    /// For first-party clients with a secret. Sends an email with a link to register; an earlier invitation ends. The answer
    /// is the same if there is an account with this email already: then its owner gets another email.
    #[oai(path = "/invitations", method = "post", operation_id = "auth_invite")]
    async fn invite(
        &self,
        request: &Request,
        header: HeaderCredentials,
        body: Json<InvitationRequest>,
    ) -> Result<NoStoreJson<Invitation>, Problems<400, 401, 403, 429, 503>> {
        let body = body.0;
        let caller = Caller::authenticate(&self.app, request, &header, body.credentials()).await?;
        if caller.client.public() {
            return Err(Problem::new(PUBLIC_CLIENT).into());
        }
        let client_id = caller.client.client_id();
        let made = invitations::invite_for_client(&self.app, client_id, &body.email, &caller.context).await?;
        Ok(NoStoreJson(Invitation { email: made.email, expires_at: made.expires_at.rfc3339() }))
    }
}
