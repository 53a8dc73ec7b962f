//! Defines the route table: every path in one place, and the order of the middlewares.
//!
//! Handlers parse the request, call one use case and map its outcome. `poem` and `poem_openapi` are used in
//! this module only. Leaves health, metrics and documents to [`serve`].

pub mod account;
mod allowed_hosts;
pub mod auth;
mod claims;
mod client_ip;
pub mod cors;
mod error_examples;
pub mod no_store_json;
pub mod oauth_error;
mod oauth_errors;
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
use postern_token_verifier::poem::Scoped;

use self::pages::PageRoutes;
pub(crate) use self::request_context::{context_in_language, request_context};
use crate::App;

/// The groups of operations in the OpenAPI document, in the order of use.
#[derive(Tags)]
enum Tag {
    /// OAuth 2.0 and OpenID Connect: what every app and every library uses.
    Protocol,
    /// Sign-in within the operator's own apps, without the provider's pages.
    #[oai(rename = "First-party sign-in")]
    FirstParty,
    /// What people see and change of their own account.
    Account,
    /// What apps and APIs must know of this provider beforehand. Libraries read this by themselves.
    Metadata,
}

/// The order of the groups. poem-openapi sorts them by name.
const GROUPS: [&str; 4] = ["Protocol", "First-party sign-in", "Account", "Metadata"];

/// Every documented path. The APIs are nested in groups, because a tuple has at most sixteen members.
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
    let routes = page_routes(app, routes).into_routes();
    pages::with_not_found_page(app, routes.data(app.clone()).map_to_response()).boxed()
}

/// Adds every page to `routes`.
fn page_routes(app: &App, routes: Route) -> PageRoutes {
    let routes = PageRoutes::new(app, routes)
        .page("/assets/:hash/:name", pages::assets::show)
        .page("/assets/logos/:name", pages::assets::client_logo)
        .page("/brand.css", pages::assets::brand)
        .open_form(oidc::authorize::PATH, oidc::authorize::show, oidc::authorize::submit)
        .open_form(oidc::end_session::PATH, oidc::end_session::show, oidc::end_session::submit)
        .page(&pages::error_reference::path(), pages::error_reference::show)
        .page("/", pages::account::home)
        .action("/language", pages::language::choose)
        .form("/login", pages::login::show, pages::login::begin)
        .action("/login/verify", pages::login::verify)
        .action("/login/challenge", pages::login::challenge)
        .action("/login/give-up", pages::login::decline_step_up)
        .form(
            pages::recovery_codes::REMINDER,
            pages::recovery_codes::remind,
            pages::recovery_codes::renew_at_sign_in,
        )
        .action("/login/recovery-codes/kept", pages::recovery_codes::keep)
        .form(pages::passkey_offer::PATH, pages::passkey_offer::show, pages::passkey_offer::begin)
        .action("/login/passkey/confirm", pages::passkey_offer::confirm)
        .form(
            "/register",
            pages::registration_and_recovery::show_registration,
            pages::registration_and_recovery::submit_registration,
        )
        .action("/register/resend", pages::registration_and_recovery::resend_registration)
        .form(
            "/verify-email",
            pages::registration_and_recovery::show_email_verification,
            pages::registration_and_recovery::submit_verification,
        )
        .form(
            "/forgot-password",
            pages::registration_and_recovery::forgot_password,
            pages::registration_and_recovery::submit_forgot_password,
        )
        .form(
            "/reset-password",
            pages::registration_and_recovery::reset_password,
            pages::registration_and_recovery::submit_reset_password,
        )
        .action("/password/strength", pages::password_strength::show)
        .form("/confirm-email", pages::email::confirm, pages::email::submit_confirmation)
        .form("/undo-email-change", pages::email::undo, pages::email::submit_undo)
        .form("/sign-out-everywhere", pages::sign_out_link::show, pages::sign_out_link::submit)
        .form("/consent", pages::consent::show, pages::consent::submit)
        .page("/logged-out", pages::logged_out::show)
        .page("/account", pages::account::show)
        .action("/account/sign-out", pages::account::sign_out)
        .form("/account/profile", pages::profile::show, pages::profile::submit)
        .form("/account/email", pages::email::show, pages::email::submit)
        .form(
            "/account/password",
            pages::registration_and_recovery::password,
            pages::registration_and_recovery::submit_password,
        )
        .form("/account/recovery-codes", pages::recovery_codes::show, pages::recovery_codes::renew)
        .form("/account/passkeys", pages::passkeys::show, pages::passkeys::begin)
        .action("/account/passkeys/confirm", pages::passkeys::confirm)
        .action("/account/passkeys/rename", pages::passkeys::rename)
        .action("/account/passkeys/remove", pages::passkeys::remove)
        .page("/account/sessions", pages::sessions::show)
        .action("/account/sessions/end", pages::sessions::end)
        .page("/account/applications", pages::applications::show)
        .action("/account/applications/remove", pages::applications::remove)
        .page("/account/activity", pages::activity::show)
        .form("/account/data", pages::data::show, pages::data::export)
        .form("/account/delete", pages::deletion::show, pages::deletion::close)
        .form("/account/restore", pages::deletion::show_restore, pages::deletion::restore)
        .form("/account/totp", pages::totp::show, pages::totp::begin)
        .action("/account/totp/confirm", pages::totp::confirm)
        .action("/account/totp/remove", pages::totp::remove);
    let routes = pages::security_txt::mount(app, routes);
    let routes = pages::inbox::mount(app, routes);
    pages::mail_previews::mount(app, routes)
}

/// The paths of the forms that only a page of this issuer may post.
pub fn form_paths(app: &App) -> Vec<String> {
    page_routes(app, Route::new()).form_paths().to_vec()
}
