//! Defines the request and response bodies of the first-party API. Their doc comments are the OpenAPI
//! descriptions.

use poem_openapi::{
    Object, Union,
    types::{Any, Example},
};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::{
    http::oidc::client_authentication::FormCredentials,
    login::{ChallengeResponse, attempt},
};

/// Gives a body the members by which its client says who it is.
macro_rules! client_credentials {
    ($($body:ty),+) => {
        $(impl $body {
            pub(super) fn credentials(&self) -> FormCredentials<'_> {
                FormCredentials {
                    client_id: Some(&self.client_id),
                    client_secret: self.client_secret.as_deref(),
                    client_assertion_type: self.client_assertion_type.as_deref(),
                    client_assertion: self.client_assertion.as_deref(),
                }
            }
        })+
    };
}
pub(super) use client_credentials;

client_credentials!(BeginRequest, VerifyRequest, LoginRequest, RefreshRequest, LogoutRequest);

/// Begins an attempt with `identifier`, or continues `attempt`. With neither it begins a sign-in by passkey.
#[derive(Default, Object)]
#[oai(example)]
pub(super) struct BeginRequest {
    /// The `client_id` of the app that calls.
    pub(super) client_id: String,
    /// Its secret, if the header has none.
    client_secret: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`, beside an assertion.
    client_assertion_type: Option<String>,
    /// A JWT that the client signed, instead of a secret (RFC 7523 section 2.2).
    client_assertion: Option<String>,
    /// The email of the person who signs in.
    #[oai(validator(max_length = 320))]
    pub(super) identifier: Option<String>,
    /// The attempt of an earlier answer: for its next step, or for another code.
    #[oai(validator(max_length = 64))]
    pub(super) attempt: Option<String>,
    /// `device` from the answer to an earlier sign-in. Strangers cannot slow down a device that the account knows.
    #[oai(validator(max_length = 64))]
    pub(super) device: Option<String>,
    /// Binds the attempt to this browser by a cookie, and takes `device` from the cookie of an earlier sign-in.
    pub(super) cookies: Option<bool>,
}

impl Example for BeginRequest {
    fn example() -> Self {
        Self {
            client_id: "tasks-web".to_owned(),
            identifier: Some("alice@example.test".to_owned()),
            ..Self::default()
        }
    }
}

/// A challenge that waits for its response.
#[derive(Object)]
#[oai(example, skip_serializing_if_is_none, read_only_all)]
pub(super) struct Challenge {
    /// The attempt. Keep it secret.
    attempt: String,
    /// How many seconds it can be answered.
    expires_in: u64,
    /// What the method asks for, if that is more than a code.
    challenge: Option<Any<Value>>,
}

impl Example for Challenge {
    fn example() -> Self {
        Self {
            attempt: "bKE9UspwyIPg8LsQHkJaiehiTeUdstI5JZOvaoQRgJA".to_owned(),
            expires_in: 600,
            challenge: None,
        }
    }
}

impl From<attempt::ChallengeOpened> for Challenge {
    fn from(opened: attempt::ChallengeOpened) -> Self {
        let challenge = (!opened.challenge.is_empty()).then(|| Any(Value::Object(opened.challenge)));
        Self {
            attempt: opened.attempt_secret.expose_secret().to_owned(),
            expires_in: opened.expires_in.as_secs(),
            challenge,
        }
    }
}

/// The response to the challenge of an attempt.
#[derive(Default, Object)]
#[oai(example)]
pub(super) struct VerifyRequest {
    /// The `client_id` of the app that calls.
    pub(super) client_id: String,
    /// Its secret, if the header has none.
    client_secret: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`, beside an assertion.
    client_assertion_type: Option<String>,
    /// A JWT that the client signed, instead of a secret (RFC 7523 section 2.2).
    client_assertion: Option<String>,
    /// The attempt, from the answer of `request`.
    #[oai(validator(max_length = 64))]
    pub(super) attempt: String,
    /// The code, as the person typed it.
    #[oai(validator(max_length = 64))]
    code: Option<String>,
    /// What a method that asks for no code wants instead, such as the answer of a passkey.
    answer: Option<Any<Value>>,
    /// What the access token shall allow. The client's default if left out.
    #[oai(validator(max_length = 2048))]
    pub(super) scope: Option<String>,
    /// Which APIs the access token is for, or this provider alone (RFC 8707).
    pub(super) resource: Option<Resource>,
    /// `device` from the answer to an earlier sign-in. Strangers cannot slow down a device that the account knows.
    #[oai(validator(max_length = 64))]
    pub(super) device: Option<String>,
    /// Keeps the refresh token and `device` in cookies instead of the answer.
    pub(super) cookies: Option<bool>,
}

impl VerifyRequest {
    pub(super) fn challenge_response(self) -> ChallengeResponse {
        ChallengeResponse { code: self.code, payload: self.answer.map(|answer| answer.0).unwrap_or_default() }
    }
}

impl Example for VerifyRequest {
    fn example() -> Self {
        Self {
            client_id: "tasks-web".to_owned(),
            attempt: "bKE9UspwyIPg8LsQHkJaiehiTeUdstI5JZOvaoQRgJA".to_owned(),
            code: Some("40281736".to_owned()),
            ..Self::default()
        }
    }
}

/// Signs in by password.
#[derive(Default, Object)]
#[oai(example)]
pub(super) struct LoginRequest {
    /// The `client_id` of the app that calls.
    pub(super) client_id: String,
    /// Its secret, if the header has none.
    client_secret: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`, beside an assertion.
    client_assertion_type: Option<String>,
    /// A JWT that the client signed, instead of a secret (RFC 7523 section 2.2).
    client_assertion: Option<String>,
    /// The email of the person who signs in.
    #[oai(validator(max_length = 320))]
    pub(super) email: String,
    /// The password of the account.
    #[oai(validator(max_length = 4096))]
    pub(super) password: String,
    /// What the access token shall allow. The client's default if left out.
    #[oai(validator(max_length = 2048))]
    pub(super) scope: Option<String>,
    /// Which APIs the access token is for, or this provider alone (RFC 8707).
    pub(super) resource: Option<Resource>,
    /// `device` from the answer to an earlier sign-in. Strangers cannot slow down a device that the account knows.
    #[oai(validator(max_length = 64))]
    pub(super) device: Option<String>,
    /// Keeps the refresh token and `device` in cookies instead of the answer.
    pub(super) cookies: Option<bool>,
}

impl Example for LoginRequest {
    fn example() -> Self {
        Self {
            client_id: "tasks-web".to_owned(),
            email: "alice@example.test".to_owned(),
            password: "seven brass lamps upstream".to_owned(),
            ..Self::default()
        }
    }
}

/// One resource or several.
#[derive(Clone, Union)]
pub(super) enum Resource {
    /// The identifier of one resource.
    One(String),
    /// The identifiers of several resources.
    Many(Vec<String>),
}

impl Resource {
    pub(super) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(resource) => vec![resource],
            Self::Many(resources) => resources,
        }
    }
}

/// Asks for new tokens.
#[derive(Default, Object)]
#[oai(example)]
pub(super) struct RefreshRequest {
    /// The `client_id` of the app that calls.
    pub(super) client_id: String,
    /// Its secret, if the header has none.
    client_secret: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`, beside an assertion.
    client_assertion_type: Option<String>,
    /// A JWT that the client signed, instead of a secret (RFC 7523 section 2.2).
    client_assertion: Option<String>,
    /// The refresh token. If left out, the one in the cookie.
    #[oai(validator(max_length = 256))]
    pub(super) refresh_token: Option<String>,
    /// What the access token shall allow, if less than was granted.
    #[oai(validator(max_length = 2048))]
    pub(super) scope: Option<String>,
    /// Which APIs the access token is for, or this provider alone (RFC 8707).
    pub(super) resource: Option<Resource>,
}

impl Example for RefreshRequest {
    fn example() -> Self {
        Self {
            client_id: "tasks-web".to_owned(),
            refresh_token: Some("0pYzXTUyWbtO5IPm1LNYBs9PAXeBKWHZ0hIzKAEJrJ0".to_owned()),
            ..Self::default()
        }
    }
}

/// Ends a session and its grants.
#[derive(Default, Object)]
#[oai(example)]
pub(super) struct LogoutRequest {
    /// The `client_id` of the app that calls.
    pub(super) client_id: String,
    /// Its secret, if it signs out by a refresh token and the header has none.
    client_secret: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`, beside an assertion.
    client_assertion_type: Option<String>,
    /// A JWT that the client signed, instead of a secret (RFC 7523 section 2.2).
    client_assertion: Option<String>,
    /// The refresh token. If left out, the one in the cookie. Beside an access token it may be another one of the client,
    /// which then ends too.
    #[oai(validator(max_length = 256))]
    pub(super) refresh_token: Option<String>,
}

impl Example for LogoutRequest {
    fn example() -> Self {
        Self { client_id: "tasks-web".to_owned(), ..Self::default() }
    }
}

/// The session has ended.
#[derive(Object)]
#[oai(example, read_only_all)]
pub(super) struct SignOut {
    /// Always true: a failure is answered with an error.
    pub(super) signed_out: bool,
}

impl Example for SignOut {
    fn example() -> Self {
        Self { signed_out: true }
    }
}

/// What a client may offer.
#[derive(Object)]
#[oai(example, read_only_all)]
pub(super) struct Methods {
    /// Their names for the paths, in the order in which to offer them.
    pub(super) methods: Vec<String>,
}

impl Example for Methods {
    fn example() -> Self {
        Self { methods: vec!["email-otp".to_owned(), "code".to_owned()] }
    }
}
