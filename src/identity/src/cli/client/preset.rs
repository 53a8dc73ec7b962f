//! Defines the presets of `postern client add`: the settings that a stack needs, and its configuration as text.
//!
//! A preset fills in what no flag says. The text is a file under `templates/snippets/`, of the same name.

use clap::Args;
use minijinja::context;
use serde_json::json;
use url::Url;

use crate::{
    App,
    administration::metadata::ClientMetadataChange,
    app::development::PresetCommand,
    cli::{
        error::CommandError,
        output::{Report, table},
    },
    clients::{Client, ClientAuthMethod, GrantType},
};

/// The word that prints the presets.
const LIST: &str = "list";

#[derive(Debug, Args)]
pub(in crate::cli) struct PresetFlags {
    /// The stack of the app: web, spa, native, nextjs, spring, django, fastapi, apache, oauth2-proxy or service. Sets what
    /// no other flag says, and prints the configuration of that stack. `list` shows what each sets.
    #[arg(long, value_name = "STACK")]
    preset: Option<String>,
    /// Where the app runs, such as <https://app.example.com>: its redirect URI is made of this.
    #[arg(long, value_name = "URL", requires = "preset")]
    base_url: Option<String>,
}

/// What a stack needs, and what it sends without further settings.
#[derive(Debug)]
pub(super) struct Preset {
    name: &'static str,
    stack: &'static str,
    auth_method: ClientAuthMethod,
    /// With `refresh_token` only if the stack refreshes by itself.
    grant_types: &'static [GrantType],
    /// None for scopes that only the operator knows.
    scopes: Option<&'static str>,
    /// Where the stack listens while it is developed.
    base_url: &'static str,
    /// The path of the redirect URI; none for a client without people.
    callback_path: Option<&'static str>,
}

const CODE: &[GrantType] = &[GrantType::AuthorizationCode];
const CODE_AND_REFRESH: &[GrantType] = &[GrantType::AuthorizationCode, GrantType::RefreshToken];
const SIGN_IN: Option<&str> = Some("openid profile email");
const SIGN_IN_AND_REFRESH: Option<&str> = Some("openid profile email offline_access");

const WEB: Preset = Preset {
    name: "web",
    stack: "a server with openid-client 6 (Node)",
    auth_method: ClientAuthMethod::ClientSecretBasic,
    grant_types: CODE_AND_REFRESH,
    scopes: SIGN_IN_AND_REFRESH,
    base_url: "http://localhost:3000",
    callback_path: Some("/callback"),
};

const PRESETS: [Preset; 10] = [
    WEB,
    Preset {
        name: "spa",
        stack: "a page with oidc-client-ts 3",
        auth_method: ClientAuthMethod::None,
        base_url: "http://localhost:5173",
        ..WEB
    },
    Preset {
        name: "native",
        stack: "a desktop or phone app with AppAuth",
        auth_method: ClientAuthMethod::None,
        base_url: "http://127.0.0.1",
        ..WEB
    },
    Preset {
        name: "nextjs",
        stack: "Next.js with Auth.js 5",
        grant_types: CODE,
        scopes: SIGN_IN,
        callback_path: Some("/api/auth/callback/postern"),
        ..WEB
    },
    Preset {
        name: "spring",
        stack: "Spring Boot 3.5",
        base_url: "http://localhost:8080",
        callback_path: Some("/login/oauth2/code/postern"),
        ..WEB
    },
    Preset {
        name: "django",
        stack: "Django with django-allauth",
        grant_types: CODE,
        scopes: SIGN_IN,
        base_url: "http://localhost:8000",
        callback_path: Some("/accounts/oidc/postern/login/callback/"),
        ..WEB
    },
    Preset {
        name: "fastapi",
        stack: "FastAPI with Authlib",
        grant_types: CODE,
        scopes: SIGN_IN,
        base_url: "http://localhost:8000",
        callback_path: Some("/auth/callback"),
        ..WEB
    },
    Preset {
        name: "apache",
        stack: "Apache with mod_auth_openidc 2.4",
        grant_types: CODE,
        scopes: SIGN_IN,
        base_url: "http://localhost",
        callback_path: Some("/secure/redirect_uri"),
        ..WEB
    },
    Preset {
        name: "oauth2-proxy",
        stack: "oauth2-proxy 7",
        base_url: "http://localhost:4180",
        callback_path: Some("/oauth2/callback"),
        ..WEB
    },
    Preset {
        name: "service",
        stack: "a program without people (client_credentials)",
        grant_types: &[GrantType::ClientCredentials],
        scopes: None,
        base_url: "",
        callback_path: None,
        ..WEB
    },
];

impl PresetFlags {
    /// The list of presets, if that is asked for.
    pub(super) fn list(&self) -> Option<Report> {
        (self.preset.as_deref() == Some(LIST)).then(list)
    }

    pub(super) fn given(&self) -> bool {
        self.preset.is_some()
    }

    /// Fills in what the other flags do not say. Returns the preset, unless none is asked for.
    pub(super) fn fill_in(
        self,
        change: &mut ClientMetadataChange,
    ) -> Result<Option<&'static Preset>, CommandError> {
        let Some(name) = self.preset else { return Ok(None) };
        let preset = PRESETS.iter().find(|preset| preset.name == name).ok_or_else(|| {
            CommandError::Usage(format!(
                "there is no preset {name:?}: see `postern client add --preset list`"
            ))
        })?;
        preset.fill_in(change, self.base_url.as_deref())?;
        Ok(Some(preset))
    }
}

impl Preset {
    fn fill_in(&self, change: &mut ClientMetadataChange, base_url: Option<&str>) -> Result<(), CommandError> {
        if change.scopes.is_none() && self.scopes.is_none() {
            return Err(CommandError::Usage(format!(
                "the preset {} needs --scope: scopes of the API that is called (see `postern resource list`)",
                self.name
            )));
        }
        change.token_endpoint_auth_method.get_or_insert(self.auth_method);
        let grant_types = change.grant_types.get_or_insert_with(|| self.grant_types.to_vec());
        let refreshes = grant_types.contains(&GrantType::RefreshToken);
        let own = self.scopes.iter().flat_map(|scopes| scopes.split(' '));
        let own = own.filter(|scope| refreshes || *scope != "offline_access").map(str::to_owned);
        let scopes = change.scopes.get_or_insert_with(|| own.collect());
        if self.scopes.is_none() {
            change.default_scopes.get_or_insert_with(|| scopes.clone());
        }
        if let Some(path) = self.callback_path {
            let base_url = base_url.unwrap_or(self.base_url).trim_end_matches('/');
            let uris = change.redirect_uris.get_or_insert_with(|| vec![format!("{base_url}{path}")]);
            // A page to come back to after a sign-out, on the same site.
            let front_page = uris.first().and_then(|uri| front_page(uri));
            change.post_logout_redirect_uris.get_or_insert_with(|| front_page.into_iter().collect());
        }
        Ok(())
    }

    /// The configuration of the stack for this client.
    pub(super) fn snippet(&self, app: &App, client: &Client) -> Result<String, CommandError> {
        let row = &client.row;
        let issuer = app.config.issuer.as_str();
        let redirect_uri = row.redirect_uris.first().map_or("", String::as_str);
        let front_page = front_page(redirect_uri).unwrap_or_default();
        let path = Url::parse(redirect_uri).map(|uri| uri.path().to_owned()).unwrap_or_default();
        let folder = path.trim_end_matches('/').rsplit_once('/').map_or("", |(folder, _)| folder);
        let signed_out_uri = row.post_logout_redirect_uris.first().unwrap_or(&front_page);
        let values = context! {
            issuer,
            client_id => client.client_id(),
            redirect_uri,
            signed_out_uri,
            base_url => front_page.trim_end_matches('/'),
            callback_path => path.as_str(),
            callback_folder => if folder.is_empty() { "/" } else { folder },
            scopes => row.scopes.to_vec(),
            scope => row.scopes.join(" "),
            insecure_issuer => issuer.starts_with("http://"),
            secure_app => redirect_uri.starts_with("https://"),
        };
        let file = format!("snippets/{}.txt", self.name);
        Ok(app.templates.render(&file, "en", values)?)
    }
}

/// The front page of the site of a redirect URI; none for a private scheme.
fn front_page(redirect_uri: &str) -> Option<String> {
    let origin = Url::parse(redirect_uri).ok()?.origin();
    origin.is_tuple().then(|| format!("{}/", origin.ascii_serialization()))
}

fn list() -> Report {
    let rows: Vec<_> = PRESETS.iter().map(Preset::row).collect();
    let values: Vec<_> = PRESETS
        .iter()
        .map(|preset| {
            json!({
                "preset": preset.name,
                "stack": preset.stack,
                "token_endpoint_auth_method": preset.auth_method,
                "grant_types": preset.grant_types,
                "scopes": preset.scopes.unwrap_or_default(),
                "redirect_uri": preset.redirect_uri(),
            })
        })
        .collect();
    Report::new(table(["PRESET", "FOR", "METHOD", "GRANT TYPES", "SCOPES", "REDIRECT URI"], &rows), values)
}

impl Preset {
    fn row(&self) -> [String; 6] {
        let grant_types: Vec<_> = self.grant_types.iter().map(|grant_type| grant_type.word()).collect();
        [
            self.name.to_owned(),
            self.stack.to_owned(),
            self.auth_method.word().to_owned(),
            grant_types.join(" "),
            self.scopes.unwrap_or("as --scope says").to_owned(),
            self.redirect_uri().unwrap_or_default(),
        ]
    }

    /// The redirect URI without `--base-url`.
    fn redirect_uri(&self) -> Option<String> {
        self.callback_path.map(|path| format!("{}{path}", self.base_url))
    }
}

/// The command that adds an app of each stack, beside a server with these settings.
pub(in crate::cli) fn commands(program: &str, settings_file: &str) -> Vec<PresetCommand> {
    let command = |preset: &Preset| {
        let scope = if preset.scopes.is_none() { " --scope tasks:read" } else { "" };
        let command =
            format!("{program} --config {settings_file} client add my-app --preset {}{scope}", preset.name);
        PresetCommand { name: preset.name, stack: preset.stack, command }
    };
    PRESETS.iter().map(command).collect()
}

/// The configuration of the stack of the preset `name` for a client.
pub(in crate::cli) fn snippet_of(name: &str, app: &App, client_id: &str) -> Result<String, CommandError> {
    let clients = app.clients();
    let client = clients.all().find(|client| client.client_id() == client_id);
    match (PRESETS.iter().find(|preset| preset.name == name), client) {
        (Some(preset), Some(client)) => preset.snippet(app, client),
        _ => Ok(String::new()),
    }
}
