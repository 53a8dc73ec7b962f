//! Defines the route table: every path in one place, and the order of the middlewares.
//!
//! Handlers parse the request, call one use case and map its outcome. `poem` and `poem_openapi` are used in
//! this module only. Leaves health, metrics and documents to [`serve`].

pub mod account;
mod allowed_hosts;
pub mod auth;
mod client_ip;
pub mod cors;
pub mod no_store_json;
pub mod oauth_error;
pub mod oauth_form;
pub mod oidc;
pub mod pages;
pub mod presented_token;
mod problem;
pub mod rate_limit_headers;
mod request_context;
pub mod security;
pub mod serve;
mod token_response;

use std::sync::Arc;

use poem::{EndpointExt, Response, Route, endpoint::BoxEndpoint, middleware::CookieJarManager};
use poem_openapi::{OpenApi, OpenApiService, Tags};
use postern_service::routing::{get, post};
use postern_token_verifier::poem::Scoped;

use self::pages::page_endpoint;
pub(crate) use self::request_context::{context_in_language, request_context};
use crate::App;

/// The chapters of the OpenAPI document.
#[derive(Tags)]
enum Tag {
    /// What a client or resource server must know beforehand.
    Metadata,
    /// OAuth 2.0 and OpenID Connect.
    Protocol,
    /// Sign-in by the operator's own apps.
    FirstParty,
    /// What people change about their own account.
    Account,
}

/// Every documented path. The APIs are nested in groups, because a tuple has at most sixteen members.
fn apis(app: &App) -> impl OpenApi + use<> {
    Scoped((
        oidc::discovery::DiscoveryApi::new(app),
        oidc::jwks::JwksApi::new(app),
        oidc::browser_document::BrowserApi,
        oidc::token::TokenApi::new(app),
        oidc::userinfo::UserinfoApi,
        oidc::introspection::IntrospectionApi::new(app),
        oidc::revocation::RevocationApi::new(app),
        auth::AuthApi::new(app),
        auth::registration_and_recovery::RegistrationAndRecoveryApi::new(app),
        auth::invitations::InvitationsApi::new(app),
        account_apis(app),
    ))
}

/// Those of one's own account.
fn account_apis(app: &App) -> impl OpenApi + use<> {
    (
        account::profile::ProfileApi::new(app),
        account::email::EmailApi::new(app),
        account::totp::TotpApi::new(app),
        account::passkeys::PasskeysApi::new(app),
        account::recovery_codes::RecoveryCodesApi::new(app),
        account::password::PasswordApi::new(app),
        account::sessions::SessionsApi::new(app),
        account::applications::ApplicationsApi::new(app),
        account::activity::ActivityApi::new(app),
        account::data::DataApi::new(app),
    )
}

/// Every path of the provider. [`serve::endpoint`] adds what all responses have in common.
#[expect(clippy::too_many_lines, reason = "each path is a line, and all are in one place")]
fn routes(app: &App) -> BoxEndpoint<'static, Response> {
    let documented = OpenApiService::new(apis(app), "Postern", env!("CARGO_PKG_VERSION"));
    let documented = oauth_error::with_error_pages(app, documented.boxed());
    let documented = cors::ProtocolCors::new(app, documented.boxed()).boxed();
    // Cookies outside: the origins' layer turns problems into answers, which may clear one.
    let documented = auth::cors::FirstPartyCors::new(app, documented).with(CookieJarManager::new());
    let documented = Arc::new(documented);
    // Each folder is nested separately: nested at the root, the documented paths would take `/` from the home
    // page.
    let documented = |routes: Route, folder| routes.nest_no_strip(folder, Arc::clone(&documented));
    let routes = ["/.well-known", "/oauth2", "/api"].into_iter().fold(Route::new(), documented);
    let routes = routes
        .at("/assets/:hash/:name", get(page_endpoint(app, pages::assets::show)))
        .at(
            oidc::authorize::PATH,
            get(page_endpoint(app, oidc::authorize::show)).post(page_endpoint(app, oidc::authorize::submit)),
        )
        .at(
            oidc::end_session::PATH,
            get(page_endpoint(app, oidc::end_session::show))
                .post(page_endpoint(app, oidc::end_session::submit)),
        )
        .at(pages::error_reference::path(), get(page_endpoint(app, pages::error_reference::show)))
        .at("/", get(page_endpoint(app, pages::account::home)))
        .at(
            "/login",
            get(page_endpoint(app, pages::login::show)).post(page_endpoint(app, pages::login::begin)),
        )
        .at("/login/verify", post(page_endpoint(app, pages::login::verify)))
        .at("/login/challenge", post(page_endpoint(app, pages::login::challenge)))
        .at("/login/give-up", post(page_endpoint(app, pages::login::decline_step_up)))
        .at(
            "/register",
            get(page_endpoint(app, pages::registration_and_recovery::show_registration))
                .post(page_endpoint(app, pages::registration_and_recovery::submit_registration)),
        )
        .at(
            "/register/resend",
            post(page_endpoint(app, pages::registration_and_recovery::resend_registration)),
        )
        .at(
            "/verify-email",
            get(page_endpoint(app, pages::registration_and_recovery::show_email_verification))
                .post(page_endpoint(app, pages::registration_and_recovery::submit_verification)),
        )
        .at(
            "/forgot-password",
            get(page_endpoint(app, pages::registration_and_recovery::forgot_password))
                .post(page_endpoint(app, pages::registration_and_recovery::submit_forgot_password)),
        )
        .at(
            "/reset-password",
            get(page_endpoint(app, pages::registration_and_recovery::reset_password))
                .post(page_endpoint(app, pages::registration_and_recovery::submit_reset_password)),
        )
        .at("/password/strength", post(page_endpoint(app, pages::password_strength::show)))
        .at(
            "/confirm-email",
            get(page_endpoint(app, pages::email::confirm))
                .post(page_endpoint(app, pages::email::submit_confirmation)),
        )
        .at(
            "/undo-email-change",
            get(page_endpoint(app, pages::email::undo)).post(page_endpoint(app, pages::email::submit_undo)),
        )
        .at(
            "/consent",
            get(page_endpoint(app, pages::consent::show)).post(page_endpoint(app, pages::consent::submit)),
        )
        .at("/logged-out", get(page_endpoint(app, pages::logged_out::show)))
        .at("/account", get(page_endpoint(app, pages::account::show)))
        .at("/account/sign-out", post(page_endpoint(app, pages::account::sign_out)))
        .at(
            "/account/profile",
            get(page_endpoint(app, pages::profile::show)).post(page_endpoint(app, pages::profile::submit)),
        )
        .at(
            "/account/email",
            get(page_endpoint(app, pages::email::show)).post(page_endpoint(app, pages::email::submit)),
        )
        .at(
            "/account/password",
            get(page_endpoint(app, pages::registration_and_recovery::password))
                .post(page_endpoint(app, pages::registration_and_recovery::submit_password)),
        )
        .at(
            "/account/recovery-codes",
            get(page_endpoint(app, pages::recovery_codes::show))
                .post(page_endpoint(app, pages::recovery_codes::renew)),
        )
        .at(
            "/account/passkeys",
            get(page_endpoint(app, pages::passkeys::show)).post(page_endpoint(app, pages::passkeys::begin)),
        )
        .at("/account/passkeys/confirm", post(page_endpoint(app, pages::passkeys::confirm)))
        .at("/account/passkeys/rename", post(page_endpoint(app, pages::passkeys::rename)))
        .at("/account/passkeys/remove", post(page_endpoint(app, pages::passkeys::remove)))
        .at("/account/sessions", get(page_endpoint(app, pages::sessions::show)))
        .at("/account/sessions/end", post(page_endpoint(app, pages::sessions::end)))
        .at("/account/applications", get(page_endpoint(app, pages::applications::show)))
        .at("/account/applications/remove", post(page_endpoint(app, pages::applications::remove)))
        .at("/account/activity", get(page_endpoint(app, pages::activity::show)))
        .at(
            "/account/data",
            get(page_endpoint(app, pages::data::show)).post(page_endpoint(app, pages::data::export)),
        )
        .at(
            "/account/delete",
            get(page_endpoint(app, pages::deletion::show)).post(page_endpoint(app, pages::deletion::close)),
        )
        .at(
            "/account/restore",
            get(page_endpoint(app, pages::deletion::show_restore))
                .post(page_endpoint(app, pages::deletion::restore)),
        )
        .at(
            "/account/totp",
            get(page_endpoint(app, pages::totp::show)).post(page_endpoint(app, pages::totp::begin)),
        )
        .at("/account/totp/confirm", post(page_endpoint(app, pages::totp::confirm)))
        .at("/account/totp/remove", post(page_endpoint(app, pages::totp::remove)));
    let routes = pages::security_txt::mount(app, routes);
    let routes = pages::inbox::mount(app, routes);
    let routes = pages::mail_previews::mount(app, routes);
    pages::with_not_found_page(app, routes.data(app.clone()).map_to_response()).boxed()
}
