//! Describes the endpoints that browsers visit for the OpenAPI document.
//!
//! Their handlers read query and form themselves: a repeated parameter must be seen (RFC 6749 section
//! 3.1), and a fault is a page or a redirect, where poem-openapi would drop the one and word the other
//! in its own way. So the document has them from the tables here; the route table leads to the handlers.

use std::collections::HashMap;

use poem::{endpoint::BoxEndpoint, http::Method};
use poem_openapi::{
    OpenApi,
    registry::{
        MetaApi, MetaHeader, MetaMediaType, MetaOperation, MetaOperationParam, MetaParamIn, MetaPath,
        MetaRequest, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
    },
    types::Type,
};

use super::{authorize, end_session};

/// The endpoints that browsers visit.
pub struct BrowserApi;

/// A parameter: its name, whether every request has it, and what it means.
type Parameter = (&'static str, bool, &'static str);

const AUTHORIZE: [Parameter; 17] = [
    ("client_id", true, "Who asks."),
    (
        "redirect_uri",
        true,
        "Where the answer goes: registered for the client, byte by byte. Native apps choose the port of `http://127.0.0.1` and `http://[::1]`.",
    ),
    ("response_type", true, "`code`."),
    (
        "code_challenge",
        true,
        "PKCE challenge (RFC 7636 section 4.2): base64url of the SHA-256 of the verifier, 43 characters.",
    ),
    ("code_challenge_method", true, "`S256`."),
    ("scope", false, "Scopes, separated by spaces; the client's default set when absent."),
    ("state", false, "Comes back unchanged, up to 2048 bytes."),
    ("nonce", false, "Comes back in the ID token, up to 512 bytes."),
    ("resource", false, "Identifier of a resource that the access token is for (RFC 8707). May be repeated."),
    ("prompt", false, "`none`, or some of `login`, `consent` and `select_account`, separated by spaces."),
    ("max_age", false, "How many seconds ago the person may have signed in."),
    ("acr_values", false, "Levels of sign-in, any of which will do, separated by spaces: `aal1`, `aal2`."),
    ("id_token_hint", false, "An ID token of the person who is expected, expired or not."),
    ("login_hint", false, "The address to fill in."),
    ("ui_locales", false, "Languages for the pages, best first, separated by spaces (BCP 47)."),
    ("response_mode", false, "`query`."),
    ("display", false, "Ignored: the pages fit any window."),
];

const LOGOUT: [Parameter; 6] = [
    ("id_token_hint", false, "An ID token of the client, expired or not. Without it the person is asked."),
    (
        "post_logout_redirect_uri",
        false,
        "Where the browser goes then: registered for the client, byte by byte. Otherwise the person is asked and the browser stays.",
    ),
    ("state", false, "Comes back unchanged with the redirect."),
    (
        "client_id",
        false,
        "The client of the hint. Without a hint, the client whose `post_logout_redirect_uri` is meant.",
    ),
    ("logout_hint", false, "Ignored: the session is the browser's."),
    ("ui_locales", false, "Languages for the page, best first, separated by spaces (BCP 47)."),
];

impl OpenApi for BrowserApi {
    fn meta() -> Vec<MetaApi> {
        let authorize = MetaPath {
            path: authorize::PATH.to_owned(),
            operations: vec![
                MetaOperation {
                    operation_id: Some("authorize"),
                    summary: Some("Send a person to sign in and allow"),
                    description: Some(
                        "The authorization endpoint (RFC 6749 section 3.1, OpenID Connect Core section 3.1.2), \
                         visited by a browser. The client is answered at its redirect URI with `code`, or with \
                         `error` and `error_description`; with `state`, and with `iss` (RFC 9207).",
                    ),
                    params: query(&AUTHORIZE),
                    ..operation(Method::GET, authorized())
                },
                MetaOperation {
                    operation_id: Some("authorize_by_form"),
                    summary: Some("Send a person to sign in and allow, by a form"),
                    description: Some(
                        "The same with the parameters in a form: for requests too long for a URL.",
                    ),
                    request: Some(form(&AUTHORIZE)),
                    ..operation(Method::POST, authorized())
                },
            ],
        };
        let logout = MetaPath {
            path: end_session::PATH.to_owned(),
            operations: vec![
                MetaOperation {
                    operation_id: Some("end_session"),
                    summary: Some("Sign a person out"),
                    description: Some(
                        "The end session endpoint (OpenID Connect RP-Initiated Logout 1.0), visited by a browser. \
                         A valid `id_token_hint` of the browser's own session signs out at once; otherwise a page \
                         asks the person, and returns to the client afterwards.",
                    ),
                    params: query(&LOGOUT),
                    ..operation(Method::GET, logged_out())
                },
                MetaOperation {
                    operation_id: Some("end_session_by_form"),
                    summary: Some("Sign a person out, by a form"),
                    description: Some("The same with the parameters in a form."),
                    request: Some(form(&LOGOUT)),
                    ..operation(Method::POST, logged_out())
                },
            ],
        };
        vec![MetaApi { paths: vec![authorize, logout] }]
    }

    fn register(registry: &mut Registry) {
        String::register(registry);
    }

    fn add_routes(self, _: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {}
}

fn operation(method: Method, responses: Vec<MetaResponse>) -> MetaOperation {
    MetaOperation {
        method,
        tags: vec!["Protocol"],
        summary: None,
        description: None,
        external_docs: None,
        params: Vec::new(),
        request: None,
        responses: MetaResponses { responses },
        deprecated: false,
        security: Vec::new(),
        operation_id: None,
        code_samples: Vec::new(),
    }
}

fn query(parameters: &[Parameter]) -> Vec<MetaOperationParam> {
    let parameter = |(name, required, description): &Parameter| MetaOperationParam {
        name: (*name).to_owned(),
        schema: schema(name),
        in_type: MetaParamIn::Query,
        description: Some((*description).to_owned()),
        required: *required,
        deprecated: false,
        explode: true,
        style: None,
    };
    parameters.iter().map(parameter).collect()
}

fn form(parameters: &[Parameter]) -> MetaRequest {
    let described = |name: &'static str, description| {
        (name, schema(name).merge(MetaSchema { description: Some(description), ..MetaSchema::ANY }))
    };
    let fields = MetaSchema {
        properties: parameters.iter().map(|(name, _, description)| described(name, *description)).collect(),
        required: parameters.iter().filter(|(_, required, _)| *required).map(|(name, ..)| *name).collect(),
        ..MetaSchema::new("object")
    };
    MetaRequest {
        description: None,
        content: vec![MetaMediaType {
            content_type: "application/x-www-form-urlencoded",
            schema: MetaSchemaRef::Inline(Box::new(fields)),
        }],
        required: true,
    }
}

/// Text, but for the parameter that may be repeated.
fn schema(name: &str) -> MetaSchemaRef {
    if name == "resource" { Vec::<String>::schema_ref() } else { String::schema_ref() }
}

fn authorized() -> Vec<MetaResponse> {
    vec![
        redirect("To a page that asks the person, or back to the client"),
        page(400, "A page: client or redirect URI are not proven, so nobody is redirected"),
        page(503, "A page: try again in a moment"),
    ]
}

fn logged_out() -> Vec<MetaResponse> {
    vec![
        page(200, "A page that asks the person"),
        redirect("Signed out: back to the client, or to a page that says so"),
        page(400, "A page: the request is not well-formed"),
        page(503, "A page: try again in a moment"),
    ]
}

fn page(status: u16, description: &'static str) -> MetaResponse {
    let html = MetaMediaType { content_type: "text/html; charset=utf-8", schema: String::schema_ref() };
    MetaResponse {
        description,
        status: Some(status),
        status_range: None,
        content: vec![html],
        headers: Vec::new(),
    }
}

fn redirect(description: &'static str) -> MetaResponse {
    let location = MetaHeader {
        name: "LOCATION".to_owned(),
        description: Some("Where the browser goes.".to_owned()),
        required: true,
        deprecated: false,
        schema: String::schema_ref(),
    };
    MetaResponse {
        description,
        status: Some(303),
        status_range: None,
        content: Vec::new(),
        headers: vec![location],
    }
}
