//! Answers `/account/profile`: the claims that users maintain about themselves. Leaves the rules to
//! `accounts::profile`.

use minijinja::{Value, context};
use poem::Request;
use serde_json::Value as Json;

use super::{
    Form, Page, PageResult,
    account::{require_sign_in, require_sign_in_for_change},
    login::Destination,
    registration_and_recovery::{FormError, form_error, show_form},
    see_other,
};
use crate::{
    App,
    accounts::profile::{self, ClaimChange, PostalAddressChange, ProfileChange},
};

/// The form's fields, named after their claims (OpenID Connect Core section 5.1).
const CLAIMS: [&str; 14] = [
    "name",
    "given_name",
    "middle_name",
    "family_name",
    "nickname",
    "preferred_username",
    "gender",
    "birthdate",
    "phone_number",
    "zoneinfo",
    "locale",
    "profile",
    "picture",
    "website",
];

/// Those of the postal address (section 5.1.1).
const ADDRESS_MEMBERS: [&str; 6] =
    ["formatted", "street_address", "postal_code", "locality", "region", "country"];

pub async fn show(app: App, request: Request) -> PageResult {
    let signed_in = require_sign_in(&app, &request, Destination::Profile).await?;
    let page = Page::from_request(&app, &request, None);
    let done = Form::from_query(&request)?.get("done").is_some();
    let stored = &signed_in.user.profile;
    let stored_value = |claims: &Json, name: &str| claims[name].as_str().unwrap_or_default().to_owned();
    let values =
        field_values(|name| stored_value(stored, name), |name| stored_value(&stored["address"], name));
    show_profile(&page, done.then(|| page.message("profile-changed")).flatten(), values, None)
}

pub async fn submit(app: App, request: Request, form: Form) -> PageResult {
    let signed_in = require_sign_in_for_change(&app, &request, Destination::Profile).await?;
    let page = Page::from_request(&app, &request, None);
    let change = ProfileChange {
        claims: claim_changes(&form, &CLAIMS),
        address: PostalAddressChange::Members(claim_changes(&form, &ADDRESS_MEMBERS)),
    };
    match profile::change(&app, signed_in.principal(), change, page.context()).await {
        Ok(_) => Ok(see_other("/account/profile?done=yes")),
        Err(cause) => match form_error(&page, &cause) {
            Some(form_error) => {
                let kept = |name: &str| form.value_or_empty(name).to_owned();
                show_profile(&page, None, field_values(kept, kept), Some(form_error))
            }
            None => Err(cause.into()),
        },
    }
}

/// The claims whose fields were sent; an empty field takes its claim away.
fn claim_changes(form: &Form, names: &[&'static str]) -> Vec<ClaimChange> {
    let sent = names.iter().filter(|name| form.contains(name));
    sent.map(|name| {
        (*name, Some(form.value_or_empty(name).trim()).filter(|text| !text.is_empty()).map(str::to_owned))
    })
    .collect()
}

/// What stands in each field.
fn field_values(claim: impl Fn(&str) -> String, member: impl Fn(&str) -> String) -> Value {
    let claims = CLAIMS.iter().map(|name| (*name, claim(name)));
    Value::from_pairs(claims.chain(ADDRESS_MEMBERS.iter().map(|name| (*name, member(name)))))
}

fn show_profile(
    page: &Page,
    notice: Option<Value>,
    values: Value,
    form_error: Option<FormError>,
) -> PageResult {
    // Members of the address have fields of their own.
    let form_error = form_error.map(|form_error| FormError {
        field: form_error.field.strip_prefix("address.").unwrap_or(form_error.field),
        ..form_error
    });
    show_form(page, "pages/profile.html", context! { here => "profile", notice, values }, form_error)
}
