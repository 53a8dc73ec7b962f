//! Answers `/api/account/applications`: the clients to which the user gave a grant, and their removal. Leaves
//! the ending of grants and consents to `accounts::applications`.

use poem::Request;
use poem_openapi::{Object, OpenApi, param::Path, types::Example};
use postern_service::problem::{NOT_FOUND, Problem, Problems};

use crate::{
    App,
    accounts::applications,
    http::{no_store_json::NoStoreJson, presented_token::AccountToken, request_context},
};

pub struct ApplicationsApi {
    app: App,
}

impl ApplicationsApi {
    pub fn new(app: &App) -> Self {
        Self { app: app.clone() }
    }
}

/// An app with access.
#[derive(Object)]
#[oai(example, read_only_all)]
struct Application {
    /// The `client_id` of the app.
    client_id: String,
    /// The name of the app, as the consent page shows it.
    name: String,
    /// All that it may do: scopes, separated by spaces.
    scope: String,
    /// When it first got access that it still has (RFC 3339).
    since: String,
    /// When it last got access (RFC 3339).
    last: String,
}

impl Example for Application {
    fn example() -> Self {
        Self {
            client_id: "tasks-web".to_owned(),
            name: "Tasks".to_owned(),
            scope: "openid tasks:read".to_owned(),
            since: "2026-11-20T14:57:16.000250Z".to_owned(),
            last: "2026-11-20T14:57:16.000250Z".to_owned(),
        }
    }
}

/// The apps with access.
#[derive(Object)]
#[oai(example, read_only_all)]
struct Applications {
    /// The app that got access last comes first.
    applications: Vec<Application>,
}

impl Example for Applications {
    fn example() -> Self {
        Self { applications: vec![Application::example()] }
    }
}

/// The app has no access any more.
#[derive(Object)]
#[oai(example, read_only_all)]
struct RemovedApplication {
    /// Always true: a failure is answered with an error.
    removed: bool,
}

impl Example for RemovedApplication {
    fn example() -> Self {
        Self { removed: true }
    }
}

#[OpenApi(prefix_path = "/api/account", tag = "super::super::Tag::Account")]
impl ApplicationsApi {
    /// List the apps with access
    #[oai(path = "/applications", method = "get", operation_id = "applications_list")]
    async fn list(&self, token: AccountToken) -> Result<NoStoreJson<Applications>, Problems<401, 403, 503>> {
        let found = applications::list(&self.app, &token.user).await?;
        let applications = found.into_iter().map(|one| Application {
            client_id: one.client_id,
            name: one.name,
            scope: one.scope.to_string(),
            since: one.first_granted_at.rfc3339(),
            last: one.last_granted_at.rfc3339(),
        });
        Ok(NoStoreJson(Applications { applications: applications.collect() }))
    }

    /// Remove an app's access
    ///
    /// Ends everything that the app was granted, its refresh tokens at once, and forgets the consent: the app must ask
    /// again.
    #[oai(path = "/applications/:client_id", method = "delete", operation_id = "application_remove")]
    async fn remove(
        &self,
        request: &Request,
        token: AccountToken,
        /// The `client_id` of the app.
        client_id: Path<String>,
    ) -> Result<NoStoreJson<RemovedApplication>, Problems<401, 403, 404, 503>> {
        if !applications::remove(
            &self.app,
            token.principal(),
            &client_id.0,
            &request_context(&self.app, request),
        )
        .await?
        {
            return Err(Problem::new(NOT_FOUND).into());
        }
        Ok(NoStoreJson(RemovedApplication { removed: true }))
    }
}
