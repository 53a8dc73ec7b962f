//! Builds [`App`] from the settings and a migrated database, and lists the kinds of job.
//!
//! This is the composition root: it knows every module below `http`, and the commands use it.

mod settings;

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use postern_service::{
    clock::Clock,
    database::{Database, DatabaseError},
    random::Random,
};
use postern_token_verifier::{Algorithm, Audience, KeySource, Policy, PolicyError, Verifier};
use serde_json::Value;
use tokio::sync::Notify;

use crate::{
    accounts::deletion,
    acr::Acr,
    app::{
        App, AppParts, InFlightTries, RecentExplanations,
        login_method::{LoginMethod, LoginMethods},
    },
    authorization::backchannel_logout,
    clients::{self, ClientKeySets},
    config::Config,
    core::Core,
    crypto::{CryptoError, Vault},
    jobs::{JobError, JobKind, JobKinds, JobPriority, housekeeping},
    keys::{self, KeyError, SigningKeys},
    login::{self, code, passkey, sent_code},
    mail::{self, Inbox, MailError, Mailer, Smtp},
    outbound::{Outbound, OutboundError},
    passwords::{self, Passwords},
    resources,
    templates::{TemplateError, Templates},
};

pub use self::settings::broken_start_rules;

/// Why the app cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "there is no encryption key: make one with `postern keys new-secret` and set `secrets.encryption_key`"
    )]
    NoEncryptionKey,
    /// The encryption key is malformed.
    #[error("the encryption key cannot be used")]
    Crypto(#[from] CryptoError),
    /// A database operation failed.
    #[error("the database did not answer")]
    Database(#[from] DatabaseError),
    /// No signing key is usable, and none could be created.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The mail settings are invalid.
    #[error(transparent)]
    Mail(#[from] MailError),
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// The webhook for codes may not be called.
    #[error("login.code_webhook_url cannot be called: {0}")]
    CodeWebhook(#[source] OutboundError),
    #[error(transparent)]
    Passwords(#[from] passwords::StartError),
    /// The issuer is not acceptable as `iss`.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// No sign-in could reach the required acr.
    #[error("login.required_acr is {}, which no method of login.methods reaches", .0.as_str())]
    UnreachableAcr(Acr),
    /// A template or a message file is invalid.
    #[error(transparent)]
    Templates(#[from] TemplateError),
}

/// Builds an [`App`]. A program that embeds Postern adds its own login methods here.
pub struct Builder {
    config: Config,
    db: Database,
    clock: Clock,
    random: Random,
    added_methods: Vec<Arc<dyn LoginMethod>>,
    inbox: Option<Inbox>,
}

impl Builder {
    /// Adds a login method to the built-in ones. The settings decide which are switched on.
    #[must_use]
    pub fn login_method(mut self, method: impl LoginMethod + 'static) -> Self {
        self.added_methods.push(Arc::new(method));
        self
    }

    /// Keeps mails in memory instead of sending them, for `dev` and tests.
    #[must_use]
    pub fn inbox(mut self, inbox: Inbox) -> Self {
        self.inbox = Some(inbox);
        self
    }

    /// Builds the app on a migrated database.
    pub async fn build(self) -> Result<App, StartError> {
        let Self { config, db, clock, random, added_methods, inbox } = self;
        let key = config.secrets.encryption_key.as_ref().ok_or(StartError::NoEncryptionKey)?;
        let vault = Vault::from_key(key)?;
        code::check_webhook(&config).map_err(StartError::CodeWebhook)?;
        let core = Core { config, db, clock, random, vault, job_wakeup: Notify::new() };
        let templates = Templates::load(&core.config.pages)?;
        let clients = clients::load(core.db.reader(), &core.config.issuer).await?;
        let resources = resources::load(core.db.reader()).await?;
        // Boxed, because it is large and most starts find all keys.
        let signing_keys = Box::pin(SigningKeys::load_or_create(&core)).await?;
        let verifier = own_verifier(&core, signing_keys.verifier_source(&core))?;
        let app = App::from_parts(AppParts {
            login_methods: LoginMethods::from_settings(
                &core.config,
                &login::built_in_methods(),
                added_methods,
            ),
            in_flight_tries: InFlightTries::default(),
            webauthn: passkey::relying_party(&core.config),
            mailer: mailer(&core.config, inbox)?,
            outbound: Outbound::from_settings(&core.config.outbound)?,
            passwords: Passwords::start(&core.config.password)?,
            job_kinds: job_kinds(),
            signing_keys,
            verifier,
            templates,
            client_key_sets: ClientKeySets::default(),
            clients: ArcSwap::from_pointee(clients),
            resources: ArcSwap::from_pointee(resources),
            explanations: RecentExplanations::default(),
            development: OnceLock::new(),
            core,
        });
        match app.config.login.required_acr.filter(|least| !login::supported_acrs(&app).contains(least)) {
            Some(unreachable) => Err(StartError::UnreachableAcr(unreachable)),
            None => Ok(app),
        }
    }
}

impl App {
    pub fn builder(config: Config, db: Database, clock: Clock, random: Random) -> Builder {
        Builder { config, db, clock, random, added_methods: Vec::new(), inbox: None }
    }

    pub async fn new(config: Config, db: Database, clock: Clock, random: Random) -> Result<Self, StartError> {
        Self::builder(config, db, clock, random).build().await
    }
}

/// The kinds of job. The owner of a kind defines it, except where the owner may not know [`App`].
fn job_kinds() -> JobKinds<App> {
    JobKinds::from_kinds(vec![
        sent_code::job_kind(),
        JobKind::enqueued(mail::JOB, JobPriority::Normal, |app, payload| Box::pin(send_mail(app, payload))),
        JobKind::enqueued(mail::REGISTRATION_JOB, JobPriority::Low, |app, payload| {
            Box::pin(send_mail(app, payload))
        }),
        housekeeping::job_kind(),
        backchannel_logout::job_kind(),
        deletion::job_kind(),
        JobKind::recurring(keys::JOB, housekeeping::INTERVAL, |app, _| {
            Box::pin(async move {
                let maintained = app.signing_keys.maintain(&app).await;
                maintained.map_err(|cause| JobError::from_source(&cause))
            })
        }),
    ])
}

async fn send_mail(app: App, payload: Value) -> Result<(), JobError> {
    mail::send_prepared(&app, &app.templates, &app.mailer, payload).await
}

fn mailer(config: &Config, inbox: Option<Inbox>) -> Result<Mailer, MailError> {
    Ok(match (inbox, Smtp::from_settings(config)?) {
        (Some(inbox), _) => Mailer::Inbox(inbox),
        (None, Some(smtp)) => Mailer::Smtp(Box::new(smtp)),
        (None, None) => Mailer::None,
    })
}

/// The verifier for the issuer's own APIs: the same checks as at any resource server, with the keys and the clock of
/// this process.
fn own_verifier(core: &Core, keys: impl KeySource + 'static) -> Result<Verifier, PolicyError> {
    let clock = core.clock.clone();
    let policy = Policy {
        algorithms: Algorithm::ALL.to_vec(),
        now: Arc::new(move || clock.now().seconds()),
        ..Policy::new(&core.config.issuer, Audience::CheckedByCaller)
    };
    Verifier::new(policy, keys)
}
