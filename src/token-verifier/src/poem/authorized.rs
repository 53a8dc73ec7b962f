//! Defines [`Authorized`], the access token of a poem-openapi operation. Its type names the required scope and
//! the [`Authenticator`].

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use ::poem::endpoint::BoxEndpoint;
use ::poem::http::Method;
use ::poem::{Request, RequestBody, Result};
use poem_openapi::registry::{
    MetaApi, MetaOAuthFlow, MetaOAuthFlows, MetaOAuthScope, MetaOperation, MetaSecurityScheme, Registry,
};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, OpenApi};
use serde_json::Value;

use super::{Authenticator, BearerCause, BearerError, token_in_header};
use crate::presented::PresentedToken;
use crate::verifier::Verifier;

/// Name of the security scheme in the document.
const SCHEME: &str = "oauth2";

/// A scope as a type.
pub trait Scope: Send + Sync + 'static {
    /// The scope value. Empty: any valid token is accepted.
    const NAME: &'static str;
    /// What the scope allows, for the document.
    const DESCRIPTION: &'static str;
}

/// Requires no scope: any valid token is accepted.
#[derive(Debug, Clone, Copy)]
pub enum AnyScope {}

impl Scope for AnyScope {
    const NAME: &'static str = "";
    const DESCRIPTION: &'static str = "";
}

/// The access token of a request that grants the scope `S`, for operations of poem-openapi.
///
/// ```
/// use poem_openapi::{OpenApi, OpenApiService, payload::PlainText};
/// use postern_token_verifier::poem::{Authorized, Scope, Scoped};
///
/// enum GreetingsRead {}
///
/// impl Scope for GreetingsRead {
///     const NAME: &'static str = "greetings:read";
///     const DESCRIPTION: &'static str = "Be greeted";
/// }
///
/// struct Greetings;
///
/// #[OpenApi]
/// impl Greetings {
///     #[oai(path = "/hello", method = "get")]
///     async fn hello(&self, token: Authorized<GreetingsRead>) -> PlainText<String> {
///         PlainText(format!("hello {}", token.sub))
///     }
/// }
///
/// // `Scoped` lets the document name the scopes.
/// let service = OpenApiService::new(Scoped(Greetings), "Greetings", "1.0");
/// assert!(service.spec().contains("greetings:read"));
/// ```
pub struct Authorized<S = AnyScope, A: Authenticator = Verifier> {
    accepted: A::Accepted,
    scope: PhantomData<fn() -> S>,
}

impl<S, A: Authenticator> Authorized<S, A> {
    /// The verified token, for callers that keep it.
    pub fn into_token(self) -> A::Accepted {
        self.accepted
    }
}

impl<S: Scope, A: Authenticator> Authorized<S, A> {
    /// Authorizes a request by the token in its header.
    pub async fn by_header(request: &Request) -> Result<Self> {
        Self::by_presented(request, token_in_header(request)).await
    }

    /// Authorizes a request by the token that it was found to present. Every token of an `Authorized` is judged
    /// here.
    pub async fn by_presented(
        request: &Request,
        presented: Result<PresentedToken<'_>, BearerCause>,
    ) -> Result<Self> {
        let state = request.data::<A::State>().ok_or_else(BearerError::no_verifier)?;
        let presented = presented.map_err(|cause| -> ::poem::Error { A::refuse(state, cause).into() })?;
        let accepted = A::authenticate(state, &presented).await.map_err(Into::<::poem::Error>::into)?;
        if !S::NAME.is_empty() && !accepted.as_ref().has_scope(S::NAME) {
            return Err(A::refuse_scope(state, &accepted, S::NAME).into());
        }
        A::require_more(state, &accepted).await.map_err(Into::<::poem::Error>::into)?;
        Ok(Self { accepted, scope: PhantomData })
    }
}

impl<S, A: Authenticator> Deref for Authorized<S, A> {
    type Target = A::Accepted;

    fn deref(&self) -> &A::Accepted {
        &self.accepted
    }
}

impl<S, A: Authenticator> fmt::Debug for Authorized<S, A>
where
    A::Accepted: fmt::Debug,
{
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Authorized").field(&self.accepted).finish()
    }
}

impl<'a, S: Scope, A: Authenticator> ApiExtractor<'a> for Authorized<S, A> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        registry.create_security_scheme(SCHEME, security_scheme::<A>());
        let flow = registry.security_schemes.get_mut(SCHEME).and_then(|scheme| scheme.flows.as_mut());
        let Some(flow) = flow.and_then(|flows| flows.authorization_code.as_mut()) else { return };
        if !S::NAME.is_empty() && flow.scopes.iter().all(|scope| scope.name != S::NAME) {
            flow.scopes.push(MetaOAuthScope { name: S::NAME, description: Some(S::DESCRIPTION) });
        }
    }

    /// Returns the scheme and then the scope, as if the scope were a second scheme; [`Scoped`] joins them.
    /// poem-openapi offers no other way from the type of an argument to the document.
    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME, S::NAME]
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        Self::by_header(request).await
    }
}

/// The URLs are relative to the document until [`point_to_issuer`] sets them.
fn security_scheme<A: Authenticator>() -> MetaSecurityScheme {
    let listed = |(name, description)| MetaOAuthScope { name, description: Some(description) };
    let authorization_code = MetaOAuthFlow {
        authorization_url: Some("/oauth2/authorize"),
        token_url: Some("/oauth2/token"),
        refresh_url: None,
        scopes: A::listed_scopes().into_iter().map(listed).collect(),
    };
    MetaSecurityScheme {
        ty: "oauth2",
        description: Some(A::SCHEME_DESCRIPTION),
        name: None,
        key_in: None,
        scheme: None,
        bearer_format: None,
        flows: Some(MetaOAuthFlows {
            implicit: None,
            password: None,
            client_credentials: None,
            authorization_code: Some(authorization_code),
        }),
        openid_connect_url: None,
    }
}

/// Sets the endpoints of the issuer in a document, for a service that is not the issuer itself.
pub fn point_to_issuer(document: &mut Value, authorization_endpoint: &str, token_endpoint: &str) {
    let flow = document.pointer_mut("/components/securitySchemes/oauth2/flows/authorizationCode");
    if let Some(Value::Object(flow)) = flow {
        flow.insert("authorizationUrl".to_owned(), authorization_endpoint.into());
        flow.insert("tokenUrl".to_owned(), token_endpoint.into());
    }
}

/// An API whose document names the scope that each [`Authorized`] operation requires.
///
/// Wrap the argument of `OpenApiService::new` in it, one API or a tuple of APIs. Requests are not changed.
#[derive(Debug, Clone, Copy)]
pub struct Scoped<A>(pub A);

impl<A: OpenApi> OpenApi for Scoped<A> {
    fn meta() -> Vec<MetaApi> {
        let mut apis = A::meta();
        let operations = apis.iter_mut().flat_map(|api| &mut api.paths).flat_map(|path| &mut path.operations);
        operations.for_each(name_scope);
        apis
    }

    fn register(registry: &mut Registry) {
        A::register(registry);
    }

    fn add_routes(self, route_table: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {
        self.0.add_routes(route_table);
    }
}

/// Turns `[{oauth2: []}, {scope: []}]` into `[{oauth2: [scope]}]`.
fn name_scope(operation: &mut MetaOperation) {
    let mut schemes = std::mem::take(&mut operation.security).into_iter();
    while let Some(mut scheme) = schemes.next() {
        if let Some(scopes) = scheme.get_mut(SCHEME) {
            let named = schemes.next().unwrap_or_default();
            scopes.extend(named.into_keys().filter(|name| !name.is_empty()));
        }
        operation.security.push(scheme);
    }
}
