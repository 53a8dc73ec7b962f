//! The provider through its real router: one file a surface or RFC.

#![expect(
    clippy::unwrap_used,
    clippy::default_trait_access,
    clippy::unnecessary_wraps,
    unreachable_pub,
    reason = "a test panics where it fails, is short, and nobody else uses its helpers"
)]

mod account_access;
mod account_changes;
mod account_email;
mod account_email_undo;
mod account_language;
mod account_names;
mod account_profile;
mod account_totp;
mod accounts;
mod actors;
mod address_proof;
mod api_auth;
mod architecture;
mod audience;
mod authorize;
mod authorize_errors;
mod breached_passwords;
mod browser;
mod client_assertion_keys;
mod client_assertions;
mod client_policies;
mod client_profiles;
mod clients;
mod commands;
mod consent;
mod cors;
mod credential_changes;
mod dev;
mod discovery;
mod document;
mod endings;
mod error_references;
mod flow;
mod hashing_busy;
mod imported_users;
mod introspection;
mod jobs;
mod judged_tries;
mod keys;
mod known_devices;
mod limits;
mod login_code;
mod login_email_otp;
mod login_methods;
mod login_passkey;
mod login_password;
mod login_recovery_code;
mod login_totp;
mod logout;
mod mail;
mod mail_allowance;
mod mail_samples;
mod migrations;
mod outage;
mod own_data;
mod pages_account;
mod pages_accounts;
mod pages_csrf;
mod pages_login;
mod pages_messages;
mod pages_own_data;
mod pages_remember;
mod pages_security;
mod pages_strength;
mod person;
mod prepared_database;
mod prompt;
mod redirect_uris;
mod refresh;
mod registration;
mod resources;
mod revocation;
mod sealed_requests;
mod second_steps;
mod security_txt;
mod seeds;
mod session_methods;
mod sessions;
mod sign_in;
mod skeleton;
mod smtp;
mod soft_passkey;
mod standing;
mod standing_grants;
mod support;
mod token_client_credentials;
mod token_code;
mod token_matrix;
mod token_requests;
mod unreadable_rows;
mod userinfo;
