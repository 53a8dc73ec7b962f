//! Renders every mail template with sample values, for `/dev/mail` and for the test that renders them all. A
//! template that uses a new value needs a sample of that value here.

use minijinja::{Value, context};

use super::template_values;
use crate::{
    core::Core,
    templates::{MailText, TemplateError, Templates},
};

/// A mail rendered with sample values.
#[derive(Clone, Debug)]
pub struct Sample {
    pub template: String,
    pub language: String,
    pub text: MailText,
}

/// Every template in every language.
pub fn render_all(core: &Core, templates: &Templates) -> Result<Vec<Sample>, TemplateError> {
    let mut samples = Vec::new();
    for template in templates.mails() {
        for language in templates.languages() {
            samples.push(render(core, templates, &template, &language)?);
        }
    }
    Ok(samples)
}

/// One template in one language; none if either does not exist.
pub fn render_if_known(
    core: &Core,
    templates: &Templates,
    template: &str,
    language: &str,
) -> Result<Option<Sample>, TemplateError> {
    let exists = templates.mails().iter().any(|name| name == template)
        && templates.languages().iter().any(|name| name == language);
    if exists { render(core, templates, template, language).map(Some) } else { Ok(None) }
}

fn render(
    core: &Core,
    templates: &Templates,
    template: &str,
    language: &str,
) -> Result<Sample, TemplateError> {
    let text = templates.mail(template, language, sample_values(core))?;
    Ok(Sample { template: template.to_owned(), language: language.to_owned(), text })
}

/// The values of all templates: those of every mail, further values, and those of a sign-in code.
fn sample_values(core: &Core) -> Value {
    let link = format!("{}/reset-password?token=a-token-that-opens-nothing", core.config.issuer);
    let sign_out_link =
        format!("{}/sign-out-everywhere?token=a-token-that-opens-nothing", core.config.issuer);
    let facts = [
        ("account", "alice@example.test"),
        ("at", "2026-11-21 14:57 UTC"),
        ("date", "2026-12-05 14:57 UTC"),
        ("device", "Firefox · Linux"),
        ("ip", "203.0.113.7"),
        ("sign_out_link", &sign_out_link),
    ];
    let facts = facts.map(|(name, fact)| (name.to_owned(), fact.to_owned())).into();
    context! { code => "12345678", client => "Tasks", ..template_values(core, Some(&link), facts) }
}
