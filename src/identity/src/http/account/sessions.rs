//! Answers `/api/account/sessions`: the list of the account's sessions, and their end. Leaves the rules to
//! `sessions`.

use poem::Request;
use poem_openapi::{Object, OpenApi, param::Path, types::Example};
use postern_service::problem::{NOT_FOUND, Problem, Problems};
use uuid::Uuid;

use crate::{
    App,
    http::{no_store_json::NoStoreJson, presented_token::AccountToken, request_context},
    sessions::{self, Session},
};

pub struct SessionsApi {
    app: App,
}

impl SessionsApi {
    pub fn new(app: &App) -> Self {
        Self { app: app.clone() }
    }
}

/// A place where the account is signed in.
#[derive(Object)]
#[oai(example, skip_serializing_if_is_none, read_only_all, rename = "AccountSession")]
struct OwnSession {
    /// The session. Tokens name it as `sid`.
    sid: Uuid,
    /// Whether it is the session of this token.
    current: bool,
    /// `browser`, or `api` after a sign-in by `/api/auth`.
    kind: String,
    /// The app, if the person signed in within it.
    client_id: Option<String>,
    /// When it began (RFC 3339).
    created_at: String,
    /// When it was last seen, to the minute (RFC 3339).
    last_seen_at: String,
    /// When the person signed in last (RFC 3339).
    auth_time: String,
    /// How strong the sign-in was.
    acr: String,
    /// The IP address where it began.
    ip: Option<String>,
    /// The `User-Agent` with which it began.
    user_agent: Option<String>,
}

impl OwnSession {
    fn from_session(session: Session, current: Option<Uuid>) -> Self {
        Self {
            current: Some(session.sid) == current,
            sid: session.sid,
            kind: session.kind.to_string(),
            client_id: session.client_id,
            created_at: session.created_at.rfc3339(),
            last_seen_at: session.last_seen_at.rfc3339(),
            auth_time: session.auth_time.rfc3339(),
            acr: session.acr.to_string(),
            ip: session.ip,
            user_agent: session.user_agent,
        }
    }
}

impl Example for OwnSession {
    fn example() -> Self {
        let at = "2026-11-20T14:57:16.000250Z".to_owned();
        Self {
            sid: Uuid::from_u128(0x0d5f_3d0e_8b36_4c45_a5ae_04fd_8f7a_76de),
            current: true,
            kind: "browser".to_owned(),
            client_id: None,
            created_at: at.clone(),
            last_seen_at: at.clone(),
            auth_time: at,
            acr: "aal1".to_owned(),
            ip: Some("203.0.113.7".to_owned()),
            user_agent: Some("Mozilla/5.0".to_owned()),
        }
    }
}

/// Where the account is signed in.
#[derive(Object)]
#[oai(example, read_only_all)]
struct OwnSessions {
    /// The session that was seen last comes first. At most a hundred.
    sessions: Vec<OwnSession>,
}

impl Example for OwnSessions {
    fn example() -> Self {
        Self { sessions: vec![OwnSession::example()] }
    }
}

/// How many sessions were ended.
#[derive(Object)]
#[oai(example, read_only_all)]
struct EndedSessions {
    /// How many sessions were ended.
    ended: usize,
}

impl Example for EndedSessions {
    fn example() -> Self {
        Self { ended: 1 }
    }
}

#[OpenApi(prefix_path = "/api/account", tag = "super::super::Tag::Account")]
impl SessionsApi {
    /// List the sessions
    #[oai(path = "/sessions", method = "get", operation_id = "sessions_list")]
    async fn list(&self, token: AccountToken) -> Result<NoStoreJson<OwnSessions>, Problems<401, 403, 503>> {
        let live = sessions::live_of_user(&self.app, token.user.id).await?;
        let sessions =
            live.into_iter().map(|session| OwnSession::from_session(session, token.grant.sid)).collect();
        Ok(NoStoreJson(OwnSessions { sessions }))
    }

    /// End all other sessions
    ///
    /// Signs the person out everywhere else. Apps keep what they got with `offline_access`.
    #[oai(path = "/sessions", method = "delete", operation_id = "sessions_end_others")]
    async fn end_others(
        &self,
        request: &Request,
        token: AccountToken,
    ) -> Result<NoStoreJson<EndedSessions>, Problems<401, 403, 503>> {
        let ended =
            sessions::end_others(&self.app, token.principal(), &request_context(&self.app, request)).await?;
        Ok(NoStoreJson(EndedSessions { ended }))
    }

    /// End one session
    ///
    /// Also the session of this token. Apps lose what they got in it, except what they got with `offline_access`.
    #[oai(path = "/sessions/:sid", method = "delete", operation_id = "session_end")]
    async fn end(
        &self,
        request: &Request,
        token: AccountToken,
        /// The session, as the list names it.
        sid: Path<Uuid>,
    ) -> Result<NoStoreJson<EndedSessions>, Problems<400, 401, 403, 404, 503>> {
        let ended =
            sessions::end_own(&self.app, token.principal(), sid.0, &request_context(&self.app, request))
                .await;
        if !ended? {
            return Err(Problem::new(NOT_FOUND).into());
        }
        Ok(NoStoreJson(EndedSessions { ended: 1 }))
    }
}
