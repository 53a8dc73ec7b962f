//! Defines how problems appear in the OpenAPI documents.

use poem_openapi::{
    ApiResponse, Object,
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::Type,
};
use serde_json::Value;

use super::{MEDIA_TYPE, Problem};

/// Why a request was refused (RFC 9457). Decide by `type`; the texts are for people and may change. Some
/// kinds have further members.
#[derive(Object)]
#[oai(rename = "Problem", example, read_only_all)]
struct Schema {
    /// The kind of the problem: `urn:postern:problem:<name>`.
    #[oai(rename = "type")]
    kind: String,
    /// The kind in words.
    title: String,
    /// The status of the answer.
    status: u16,
    /// What went wrong this time.
    #[oai(skip_serializing_if_is_none)]
    detail: Option<String>,
    /// The reference of the request, by which an operator finds it in the log.
    #[oai(skip_serializing_if_is_none)]
    instance: Option<String>,
    /// The member of the body or the parameter that is wrong.
    #[oai(skip_serializing_if_is_none)]
    field: Option<String>,
}

impl poem_openapi::types::Example for Schema {
    fn example() -> Self {
        Self {
            kind: "urn:postern:problem:malformed_request".to_owned(),
            title: "The request is malformed".to_owned(),
            status: 400,
            detail: Some("`title` must be a string".to_owned()),
            instance: Some("urn:postern:request:7k2m9qxw4hd0t5vz".to_owned()),
            field: Some("title".to_owned()),
        }
    }
}

impl Problem {
    /// The problem as a document shows it, with a reference.
    pub fn to_example(&self) -> Value {
        let mut example = serde_json::to_value(self).unwrap_or_default();
        example["instance"] = "urn:postern:request:7k2m9qxw4hd0t5vz".into();
        example
    }
}

fn answer(status: Option<u16>, description: &'static str) -> MetaResponse {
    let content = vec![MetaMediaType { content_type: MEDIA_TYPE, schema: Schema::schema_ref() }];
    MetaResponse { description, status, status_range: None, content, headers: Vec::new() }
}

/// Documents the response `default`: any refusal. [`Problems`] lists the statuses as well.
impl ApiResponse for Problem {
    fn meta() -> MetaResponses {
        MetaResponses { responses: vec![answer(None, "The request was refused.")] }
    }

    fn register(registry: &mut Registry) {
        Schema::register(registry);
    }
}

/// A [`Problem`] of a handler, with the statuses that its document lists: `Result<Json<Task>, Problems<401,
/// 403, 404>>`. A zero stands for no status.
#[derive(Debug)]
pub struct Problems<
    const A: u16,
    const B: u16 = 0,
    const C: u16 = 0,
    const D: u16 = 0,
    const E: u16 = 0,
    const F: u16 = 0,
    const G: u16 = 0,
    const H: u16 = 0,
>(Problem);

macro_rules! impl_problems {
    ($($status:ident),+) => {
        /// `?` converts every error that converts to a problem.
        impl<Cause: Into<Problem>, $(const $status: u16),+> From<Cause> for Problems<$($status),+> {
            fn from(cause: Cause) -> Self {
                Self(cause.into())
            }
        }

        impl<$(const $status: u16),+> ApiResponse for Problems<$($status),+> {
            fn meta() -> MetaResponses {
                let listed = [$($status),+].into_iter().filter(|status| *status != 0);
                let mut responses: Vec<_> = listed.map(|status| answer(Some(status), describe(status))).collect();
                responses.extend(Problem::meta().responses);
                MetaResponses { responses }
            }

            fn register(registry: &mut Registry) {
                Problem::register(registry);
            }
        }

        impl<$(const $status: u16),+> From<Problems<$($status),+>> for poem::Error {
            fn from(problems: Problems<$($status),+>) -> Self {
                problems.0.into()
            }
        }
    };
}

impl_problems!(A, B, C, D, E, F, G, H);

fn describe(status: u16) -> &'static str {
    match status {
        400 => "The body or a parameter is malformed; `field` names it.",
        401 => "Credentials are missing or not accepted.",
        403 => "The credentials do not allow this.",
        404 => "There is nothing here, or nothing that the caller may see.",
        409 => "The request conflicts with what is stored.",
        413 => "The body is too large.",
        415 => "The body is in another media type.",
        429 => "Too many requests; `Retry-After` says how long to wait.",
        503 => "Not available just now; `Retry-After` says how long to wait.",
        _ => "The request was refused.",
    }
}
