//! Defines the form of a userinfo response: JSON, or a JWT for a client that is registered for it (OpenID Connect
//! Core section 5.3.2).

use poem::{
    IntoResponse, Response,
    http::{
        HeaderValue,
        header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA},
    },
};
use poem_openapi::{
    ApiResponse,
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::Type as _,
};

use crate::{
    http::{claims::Claims, no_store_json::NoStoreJson},
    tokens::Userinfo,
};

pub(super) struct UserinfoResponse(pub(super) Userinfo);

impl IntoResponse for UserinfoResponse {
    fn into_response(self) -> Response {
        match self.0 {
            Userinfo::Claims(claims) => NoStoreJson(Claims(claims)).into_response(),
            Userinfo::Signed(jwt) => {
                let mut response = jwt.into_response();
                let headers = response.headers_mut();
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/jwt"));
                headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
                headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
                response
            }
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
