//! Defines the OpenAPI entries of the endpoints that browsers visit.
//!
//! Their handlers read query and form themselves: a repeated parameter must be seen (RFC 6749 section
//! 3.1), and a fault is a page or a redirect, where poem-openapi would drop the one and word the other
//! in its own way. So the document has their parameters from the tables by which `authorization` reads
//! them; the route table leads to the handlers.

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
use crate::authorization::{logout, parameters::Parameter, request_parameters};

/// What a request of the app `demo-web` of `postern dev` has in some parameters.
const EXAMPLES: [(&str, &str); 6] = [
    ("client_id", "demo-web"),
    ("redirect_uri", "http://localhost:3000/callback"),
    ("response_type", "code"),
    ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
    ("code_challenge_method", "S256"),
    ("scope", "openid"),
];

pub struct BrowserApi;

impl OpenApi for BrowserApi {
    fn meta() -> Vec<MetaApi> {
        let authorize = MetaPath {
            path: authorize::PATH.to_owned(),
            operations: vec![
                MetaOperation {
                    operation_id: Some("authorize"),
                    summary: Some("Send a person to sign in"),
                    description: Some(
                        "The authorization endpoint (RFC 6749 section 3.1, OpenID Connect Core section 3.1.2). The app \
                         sends the browser here. The browser comes back to the redirect URI with `code`, or with \
                         `error` and `error_description`. `state` and `iss` (RFC 9207) come with both.",
                    ),
                    params: query_parameters(request_parameters::PARAMETERS),
                    ..operation(Method::GET, authorization_responses())
                },
                MetaOperation {
                    operation_id: Some("authorize_by_form"),
                    summary: Some("Send a person to sign in, by a form"),
                    description: Some(
                        "The authorization endpoint with the parameters in a form, for requests that are too long for a URL.",
                    ),
                    request: Some(form_body(request_parameters::PARAMETERS)),
                    ..operation(Method::POST, authorization_responses())
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
                        "The end session endpoint (OpenID Connect RP-Initiated Logout 1.0). The app sends the browser \
                         here. With an `id_token_hint` of the browser's own session the person is signed out at \
                         once; otherwise a page asks first. The browser then returns to the app. Apps that \
                         registered a front-channel page are told before (OpenID Connect Front-Channel Logout 1.0).",
                    ),
                    params: query_parameters(logout::PARAMETERS),
                    ..operation(Method::GET, logout_responses())
                },
                MetaOperation {
                    operation_id: Some("end_session_by_form"),
                    summary: Some("Sign a person out, by a form"),
                    description: Some("The end session endpoint with the parameters in a form."),
                    request: Some(form_body(logout::PARAMETERS)),
                    ..operation(Method::POST, logout_responses())
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

fn query_parameters(parameters: &[Parameter]) -> Vec<MetaOperationParam> {
    let described = |parameter: &Parameter| MetaOperationParam {
        name: parameter.name.to_owned(),
        schema: parameter_schema(parameter),
        in_type: MetaParamIn::Query,
        description: Some(parameter.description.to_owned()),
        required: parameter.required,
        deprecated: false,
        explode: true,
        style: None,
    };
    parameters.iter().map(described).collect()
}

fn form_body(parameters: &[Parameter]) -> MetaRequest {
    let described = |parameter: &Parameter| {
        let description = MetaSchema { description: Some(parameter.description), ..MetaSchema::ANY };
        (parameter.name, parameter_schema(parameter).merge(description))
    };
    let required = parameters.iter().filter(|parameter| parameter.required);
    let fields = MetaSchema {
        properties: parameters.iter().map(described).collect(),
        required: required.map(|parameter| parameter.name).collect(),
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

/// Text; a list where the parameter may be repeated.
fn parameter_schema(parameter: &Parameter) -> MetaSchemaRef {
    let schema = if parameter.repeatable { Vec::<String>::schema_ref() } else { String::schema_ref() };
    match EXAMPLES.iter().find(|(name, _)| *name == parameter.name) {
        Some((_, example)) => {
            schema.merge(MetaSchema { example: Some((*example).into()), ..MetaSchema::ANY })
        }
        None => schema,
    }
}

fn authorization_responses() -> Vec<MetaResponse> {
    vec![
        redirect_response("To a page that asks the person, or back to the app."),
        page_response(
            400,
            "A page for the person: the app or its redirect URI is not known, so the browser is sent nowhere.",
        ),
        page_response(503, "A page for the person: try again in a moment."),
    ]
}

fn logout_responses() -> Vec<MetaResponse> {
    vec![
        page_response(200, "A page that asks the person or, after the sign-out, tells the apps."),
        redirect_response("Signed out: back to the app, or to a page that says so."),
        page_response(400, "A page for the person: the request is malformed."),
        page_response(503, "A page for the person: try again in a moment."),
    ]
}

fn page_response(status: u16, description: &'static str) -> MetaResponse {
    let html = MetaMediaType { content_type: "text/html; charset=utf-8", schema: String::schema_ref() };
    MetaResponse {
        description,
        status: Some(status),
        status_range: None,
        content: vec![html],
        headers: Vec::new(),
    }
}

fn redirect_response(description: &'static str) -> MetaResponse {
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
