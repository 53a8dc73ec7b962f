//! THE route table: every path in one place, and the order of the middlewares.
//!
//! Handlers parse, call one use case and map its outcome. `poem` and `poem_openapi` stay in here.

pub mod account;
pub mod auth;
pub mod bearer;
mod client_ip;
pub mod cors;
pub mod error;
pub mod limits;
pub mod oauth_form;
pub mod oidc;
mod own_hosts;
pub mod pages;
mod request_context;
pub mod security;
pub mod serve;
pub mod uncached;

use std::sync::Arc;

use poem::{EndpointExt, Response, Route, endpoint::BoxEndpoint, middleware::CookieJarManager};
use poem_openapi::{OpenApi, OpenApiService, Tags};
use postern_service::routing::{get, post};
use postern_token_verifier::poem::Scoped;

use self::pages::page;
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

/// Every documented path: one API a surface, in groups because a tuple has at most sixteen.
fn apis(app: &App) -> impl OpenApi + use<> {
    Scoped((
        oidc::discovery::DiscoveryApi::new(app),
        oidc::jwks::JwksApi::new(app),
        oidc::browser_document::BrowserApi,
        oidc::token::TokenApi::new(app),
        oidc::userinfo::UserinfoApi::new(app),
        oidc::introspection::IntrospectionApi::new(app),
        oidc::revocation::RevocationApi::new(app),
        auth::AuthApi::new(app),
        auth::accounts::AccountsApi::new(app),
        auth::invitations::InvitationsApi::new(app),
        own_account(app),
    ))
}

/// Those of one's own account.
fn own_account(app: &App) -> impl OpenApi + use<> {
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

/// Every path of the provider. What all answers have in common comes around them: [`serve::endpoint`].
fn routes(app: &App) -> BoxEndpoint<'static, Response> {
    let documented = OpenApiService::new(apis(app), "Postern", env!("CARGO_PKG_VERSION"));
    let documented = error::with_error_pages(app, documented.boxed());
    let documented = cors::CrossOrigin::new(app, documented.boxed()).boxed();
    // Cookies outside: the origins' layer turns problems into answers, which may clear one.
    let documented = auth::cors::FirstPartyOrigins::new(app, documented).with(CookieJarManager::new());
    let documented = Arc::new(documented);
    // Folder by folder: nested at the root it would take `/` from the home page.
    let documented = |routes: Route, folder| routes.nest_no_strip(folder, Arc::clone(&documented));
    let routes = ["/.well-known", "/oauth2", "/api"].into_iter().fold(Route::new(), documented);
    let routes = routes
        .at("/assets/:hash/:name", get(page(app, pages::assets::show)))
        .at(
            oidc::authorize::PATH,
            get(page(app, oidc::authorize::show)).post(page(app, oidc::authorize::receive)),
        )
        .at(
            oidc::end_session::PATH,
            get(page(app, oidc::end_session::show)).post(page(app, oidc::end_session::submit)),
        )
        .at(pages::error_reference::path(), get(page(app, pages::error_reference::show)))
        .at("/", get(page(app, pages::account::home)))
        .at("/login", get(page(app, pages::login::show)).post(page(app, pages::login::begin)))
        .at("/login/verify", post(page(app, pages::login::verify)))
        .at("/login/challenge", post(page(app, pages::login::challenge)))
        .at("/login/give-up", post(page(app, pages::login::give_up)))
        .at(
            "/register",
            get(page(app, pages::accounts::register)).post(page(app, pages::accounts::submit_registration)),
        )
        .at("/register/resend", post(page(app, pages::accounts::resend)))
        .at(
            "/verify-email",
            get(page(app, pages::accounts::verify_email))
                .post(page(app, pages::accounts::submit_verification)),
        )
        .at(
            "/forgot-password",
            get(page(app, pages::accounts::forgot)).post(page(app, pages::accounts::submit_forgot)),
        )
        .at(
            "/reset-password",
            get(page(app, pages::accounts::reset)).post(page(app, pages::accounts::submit_reset)),
        )
        .at("/password/strength", post(page(app, pages::strength::show)))
        .at(
            "/confirm-email",
            get(page(app, pages::email::confirm)).post(page(app, pages::email::submit_confirmation)),
        )
        .at(
            "/undo-email-change",
            get(page(app, pages::email::undo)).post(page(app, pages::email::submit_undo)),
        )
        .at("/consent", get(page(app, pages::consent::show)).post(page(app, pages::consent::submit)))
        .at("/logged-out", get(page(app, pages::logged_out::show)))
        .at("/account", get(page(app, pages::account::show)))
        .at("/account/sign-out", post(page(app, pages::account::sign_out)))
        .at("/account/profile", get(page(app, pages::profile::show)).post(page(app, pages::profile::submit)))
        .at("/account/email", get(page(app, pages::email::show)).post(page(app, pages::email::submit)))
        .at(
            "/account/password",
            get(page(app, pages::accounts::password)).post(page(app, pages::accounts::submit_password)),
        )
        .at(
            "/account/recovery-codes",
            get(page(app, pages::recovery_codes::show)).post(page(app, pages::recovery_codes::renew)),
        )
        .at(
            "/account/passkeys",
            get(page(app, pages::passkeys::show)).post(page(app, pages::passkeys::begin)),
        )
        .at("/account/passkeys/confirm", post(page(app, pages::passkeys::confirm)))
        .at("/account/passkeys/rename", post(page(app, pages::passkeys::rename)))
        .at("/account/passkeys/remove", post(page(app, pages::passkeys::remove)))
        .at("/account/sessions", get(page(app, pages::sessions::show)))
        .at("/account/sessions/end", post(page(app, pages::sessions::end)))
        .at("/account/applications", get(page(app, pages::applications::show)))
        .at("/account/applications/remove", post(page(app, pages::applications::remove)))
        .at("/account/activity", get(page(app, pages::activity::show)))
        .at("/account/data", get(page(app, pages::data::show)).post(page(app, pages::data::export)))
        .at("/account/delete", get(page(app, pages::deletion::show)).post(page(app, pages::deletion::close)))
        .at(
            "/account/restore",
            get(page(app, pages::deletion::show_closed)).post(page(app, pages::deletion::restore)),
        )
        .at("/account/totp", get(page(app, pages::totp::show)).post(page(app, pages::totp::begin)))
        .at("/account/totp/confirm", post(page(app, pages::totp::confirm)))
        .at("/account/totp/remove", post(page(app, pages::totp::remove)));
    let routes = pages::security_txt::mount(app, routes);
    let routes = pages::inbox::mount(app, routes);
    let routes = pages::mail_previews::mount(app, routes);
    pages::with_page_for_nothing(app, routes.data(app.clone()).map_to_response()).boxed()
}
