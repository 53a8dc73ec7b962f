//! `/account/profile`: what people say of themselves.

use minijinja::{Value, context};
use poem::Request;
use serde_json::Value as Json;

use super::{
    Answer, Form, Page,
    account::{enter, enter_to_change},
    accounts::{Mistake, mistake, show as show_form},
    login::Destination,
    see_other,
};
use crate::{
    App,
    accounts::profile::{self, ClaimChange, PostalAddressChange, ProfileChange},
    http::request_context,
};

/// The fields, by the names of their claims (OpenID Connect Core section 5.1).
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
const ADDRESS: [&str; 6] = ["formatted", "street_address", "postal_code", "locality", "region", "country"];

pub async fn show(app: App, request: Request) -> Answer {
    let signed_in = match enter(&app, &request, Destination::Profile).await? {
        Ok(signed_in) => signed_in,
        Err(sign_in) => return Ok(see_other(&sign_in)),
    };
    let page = Page::of(&app, &request, None);
    let done = Form::of_query(&request)?.get("done").is_some();
    let stored = &signed_in.user.profile;
    let told = |claims: &Json, name: &str| claims[name].as_str().unwrap_or_default().to_owned();
    let values = fields(|name| told(stored, name), |name| told(&stored["address"], name));
    show_profile(&page, done.then(|| page.message("profile-changed")).flatten(), values, None)
}

pub async fn submit(app: App, mut request: Request) -> Answer {
    let form = Form::read(&app, &mut request).await?;
    let signed_in = match enter_to_change(&app, &request, Destination::Profile).await? {
        Ok(signed_in) => signed_in,
        Err(sign_in) => return Ok(see_other(&sign_in)),
    };
    let page = Page::of(&app, &request, None);
    let change = ProfileChange {
        claims: typed(&form, &CLAIMS),
        address: PostalAddressChange::Members(typed(&form, &ADDRESS)),
    };
    match profile::change(&app, signed_in.principal(), change, &request_context(&app, &request)).await {
        Ok(_) => Ok(see_other("/account/profile?done=yes")),
        Err(cause) => match mistake(&page, &cause) {
            Some(mistake) => {
                let kept = |name: &str| form.typed(name).to_owned();
                show_profile(&page, None, fields(kept, kept), Some(mistake))
            }
            None => Err(cause.into()),
        },
    }
}

/// The claims whose fields were sent; an empty field takes its claim away.
fn typed(form: &Form, names: &[&'static str]) -> Vec<ClaimChange> {
    let sent = names.iter().filter(|name| form.has(name));
    sent.map(|name| (*name, Some(form.typed(name).trim()).filter(|text| !text.is_empty()).map(str::to_owned)))
        .collect()
}

/// What stands in each field.
fn fields(claim: impl Fn(&str) -> String, member: impl Fn(&str) -> String) -> Value {
    let claims = CLAIMS.iter().map(|name| (*name, claim(name)));
    Value::from_pairs(claims.chain(ADDRESS.iter().map(|name| (*name, member(name)))))
}

fn show_profile(page: &Page, notice: Option<Value>, values: Value, mistake: Option<Mistake>) -> Answer {
    // Members of the address have fields of their own.
    let mistake = mistake.map(|mistake| Mistake {
        field: mistake.field.strip_prefix("address.").unwrap_or(mistake.field),
        ..mistake
    });
    show_form(page, "pages/profile.html", context! { here => "profile", notice, values }, mistake)
}
