//! Defines `App`: what every use case runs on, built in one place.

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
    jobs::{JobError, Jobs, Kind, Lane, housekeeping},
    login::{self, LoginMethod, LoginMethods, attempt::Judging, code, passkey, policy::Acr, sent_code},
    mail::{self, Inbox, MailError, Mailer, Smtp},
    outbound::{Outbound, OutboundError},
    passwords::{
        self, HashError, Hasher,
        breached::{Breached, BreachedError},
        workers::Workers,
    },
    pool::Pool,
    resources::{self, Resources},
    templates::{TemplateError, Templates},
    tokens::keys::{self, KeyError, KeyRing, OwnKeys},
};

/// Why the provider cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No encryption key is configured.
    #[error(
        "there is no encryption key: make one with `postern keys new-secret` and set `secrets.encryption_key`"
    )]
    NoEncryptionKey,
    /// The encryption key is unusable.
    #[error("the encryption key cannot be used")]
    Crypto(#[from] CryptoError),
    /// The database did not answer.
    #[error("the database did not answer")]
    Database(#[from] DatabaseError),
    /// There is no usable signing key, and none could be made.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The mail settings are unusable.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// The HTTP client cannot be built.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// Codes cannot be posted to where the settings say.
    #[error("login.code_webhook_url cannot be called: {0}")]
    CodeWebhook(#[source] OutboundError),
    /// The threads that hash passwords cannot be started.
    #[error("passwords cannot be hashed")]
    Hasher(#[from] HashError),
    /// The file of breached passwords is unusable.
    #[error(transparent)]
    Breached(#[from] BreachedError),
    /// The issuer is not one that tokens can name.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Every sign-in would fall short.
    #[error("login.required_acr is {}, which no method of login.methods reaches", .0.word())]
    UnreachableAcr(Acr),
    /// A template or a file of messages is unusable.
    #[error(transparent)]
    Templates(#[from] TemplateError),
}

/// Everything a use case needs; cheap to clone, handed down as `&App`.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts of [`App`].
pub struct Parts {
    /// The settings.
    pub config: Config,
    /// Readers, and the one way to write.
    pub db: Database,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// What seals and authenticates secrets.
    pub vault: Vault,
    /// The login methods that are switched on.
    pub login_methods: LoginMethods,
    /// The tries that are being judged.
    pub judging: Judging,
    /// What judges passkeys; none where the issuer can have none.
    pub webauthn: Option<Webauthn>,
    /// Where messages go.
    pub mailer: Mailer,
    /// Calls other servers.
    pub outbound: Outbound,
    /// The kinds of job, and the bell of the runner.
    pub jobs: Jobs,
    /// Where passwords are hashed.
    pub hasher: Hasher,
    /// Where the strength of passwords is estimated while they are typed.
    pub estimator: Workers,
    /// What no password may be, where the operator has such a file.
    pub breached: Option<Arc<Breached>>,
    /// Where slow signatures run.
    pub signatures: Pool,
    /// The provider's own public keys.
    pub own_keys: LocalKeys,
    /// Judges access tokens that are used here, for whatever audience.
    pub verifier: Verifier,
    /// What pages and mails are made from.
    pub templates: Templates,
    clients: ArcSwap<Clients>,
    resources: ArcSwap<Resources>,
    keys: ArcSwap<KeyRing>,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// Puts an [`App`] together.
pub struct Builder {
    config: Config,
    db: Database,
    clock: Clock,
    random: Random,
    login_methods: Vec<Arc<dyn LoginMethod>>,
    inbox: Option<Inbox>,
}

impl Builder {
    /// Adds a login method to those that the settings switch on.
    #[must_use]
    pub fn login_method(mut self, method: impl LoginMethod + 'static) -> Self {
        self.login_methods.push(Arc::new(method));
        self
    }

    /// Keeps every message in memory instead of sending it.
    #[must_use]
    pub fn inbox(mut self, inbox: Inbox) -> Self {
        self.inbox = Some(inbox);
        self
    }

    /// Builds the parts on a migrated database.
    pub async fn build(self) -> Result<App, StartError> {
        let Self { config, db, clock, random, .. } = self;
        let key = config.secrets.encryption_key.as_ref().ok_or(StartError::NoEncryptionKey)?;
        let vault = Vault::from_key(key)?;
        code::check_webhook(&config).map_err(StartError::CodeWebhook)?;
        let templates = Templates::load(config.pages.templates.as_deref())?;
        let clients = clients::load(db.reader()).await?;
        let resources = resources::load(db.reader()).await?;
        let signatures = Pool::default();
        let keys = keys::open(&config, &db, &vault, &signatures, clock.now()).await?;
        let own_keys = LocalKeys::new(keys.key_set().map_err(KeyError::from)?);
        let source = OwnKeys { keys: own_keys.clone(), db: db.clone() };
        let verifier = own_verifier(&config, &clock, source)?;
        let mailer = match (self.inbox, Smtp::from_settings(&config.mail)?) {
            (Some(inbox), _) => Mailer::Inbox(inbox),
            (None, Some(smtp)) => Mailer::Smtp(Box::new(smtp)),
            (None, None) => Mailer::None,
        };
        let hasher = Hasher::new(&config.password)?;
        let estimator = passwords::estimator().map_err(HashError::from)?;
        let breached = config.password.breached_file.as_deref().map(Breached::open).transpose()?;
        let app = App(Arc::new(Parts {
            hasher,
            judging: Judging::default(),
            estimator,
            webauthn: passkey::relying_party(&config.issuer),
            breached: breached.map(Arc::new),
            login_methods: LoginMethods::new(&config, self.login_methods),
            mailer,
            outbound: Outbound::new(&config.outbound)?,
            jobs: Jobs::new(job_kinds()),
            signatures,
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
        match app.config.login.required_acr.filter(|least| !login::levels(&app).contains(least)) {
            Some(unreachable) => Err(StartError::UnreachableAcr(unreachable)),
            None => Ok(app),
        }
    }
}

/// What each kind of job does.
fn job_kinds() -> Vec<Kind> {
    vec![
        Kind {
            name: sent_code::JOB,
            run: |app, payload| Box::pin(sent_code::send(app, payload)),
            every: None,
            lane: Lane::Front,
        },
        Kind {
            name: mail::JOB,
            run: |app, payload| Box::pin(mail::send_notice(app, payload)),
            every: None,
            lane: Lane::Front,
        },
        Kind {
            name: mail::REGISTRATION_JOB,
            run: |app, payload| Box::pin(mail::send_notice(app, payload)),
            every: None,
            lane: Lane::Back,
        },
        Kind {
            name: housekeeping::JOB,
            run: |app, _| Box::pin(async move { Ok(housekeeping::sweep(&app).await.map(drop)?) }),
            every: Some(housekeeping::EVERY),
            lane: Lane::Front,
        },
        Kind {
            name: deletion::JOB,
            run: |app, _| Box::pin(async move { Ok(deletion::sweep(&app).await.map(drop)?) }),
            every: Some(housekeeping::EVERY),
            lane: Lane::Front,
        },
        Kind {
            name: "keys.maintain",
            run: |app, _| {
                Box::pin(
                    async move { keys::maintain(&app).await.map_err(|cause| JobError::from_source(&cause)) },
                )
            },
            every: Some(housekeeping::EVERY),
            lane: Lane::Front,
        },
    ]
}

impl App {
    /// Begins to put one together.
    pub fn builder(config: Config, db: Database, clock: Clock, random: Random) -> Builder {
        Builder { config, db, clock, random, login_methods: Vec::new(), inbox: None }
    }

    /// One with nothing added.
    pub async fn new(config: Config, db: Database, clock: Clock, random: Random) -> Result<Self, StartError> {
        Self::builder(config, db, clock, random).build().await
    }

    /// The clients as of now.
    pub fn clients(&self) -> Arc<Clients> {
        self.clients.load_full()
    }

    /// The resources as of now.
    pub fn resources(&self) -> Arc<Resources> {
        self.resources.load_full()
    }

    /// The signing keys as of now.
    pub fn keys(&self) -> Arc<KeyRing> {
        self.keys.load_full()
    }

    /// Signs and verifies with other keys from now on.
    pub(crate) fn use_keys(&self, keys: KeyRing) -> Result<(), KeyError> {
        self.own_keys.set(keys.key_set()?);
        self.keys.store(Arc::new(keys));
        Ok(())
    }

    /// Reads a changed topic again. Nodes call it when a topic is announced, the node that changed
    /// it right after its write.
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
    /// Keys that cannot be used (sealed with another encryption key, say) leave those in use that were: trying again
    /// would not help, so it is an operator's turn.
    async fn reload_keys(&self) -> Result<(), DatabaseError> {
        match keys::refresh(self).await {
            Ok(()) => Ok(()),
            Err(KeyError::Database(cause)) => Err(cause),
            Err(cause) => {
                tracing::error!(%cause, "the signing keys were not taken over");
                Ok(())
            }
        }
    }
}

/// The verifier of our own bearer-protected APIs: what any resource server runs, with our keys and our clock.
fn own_verifier(config: &Config, clock: &Clock, keys: OwnKeys) -> Result<Verifier, PolicyError> {
    let clock = clock.clone();
    let policy = Policy {
        algorithms: vec![Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa],
        now: Arc::new(move || clock.now().seconds()),
        ..Policy::new(&config.issuer, Audience::CheckedByCaller)
    };
    Verifier::new(policy, keys)
}
