//! Answers who a user is, and at which level: lists the built-in login methods and decides the next step.
//!
//! [`attempt`] owns the sign-in in progress and every write, by the rules of [`policy`]. Login methods never import each
//! other; `code` and `email-otp` share [`sent_code`]. Enrolment is plain functions in the method's own file. Leaves the
//! trait that methods implement to [`app::login_method`](crate::app::login_method).

pub mod attempt;
pub mod code;
pub mod credential_change;
pub mod devices;
pub mod email_otp;
pub mod link_sign_in;
pub mod login_throttle;
pub mod passkey;
pub mod password;
pub mod policy;
pub mod recovery_code;
pub mod second_factor;
pub mod sent_code;
pub mod totp;

use std::{iter::zip, sync::Arc};

use postern_service::database::DatabaseError;
use sea_orm::{
    ConnectionTrait as _, DbErr, QueryResult,
    sea_query::{Expr, Query, SelectStatement},
};
use uuid::Uuid;

pub use crate::app::login_method::{
    Challenge, ChallengeResponse, CodeMac, Context, LoginError, LoginMethod, LoginMethods, Proof,
};
use crate::{
    acr::Acr,
    app::App,
    clients::Client,
    config::RegistrationMode,
    login::policy::{AuthenticationRequirement, Candidate, Factor, NextStep, VerifiedFactor},
    users::User,
};

/// The built-in methods, in no particular order: the setting `login.methods` chooses and orders them.
pub fn built_in_methods() -> Vec<Arc<dyn LoginMethod>> {
    vec![
        Arc::new(email_otp::EmailOtpMethod),
        Arc::new(code::CodeMethod),
        Arc::new(password::PasswordMethod),
        Arc::new(passkey::PasskeyMethod),
        Arc::new(totp::TotpMethod),
        Arc::new(recovery_code::RecoveryCodeMethod),
    ]
}

/// Names of the methods that may be the first factor, in the order in which the pages offer them.
pub fn first_factor_methods(app: &App, requirement: &AuthenticationRequirement) -> Vec<String> {
    match next_step_without_account(app, requirement, &[]) {
        NextStep::FactorRequired(names) => names,
        NextStep::Complete(_) | NextStep::InsufficientAcr(_) => Vec::new(),
    }
}

/// Whether the method `name` is switched on and works here.
pub fn method_available(app: &App, name: &str) -> bool {
    app.login_methods.find(app, name).is_ok()
}

/// Refuses to set up a method that is switched off: nobody could sign in with it.
pub fn require_method(app: &App, name: &str) -> Result<(), LoginError> {
    app.login_methods.find(app, name).map(drop)
}

pub fn password_enabled(app: &App) -> bool {
    app.config.login.methods.iter().any(|method| method == "password")
}

/// Whether anyone may register: the mode is open, passwords are enabled and the confirmation mail can be
/// sent.
pub fn self_registration_allowed(app: &App) -> bool {
    app.config.registration.mode == RegistrationMode::Open && password_enabled(app) && app.mailer.delivers()
}

/// Levels that a user can reach with the available methods, lowest first: `acr_values_supported`.
pub fn supported_acrs(app: &App) -> Vec<Acr> {
    reached_acrs(app.login_methods.available(app).map(|method| method.factor()))
}

/// Levels that methods with these factors reach, lowest first.
pub fn reached_acrs(factors: impl Iterator<Item = Factor>) -> Vec<Acr> {
    let factors: Vec<_> = factors.collect();
    let second = factors.iter().any(|factor| matches!(factor, Factor::Possession { .. }));
    let resists =
        factors.iter().any(|factor| matches!(factor, Factor::Possession { phishing_resistant: true }));
    let levels = [Some(Acr::Aal1), second.then_some(Acr::Aal2), resists.then_some(Acr::Phr)];
    levels.into_iter().flatten().collect()
}

/// The requirement of every sign-in for a client. The level is the higher of the client's and the
/// installation's.
pub fn client_requirement(app: &App, client: &Client) -> AuthenticationRequirement {
    AuthenticationRequirement {
        min_acr: app.config.login.required_acr.max(client.row.required_acr),
        max_age: None,
        first_factor_methods: client.row.login_methods.to_vec(),
    }
}

/// Whether the session with this `amr` began with a method that the client allows, or has verified an allowed
/// possession factor since. Methods with the same `amr`, such as the two kinds of sent code, count as one.
pub fn first_factor_allowed(app: &App, client: &Client, amr: &[String]) -> bool {
    if client.row.login_methods.is_empty() {
        return true;
    }
    let amr: Vec<&str> = amr.iter().map(String::as_str).collect();
    first_factor_methods(app, &client_requirement(app, client)).iter().any(|name| {
        app.login_methods.find(app, name).is_ok_and(|method| {
            let device = matches!(method.factor(), Factor::Possession { .. });
            amr.starts_with(method.amr()) || (device && method.amr().iter().all(|word| amr.contains(word)))
        })
    })
}

fn candidate(method: &Arc<dyn LoginMethod>, enrolled: bool) -> Candidate<'_> {
    Candidate { name: method.name(), factor: method.factor(), enrolled }
}

/// The available methods, and one query that asks which of them an account has enrolled. The query runs the
/// same way for a user id that does not exist.
struct Enrolments<'a> {
    methods: Vec<&'a Arc<dyn LoginMethod>>,
    statement: SelectStatement,
}

impl<'a> Enrolments<'a> {
    fn for_user(app: &'a App, user_id: Uuid) -> Self {
        let methods: Vec<_> = app.login_methods.available(app).collect();
        // The constant column keeps the query valid when there are no methods.
        let mut query = Query::select().expr(Expr::value(true)).to_owned();
        for method in &methods {
            query.expr(match method.enrolment_statement(user_id) {
                Some(found) => Expr::exists(found),
                None => Expr::value(true),
            });
        }
        Self { methods, statement: query }
    }

    /// For each method, in the order of `methods`, whether the account has enrolled it.
    async fn fetch(&self, app: &App) -> Result<Vec<bool>, DatabaseError> {
        let row = app.db.reader().query_one(&self.statement).await?;
        self.read_row(&row.ok_or_else(|| DbErr::RecordNotFound("what an account is set up for".to_owned()))?)
    }

    fn read_row(&self, row: &QueryResult) -> Result<Vec<bool>, DatabaseError> {
        Ok((1..=self.methods.len()).map(|at| row.try_get_by_index(at)).collect::<Result<_, _>>()?)
    }

    /// Decides the next step of an account with these enrolments.
    fn next_step(
        &self,
        enrolled: &[bool],
        requirement: &AuthenticationRequirement,
        shown: &[VerifiedFactor],
    ) -> NextStep {
        let offers = zip(&self.methods, enrolled).map(|(method, &enrolled)| candidate(method, enrolled));
        policy::next_step(requirement, &offers.collect::<Vec<_>>(), shown)
    }
}

/// Decides the next step for this account.
async fn next_step(
    app: &App,
    requirement: &AuthenticationRequirement,
    user: Option<&User>,
    shown: &[VerifiedFactor],
) -> Result<NextStep, LoginError> {
    // Without a verified factor the next step must not reveal anything about the account.
    let Some(user) = user.filter(|_| !shown.is_empty()) else {
        return Ok(next_step_without_account(app, requirement, shown));
    };
    let enrolments = Enrolments::for_user(app, user.id);
    let enrolled = enrolments.fetch(app).await?;
    Ok(enrolments.next_step(&enrolled, requirement, shown))
}

/// Decides the next step without any enrolment.
fn next_step_without_account(
    app: &App,
    requirement: &AuthenticationRequirement,
    shown: &[VerifiedFactor],
) -> NextStep {
    let offers: Vec<_> = app.login_methods.available(app).map(|method| candidate(method, false)).collect();
    policy::next_step(requirement, &offers, shown)
}
