//! Defines [`App`]: [`Core`] with the registries that the use cases read.
//!
//! Owns the clients and resources in memory, each replaced as a whole when its topic is announced, and holds the signing keys. Leaves
//! building to [`composition`](crate::composition). Modules below this one take a [`Core`], or less, and what they
//! need of the registries.

mod completion;
pub mod development;
mod explanations;
mod in_flight;
pub mod login_method;

use std::{
    ops::Deref,
    sync::{Arc, OnceLock},
};

use arc_swap::ArcSwap;
use postern_service::database::DatabaseError;
use postern_token_verifier::Verifier;
use webauthn_rs::Webauthn;

use self::{development::Development, login_method::LoginMethods};
use crate::{
    clients::{self, ClientKeySets, Clients},
    core::Core,
    jobs::{JobKinds, JobState},
    keys::{self, KeyError, SigningKeys},
    mail::Mailer,
    outbound::Outbound,
    passwords::Passwords,
    resources::{self, Resources},
    templates::Templates,
};

pub use self::completion::Completion;
pub(crate) use self::explanations::RecentExplanations;
pub(crate) use self::in_flight::{InFlightTries, InFlightTry};

/// The shared state; cheap to clone. Dereferences to [`Core`].
#[derive(Clone)]
pub struct App(Arc<AppParts>);

/// The registries of [`App`].
pub struct AppParts {
    pub core: Core,
    pub login_methods: LoginMethods,
    /// The login attempts that this node is verifying.
    pub(crate) in_flight_tries: InFlightTries,
    /// Verifies passkeys; none where the issuer cannot have a relying party id.
    pub webauthn: Option<Webauthn>,
    pub mailer: Mailer,
    pub outbound: Outbound,
    pub passwords: Passwords,
    pub job_kinds: JobKinds<App>,
    pub signing_keys: SigningKeys,
    /// Verifies access tokens that are presented to the issuer. The audience is checked by the caller.
    pub verifier: Verifier,
    /// The templates of pages and mails.
    pub templates: Templates,
    /// The keys that clients publish.
    pub(crate) client_key_sets: ClientKeySets,
    pub(crate) clients: ArcSwap<Clients>,
    pub(crate) resources: ArcSwap<Resources>,
    pub(crate) explanations: RecentExplanations,
    /// Set by `postern dev` alone, once its data is seeded.
    pub development: OnceLock<Development>,
}

impl Deref for App {
    type Target = AppParts;

    fn deref(&self) -> &AppParts {
        &self.0
    }
}

impl Deref for AppParts {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.core
    }
}

impl JobState for App {
    fn core(&self) -> &Core {
        &self.core
    }

    fn job_kinds(&self) -> &JobKinds<Self> {
        &self.job_kinds
    }
}

impl App {
    pub(crate) fn from_parts(parts: AppParts) -> Self {
        Self(Arc::new(parts))
    }

    pub fn clients(&self) -> Arc<Clients> {
        self.clients.load_full()
    }

    pub fn resources(&self) -> Arc<Resources> {
        self.resources.load_full()
    }

    /// Reloads a changed topic. Every node calls this when the topic is announced; the node that made the change calls
    /// it right after its write.
    pub async fn reload(&self, topic: &str) -> Result<(), DatabaseError> {
        match topic {
            clients::TOPIC => {
                let clients = clients::load(self.db.reader(), &self.config.issuer).await?;
                self.clients.store(Arc::new(clients));
            }
            resources::TOPIC => self.resources.store(Arc::new(resources::load(self.db.reader()).await?)),
            keys::TOPIC => self.reload_keys().await?,
            _ => {}
        }
        Ok(())
    }

    /// If the stored keys cannot be used (for example because they are sealed with another encryption key), the keys in
    /// memory stay in use. A retry would not help: an operator must act.
    async fn reload_keys(&self) -> Result<(), DatabaseError> {
        match self.signing_keys.reload(self).await {
            Ok(()) => Ok(()),
            Err(KeyError::Database(cause)) => Err(cause),
            Err(cause) => {
                tracing::error!(%cause, "the signing keys were not taken over");
                Ok(())
            }
        }
    }
}
