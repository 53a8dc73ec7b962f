//! Answers `/account/profile`: the claims that users maintain about themselves. Leaves the rules to
//! `accounts::profile`.

use minijinja::{Value, context};
use poem::{IntoResponse as _, Request, http::StatusCode};

use super::{
    Form, Page, PageResult,
    account::{require_sign_in, require_sign_in_for_change},
    login::Destination,
    see_other,
};
use crate::{
    App,
    accounts::profile,
    claims::{
        CLAIMS, ClaimChange, FormSection, InvalidClaim, POSTAL_ADDRESS, PostalAddressChange, Profile,
        ProfileChange, TextField, TextInput, changeable_texts,
    },
};

/// The sections of the form, in their order, with the message keys of their titles.
const SECTIONS: [(FormSection, &str, &str); 4] = [
    (FormSection::Names, "profile-names", "profile-names"),
    (FormSection::Person, "profile-person", "about-you"),
    (FormSection::PostalAddress, "profile-address", "claim-address"),
    (FormSection::WebPages, "profile-pages", "profile-pages"),
];

pub async fn show(app: App, request: Request) -> PageResult {
    let signed_in = require_sign_in(&app, &request, Destination::Profile).await?;
    let page = Page::from_request(&app, &request, None);
    let done = Form::from_query(&request)?.get("done").is_some();
    let stored = Profile::from_column(signed_in.user.profile)?;
    let value = |name: &str| stored.text(name).or_else(|| stored.address_member(name)).unwrap_or_default();
    let sections = section_values(&page, |name| value(name).to_owned(), &[]);
    show_profile(&page, done.then(|| page.message("profile-changed")).flatten(), sections)
}

pub async fn submit(app: App, request: Request, form: Form) -> PageResult {
    let signed_in = require_sign_in_for_change(&app, &request, Destination::Profile).await?;
    let page = Page::from_request(&app, &request, None);
    let change = ProfileChange {
        claims: claim_changes(&form, changeable_texts()),
        address: PostalAddressChange::Members(claim_changes(
            &form,
            POSTAL_ADDRESS.iter().map(|member| member.name),
        )),
    };
    let mistakes = profile::mistakes(&signed_in.user, &change)?;
    if mistakes.is_empty() {
        profile::change(&app, signed_in.principal(), change, page.context()).await?;
        return Ok(see_other("/account/profile?done=yes"));
    }
    let sections = section_values(&page, |name| form.value_or_empty(name).to_owned(), &mistakes);
    Ok(show_profile(&page, None, sections)?.with_status(StatusCode::BAD_REQUEST).into_response())
}

/// The claims whose fields were sent. An empty field removes its claim.
fn claim_changes(form: &Form, names: impl Iterator<Item = &'static str>) -> Vec<ClaimChange> {
    let sent = names.filter(|name| form.contains(name));
    sent.map(|name| {
        (name, Some(form.value_or_empty(name).trim()).filter(|text| !text.is_empty()).map(str::to_owned))
    })
    .collect()
}

/// The sections of the form with their fields. `value` is the text in the field of a claim. The first field with
/// a mistake, as the form shows them, gets the focus.
fn section_values(page: &Page, value: impl Fn(&str) -> String, mistakes: &[InvalidClaim]) -> Vec<Value> {
    let claims = CLAIMS.iter().filter_map(|claim| Some((claim.name, claim.name, claim.text_field()?)));
    let members = POSTAL_ADDRESS.iter().map(|member| (member.name, member.path, member.field));
    let fields: Vec<_> = claims.chain(members).collect();
    let of = |section: FormSection| fields.iter().filter(move |(_, _, field)| field.section == section);
    let wrong = |claim: &str| mistakes.iter().any(|mistake| mistake.claim == claim);
    let first_wrong =
        SECTIONS.iter().flat_map(|(section, ..)| of(*section)).find(|(_, claim, _)| wrong(claim));
    let first_wrong = first_wrong.map(|(name, ..)| *name);
    let values = |(name, claim, field): &(&str, &str, TextField)| {
        let error = wrong(claim).then(|| page.message(field.rule.message)).flatten();
        context! { error, focus => first_wrong == Some(*name), ..field_values(page, name, *field, value(name)) }
    };
    let section = |(section, id, title): (FormSection, &str, &str)| {
        let fields: Vec<_> = of(section).map(values).collect();
        context! { id, title => page.message(title), fields }
    };
    SECTIONS.into_iter().map(section).collect()
}

fn field_values(page: &Page, name: &str, field: TextField, value: String) -> Value {
    let key = format!("claim-{}", name.replace('_', "-"));
    context! {
        name, value,
        label => page.message(&key),
        hint => page.message(&format!("{key}-hint")),
        autocomplete => field.autocomplete,
        kind => match field.input {
            TextInput::Line => "text",
            TextInput::Lines => "lines",
            TextInput::PhoneNumber => "tel",
            TextInput::Url => "url",
        },
    }
}

fn show_profile(page: &Page, notice: Option<Value>, sections: Vec<Value>) -> PageResult {
    page.show("pages/profile.html", context! { here => "profile", notice, sections })
}
