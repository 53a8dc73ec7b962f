//! Renders every mail from values that are made up, for `/dev/mail` and for the test that renders them all. A template
//! that asks for another value gets it here.

use minijinja::{Value, context};

use super::values;
use crate::{
    app::App,
    templates::{MailText, TemplateError},
};

/// A mail as it may look.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Its template.
    pub template: String,
    /// Its language.
    pub language: String,
    /// What it says.
    pub text: MailText,
}

/// Every mail in every language, by the names of the templates.
pub fn all(app: &App) -> Result<Vec<Sample>, TemplateError> {
    let mut samples = Vec::new();
    for template in app.templates.mails() {
        for language in app.templates.languages() {
            samples.push(render(app, &template, &language)?);
        }
    }
    Ok(samples)
}

/// One of them; none when there is no such template or language.
pub fn find(app: &App, template: &str, language: &str) -> Result<Option<Sample>, TemplateError> {
    let known = app.templates.mails().iter().any(|name| name == template)
        && app.templates.languages().iter().any(|name| name == language);
    if known { render(app, template, language).map(Some) } else { Ok(None) }
}

fn render(app: &App, template: &str, language: &str) -> Result<Sample, TemplateError> {
    let text = app.templates.mail(template, language, made_up(app))?;
    Ok(Sample { template: template.to_owned(), language: language.to_owned(), text })
}

/// What the mails may ask for: the values of every letter, its facts, and those of a sign-in code.
fn made_up(app: &App) -> Value {
    let link = format!("{}/reset-password?token=a-token-that-opens-nothing", app.config.issuer);
    let facts = [
        ("account", "alice@example.test"),
        ("at", "2026-11-21 14:57 UTC"),
        ("date", "2026-12-05 14:57 UTC"),
        ("device", "Firefox · Linux"),
        ("ip", "203.0.113.7"),
    ];
    let facts = facts.map(|(name, fact)| (name.to_owned(), fact.to_owned())).into();
    context! { code => "12345678", client => "Tasks", ..values(app, Some(&link), facts) }
}
