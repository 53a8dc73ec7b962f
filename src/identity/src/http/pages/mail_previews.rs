//! Answers `/dev/mail`: every mail in every language, with sample values. The routes exist only if mail is
//! kept in memory, like those of the [inbox](super::inbox).

use minijinja::{Value, context};
use poem::{
    Request, Response,
    http::{HeaderValue, header::CONTENT_SECURITY_POLICY},
};

use super::{Page, PageErrorKind, PageResult, PageRoutes};
use crate::{
    App,
    mail::{
        Mailer,
        samples::{self, Sample},
    },
    templates::MailText,
};

/// A mail as it stands: its own styles, and nothing that runs, loads or leads elsewhere.
const MAIL_CSP: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox",
);

/// Adds `/dev/mail` and the page of each mail where mail is kept in memory.
pub fn mount(app: &App, routes: PageRoutes) -> PageRoutes {
    match &app.mailer {
        Mailer::Inbox(_) => routes.page("/dev/mail", list).page("/dev/mail/:template/:language", show),
        _ => routes,
    }
}

async fn list(app: App, request: Request) -> PageResult {
    let samples = samples::render_all(&app, &app.templates)?;
    let mails: Vec<_> =
        samples.chunk_by(|one, other| one.template == other.template).map(mail_values).collect();
    Page::from_request(&app, &request, None).show("pages/mail-previews.html", context! { mails })
}

fn mail_values(samples: &[Sample]) -> Value {
    let template = samples.first().map(|sample| sample.template.as_str());
    let sample = |sample: &Sample| {
        let MailText { subject, text, .. } = &sample.text;
        context! { language => sample.language.as_str(), subject, text }
    };
    context! { template, samples => samples.iter().map(sample).collect::<Vec<_>>() }
}

/// The HTML part by itself.
async fn show(app: App, request: Request) -> PageResult {
    let named = |name| request.raw_path_param(name).unwrap_or_default();
    let sample = samples::render_if_known(&app, &app.templates, named("template"), named("language"))?
        .ok_or(PageErrorKind::NotFound)?;
    Ok(Response::builder()
        .content_type("text/html; charset=utf-8")
        .header(CONTENT_SECURITY_POLICY, MAIL_CSP)
        .body(sample.text.html))
}
