//! Answers `/account/data`: the export of the user's own data as a file. Leaves the content to
//! `accounts::export`.

use minijinja::context;
use poem::{
    Request, Response,
    http::header::{CACHE_CONTROL, CONTENT_DISPOSITION},
};

use super::{
    Form, Page, PageError, PageResult,
    account::{require_sign_in, require_sign_in_for_change},
    login::Destination,
};
use crate::{
    App,
    accounts::export,
    http::{account::data::ATTACHMENT, request_context},
};

pub async fn show(app: App, request: Request) -> PageResult {
    require_sign_in(&app, &request, Destination::Data).await?;
    let values = context! { here => "data", most => export::MAX_EVENTS };
    Page::from_request(&app, &request, None).show("pages/account-data.html", values)
}

/// `POST /account/data`: the file.
pub async fn export(app: App, request: Request, _: Form) -> PageResult {
    let signed_in = require_sign_in_for_change(&app, &request, Destination::Data).await?;
    let document = export::document(&app, signed_in.principal(), &request_context(&app, &request)).await?;
    let text = serde_json::to_string_pretty(&document).map_err(|cause| PageError::internal(&cause))?;
    Ok(Response::builder()
        .content_type("application/json")
        .header(CONTENT_DISPOSITION, ATTACHMENT)
        .header(CACHE_CONTROL, "no-store")
        .body(text))
}
