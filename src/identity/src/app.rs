//! Defines `App`, the shared state of all use cases, and builds it from the settings and a migrated database.
//!
//! Owns the in-memory clients, resources and signing keys, each replaced as a whole when its topic is
//! announced. This is the composition root: it knows every module below `http` and `cli`.

use std::{ops::Deref, sync::Arc};

use arc_swap::ArcSwap;
use postern_service::{
    clock::Clock,
    database::{Database, DatabaseError},
    random::Random,
};
use postern_token_verifier::{Algorithm, Audience, LocalKeys, Policy, PolicyError, Verifier};
use webauthn_rs::Webauthn;

use crate::{
    accounts::deletion,
    clients::{self, Clients},
    config::Config,
    crypto::{CryptoError, Vault},
    jobs::{JobError, JobKind, JobPriority, Jobs, housekeeping},
    login::{self, LoginMethod, LoginMethods, attempt::InFlightTries, code, passkey, policy::Acr, sent_code},
    mail::{self, Inbox, MailError, Mailer, Smtp},
    outbound::{Outbound, OutboundError},
    passwords::{
        self, HashError, Hasher,
        breached::{BreachedError, BreachedPasswords},
        workers::Workers,
    },
    pool::ComputePool,
    resources::{self, Resources},
    templates::{TemplateError, Templates},
    tokens::keys::{self, IssuerKeySource, KeyError, KeyRing},
};

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
    #[error("passwords cannot be hashed")]
    Hasher(#[from] HashError),
    #[error(transparent)]
    Breached(#[from] BreachedError),
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

/// The shared state; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<AppParts>);

pub struct AppParts {
    pub config: Config,
    /// Connections for reading, and the single writer.
    pub db: Database,
    pub clock: Clock,
    pub random: Random,
    /// Seals and authenticates stored secrets.
    pub vault: Vault,
    pub login_methods: LoginMethods,
    /// The login attempts that this node is verifying.
    pub in_flight_tries: InFlightTries,
    /// Verifies passkeys; none where the issuer cannot have a relying party id.
    pub webauthn: Option<Webauthn>,
    pub mailer: Mailer,
    pub outbound: Outbound,
    /// The kinds of job, and the wake-up of the runner.
    pub jobs: Jobs,
    /// Hashes passwords on threads of its own.
    pub hasher: Hasher,
    /// Threads that estimate the strength of a password while it is typed.
    pub strength_estimator: Workers,
    /// The breached passwords; none unless the operator has configured such a file.
    pub breached: Option<Arc<BreachedPasswords>>,
    /// Runs slow signatures and the generation of keys.
    pub signatures: ComputePool,
    /// The issuer's public keys.
    pub own_keys: LocalKeys,
    /// Verifies access tokens that are presented to the issuer. The audience is checked by the caller.
    pub verifier: Verifier,
    /// The templates of pages and mails.
    pub templates: Templates,
    clients: ArcSwap<Clients>,
    resources: ArcSwap<Resources>,
    keys: ArcSwap<KeyRing>,
}

impl Deref for App {
    type Target = AppParts;

    fn deref(&self) -> &AppParts {
        &self.0
    }
}

pub struct Builder {
    config: Config,
    db: Database,
    clock: Clock,
    random: Random,
    login_methods: Vec<Arc<dyn LoginMethod>>,
    inbox: Option<Inbox>,
}

impl Builder {
    /// Adds a login method to the built-in ones. The settings decide which are switched on.
    #[must_use]
    pub fn login_method(mut self, method: impl LoginMethod + 'static) -> Self {
        self.login_methods.push(Arc::new(method));
        self
    }

    /// Keeps mails in memory instead of sending them, for tests.
    #[must_use]
    pub fn inbox(mut self, inbox: Inbox) -> Self {
        self.inbox = Some(inbox);
        self
    }

    /// Builds the app on a migrated database.
    pub async fn build(self) -> Result<App, StartError> {
        let Self { config, db, clock, random, .. } = self;
        let key = config.secrets.encryption_key.as_ref().ok_or(StartError::NoEncryptionKey)?;
        let vault = Vault::from_key(key)?;
        code::check_webhook(&config).map_err(StartError::CodeWebhook)?;
        let templates = Templates::load(config.pages.templates.as_deref())?;
        let clients = clients::load(db.reader()).await?;
        let resources = resources::load(db.reader()).await?;
        let signing_pool = ComputePool::default();
        let keys = keys::load_or_create(&config, &db, &vault, &signing_pool, clock.now()).await?;
        let own_keys = LocalKeys::new(keys.key_set().map_err(KeyError::from)?);
        let source = IssuerKeySource { keys: own_keys.clone(), db: db.clone() };
        let verifier = own_verifier(&config, &clock, source)?;
        let mailer = match (self.inbox, Smtp::from_settings(&config.mail)?) {
            (Some(inbox), _) => Mailer::Inbox(inbox),
            (None, Some(smtp)) => Mailer::Smtp(Box::new(smtp)),
            (None, None) => Mailer::None,
        };
        let hasher = Hasher::new(&config.password)?;
        let strength_estimator = passwords::start_estimator().map_err(HashError::from)?;
        let breached = config.password.breached_file.as_deref().map(BreachedPasswords::open).transpose()?;
        let app = App(Arc::new(AppParts {
            hasher,
            in_flight_tries: InFlightTries::default(),
            strength_estimator,
            webauthn: passkey::relying_party(&config.issuer),
            breached: breached.map(Arc::new),
            login_methods: LoginMethods::new(&config, self.login_methods),
            mailer,
            outbound: Outbound::from_settings(&config.outbound)?,
            jobs: Jobs::from_kinds(job_kinds()),
            signatures: signing_pool,
            own_keys,
            verifier,
            keys: ArcSwap::from_pointee(keys),
            config,
            db,
            clock,
            random,
            vault,
            templates,
            clients: ArcSwap::from_pointee(clients),
            resources: ArcSwap::from_pointee(resources),
        }));
        match app.config.login.required_acr.filter(|least| !login::supported_acrs(&app).contains(least)) {
            Some(unreachable) => Err(StartError::UnreachableAcr(unreachable)),
            None => Ok(app),
        }
    }
}

/// All kinds of job, each with its function.
fn job_kinds() -> Vec<JobKind> {
    vec![
        JobKind {
            name: sent_code::JOB,
            run: |app, payload| Box::pin(sent_code::send(app, payload)),
            every: None,
            priority: JobPriority::Normal,
        },
        JobKind {
            name: mail::JOB,
            run: |app, payload| Box::pin(mail::send_prepared(app, payload)),
            every: None,
            priority: JobPriority::Normal,
        },
        JobKind {
            name: mail::REGISTRATION_JOB,
            run: |app, payload| Box::pin(mail::send_prepared(app, payload)),
            every: None,
            priority: JobPriority::Low,
        },
        JobKind {
            name: housekeeping::JOB,
            run: |app, _| Box::pin(async move { Ok(housekeeping::remove_expired(&app).await.map(drop)?) }),
            every: Some(housekeeping::INTERVAL),
            priority: JobPriority::Normal,
        },
        JobKind {
            name: deletion::JOB,
            run: |app, _| Box::pin(async move { Ok(deletion::delete_due(&app).await.map(drop)?) }),
            every: Some(housekeeping::INTERVAL),
            priority: JobPriority::Normal,
        },
        JobKind {
            name: "keys.maintain",
            run: |app, _| {
                Box::pin(
                    async move { keys::maintain(&app).await.map_err(|cause| JobError::from_source(&cause)) },
                )
            },
            every: Some(housekeeping::INTERVAL),
            priority: JobPriority::Normal,
        },
    ]
}

impl App {
    pub fn builder(config: Config, db: Database, clock: Clock, random: Random) -> Builder {
        Builder { config, db, clock, random, login_methods: Vec::new(), inbox: None }
    }

    pub async fn new(config: Config, db: Database, clock: Clock, random: Random) -> Result<Self, StartError> {
        Self::builder(config, db, clock, random).build().await
    }

    pub fn clients(&self) -> Arc<Clients> {
        self.clients.load_full()
    }

    pub fn resources(&self) -> Arc<Resources> {
        self.resources.load_full()
    }

    pub fn keys(&self) -> Arc<KeyRing> {
        self.keys.load_full()
    }

    /// Signs and verifies with these keys from now on.
    pub(crate) fn replace_keys(&self, keys: KeyRing) -> Result<(), KeyError> {
        self.own_keys.set(keys.key_set()?);
        self.keys.store(Arc::new(keys));
        Ok(())
    }

    /// Reloads a changed topic. Every node calls this when the topic is announced; the node that made the
    /// change calls it right after its write.
    pub async fn reload(&self, topic: &str) -> Result<(), DatabaseError> {
        match topic {
            clients::TOPIC => self.clients.store(Arc::new(clients::load(self.db.reader()).await?)),
            resources::TOPIC => self.resources.store(Arc::new(resources::load(self.db.reader()).await?)),
            keys::TOPIC => self.reload_keys().await?,
            _ => {}
        }
        Ok(())
    }
}

impl App {
    /// If the stored keys cannot be used (for example because they are sealed with another encryption key),
    /// the keys in memory stay in use. A retry would not help: an operator must act.
    async fn reload_keys(&self) -> Result<(), DatabaseError> {
        match keys::reload(self).await {
            Ok(()) => Ok(()),
            Err(KeyError::Database(cause)) => Err(cause),
            Err(cause) => {
                tracing::error!(%cause, "the signing keys were not taken over");
                Ok(())
            }
        }
    }
}

/// The verifier for the issuer's own APIs: the same checks as at any resource server, with the keys and the
/// clock of this process.
fn own_verifier(config: &Config, clock: &Clock, keys: IssuerKeySource) -> Result<Verifier, PolicyError> {
    let clock = clock.clone();
    let policy = Policy {
        algorithms: vec![Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa],
        now: Arc::new(move || clock.now().seconds()),
        ..Policy::new(&config.issuer, Audience::CheckedByCaller)
    };
    Verifier::new(policy, keys)
}
