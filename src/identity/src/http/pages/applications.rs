//! Answers `/account/applications`: the clients to which the user gave a grant, and their removal.

use minijinja::context;
use poem::Request;

use super::{
    Form, Page, PageErrorKind, PageResult,
    account::{require_sign_in, signed_in_user},
    login::Destination,
    see_other,
};
use crate::{App, accounts::applications, http::request_context};

pub async fn show(app: App, request: Request) -> PageResult {
    let signed_in = require_sign_in(&app, &request, Destination::Applications).await?;
    let page = Page::from_request(&app, &request, None);
    let found = applications::list(&app, &signed_in.user).await?;
    let found: Vec<_> = found
        .iter()
        .map(|one| {
            let scopes: Vec<_> =
                one.scope.iter().map(|scope| super::consent::scope_title(&app, &page, scope)).collect();
            context! {
                client_id => one.client_id.as_str(),
                name => one.name.as_str(),
                start_uri => one.start_uri.as_deref(),
                scopes,
            }
        })
        .collect();
    let notice = match Form::from_query(&request)?.get("done") {
        Some("removed") => page.message("application-removed"),
        _ => None,
    };
    page.show("pages/applications.html", context! { here => "applications", notice, applications => found })
}

pub async fn remove(app: App, request: Request, form: Form) -> PageResult {
    let Some(signed_in) = signed_in_user(&app, &request).await? else {
        return Ok(see_other(&Destination::Applications.login_path()));
    };
    let client_id = form.get("client_id").ok_or(PageErrorKind::Malformed)?;
    applications::remove(&app, signed_in.principal(), client_id, &request_context(&app, &request)).await?;
    Ok(see_other("/account/applications?done=removed"))
}
