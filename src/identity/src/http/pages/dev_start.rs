//! Answers `/` of `postern dev`: whom to sign in as, with which client, and how to add an app of one's own.
//!
//! Shows secrets, like the [inbox](super::inbox) shows codes. So the page exists only where `postern dev` has
//! provided its values and keeps mail in memory: then the server listens on this machine only and answers to no
//! other host (`AllowedHosts`).

use minijinja::{Value, context};
use poem::Request;

use super::{Page, PageErrorKind, PageResult};
use crate::{
    App,
    app::development::{Development, DevelopmentClient, PresetCommand},
    clients::Client,
    mail::Mailer,
    users,
};

/// Users and clients beyond these are found by commands.
const MAX_ROWS: usize = 20;

/// What the page shows; none outside `postern dev`.
pub(super) fn development(app: &App) -> Option<&Development> {
    app.development
        .get()
        .filter(|_| matches!(app.mailer, Mailer::Inbox(_)) && app.config.issuer_is_loopback())
}

pub(super) async fn show(app: &App, request: &Request) -> PageResult {
    let development = development(app).ok_or(PageErrorKind::NotFound)?;
    let people = users::list(app.db.reader(), None, MAX_ROWS as u64).await?;
    let people: Vec<_> = people
        .iter()
        .map(|user| context! { email => user.email.as_str(), name => user.profile["name"].as_str() })
        .collect();
    let registered = app.clients();
    let clients: Vec<_> =
        registered.all().take(MAX_ROWS).map(|client| client_values(client, development)).collect();
    let presets: Vec<_> = development.presets.iter().map(preset_values).collect();
    let values = context! {
        people,
        clients,
        presets,
        tasks => development.tasks.as_str(),
        settings_file => development.settings_file.as_str(),
        issuer => app.config.issuer.as_str(),
    };
    Page::from_request(app, request, None).show("pages/dev-start.html", values)
}

fn client_values(client: &Client, development: &Development) -> Value {
    let known = development.clients.iter().find(|known| known.client_id == client.client_id());
    let known = known.map(|DevelopmentClient { secret, snippet, .. }| context! { secret, snippet });
    context! {
        client_id => client.client_id(),
        name => client.row.name.as_str(),
        redirect_uris => client.row.redirect_uris.to_vec(),
        known,
    }
}

fn preset_values(preset: &PresetCommand) -> Value {
    context! { name => preset.name, stack => preset.stack, command => preset.command.as_str() }
}
