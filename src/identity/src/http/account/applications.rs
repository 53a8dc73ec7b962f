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

/// An application that was let in.
#[derive(Object)]
#[oai(example, read_only_all)]
struct Application {
    /// The `client_id` of the application.
    client_id: String,
    /// What people call it.
    name: String,
    /// All that it may do, space separated.
    scope: String,
    /// When it was let in first, of what it still has (RFC 3339).
    since: String,
    /// When it was let in last (RFC 3339).
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

/// What was let in.
#[derive(Object)]
#[oai(example, read_only_all)]
struct Applications {
    /// The one that was let in last first.
    applications: Vec<Application>,
}

impl Example for Applications {
    fn example() -> Self {
        Self { applications: vec![Application::example()] }
    }
}

/// It was shown out.
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
    /// What was let in
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

    /// Show one out
    ///
    /// Ends every grant it has, its refresh tokens at once, and forgets the consent: it must ask again.
    #[oai(path = "/applications/:client_id", method = "delete", operation_id = "application_remove")]
    async fn remove(
        &self,
        request: &Request,
        token: AccountToken,
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
