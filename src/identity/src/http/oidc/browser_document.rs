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

pub struct BrowserApi;

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
                    params: query_parameters(request_parameters::PARAMETERS),
                    ..operation(Method::GET, authorization_responses())
                },
                MetaOperation {
                    operation_id: Some("authorize_by_form"),
                    summary: Some("Send a person to sign in and allow, by a form"),
                    description: Some(
                        "The same with the parameters in a form: for requests too long for a URL.",
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
                        "The end session endpoint (OpenID Connect RP-Initiated Logout 1.0), visited by a browser. \
                         A valid `id_token_hint` of the browser's own session signs out at once; otherwise a page \
                         asks the person, and returns to the client afterwards. The page after the sign-out loads the \
                         front-channel pages of the session's clients (OpenID Connect Front-Channel Logout 1.0), \
                         then returns.",
                    ),
                    params: query_parameters(logout::PARAMETERS),
                    ..operation(Method::GET, logout_responses())
                },
                MetaOperation {
                    operation_id: Some("end_session_by_form"),
                    summary: Some("Sign a person out, by a form"),
                    description: Some("The same with the parameters in a form."),
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
    if parameter.repeatable { Vec::<String>::schema_ref() } else { String::schema_ref() }
}

fn authorization_responses() -> Vec<MetaResponse> {
    vec![
        redirect_response("To a page that asks the person, or back to the client"),
        page_response(400, "A page: client or redirect URI are not proven, so nobody is redirected"),
        page_response(503, "A page: try again in a moment"),
    ]
}

fn logout_responses() -> Vec<MetaResponse> {
    vec![
        page_response(200, "A page that asks the person or, after the sign-out, tells the apps"),
        redirect_response("Signed out: back to the client, or to a page that says so"),
        page_response(400, "A page: the request is not well-formed"),
        page_response(503, "A page: try again in a moment"),
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
