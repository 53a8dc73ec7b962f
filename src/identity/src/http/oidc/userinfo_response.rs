//! Defines the form of a userinfo response: JSON, or a JWT for a client that is registered for it (OpenID Connect
//! Core section 5.3.2).

use poem::{IntoResponse, Response, http::HeaderValue};
use poem_openapi::{
    ApiResponse,
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::Type as _,
};

use crate::{
    http::{
        claims::Claims,
        no_store_json::{NoStoreJson, no_store},
    },
    tokens::Userinfo,
};

pub(super) struct UserinfoResponse(pub(super) Userinfo);

impl IntoResponse for UserinfoResponse {
    fn into_response(self) -> Response {
        match self.0 {
            Userinfo::Claims(claims) => NoStoreJson(Claims(claims)).into_response(),
            Userinfo::Signed(jwt) => no_store(jwt, HeaderValue::from_static("application/jwt")),
        }
    }
}

impl ApiResponse for UserinfoResponse {
    fn meta() -> MetaResponses {
        let mut responses = NoStoreJson::<Claims>::meta();
        let jwt = MetaMediaType { content_type: "application/jwt", schema: String::schema_ref() };
        if let Some(MetaResponse { content, .. }) = responses.responses.first_mut() {
            content.push(jwt);
        }
        responses
    }

    fn register(registry: &mut Registry) {
        NoStoreJson::<Claims>::register(registry);
    }
}
