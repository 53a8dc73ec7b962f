//! What is being granted to a session when the session ends is not granted, and an ending waits for what is being granted.

use postern_entities::{consents, grants, users as user_rows};
use postern_identity::{
    App,
    administration::{sign_in as operators, users},
    core::RequestContext,
    grants::{EndCause, GrantSelection},
    scope::Scope,
    sessions::{self, SessionSelection},
    users::User,
};
use postern_service::{clock::Timestamp, database::DatabaseError};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ConnectionTrait as _, DbBackend, EntityTrait as _, Statement,
};

use crate::{
    flow::{Ask, World, resume, waits_on},
    person::open,
    standing::end_everything,
};

/// Who ends what a thief's session could be granted.
const ENDS: [&str; 4] = ["reset", "disable", "close", "remove"];

async fn end_by(app: &App, user: &User, how: &str) {
    let context = RequestContext::of_command(app);
    match how {
        "reset" => operators::reset_credentials(app, user, &context).await.unwrap(),
        "disable" => users::disable(app, user, &context).await.unwrap(),
        "remove" => users::remove(app, user, &context).await.unwrap(),
        _ => {
            let closing = app.write(&context, async |write| -> Result<(), DatabaseError> {
                postern_identity::users::lock(write, user.id).await?;
                let all = SessionSelection::OfUser { user_id: user.id, kept_sid: None };
                sessions::end(write, all, EndCause::AccountClosed).await?;
                let closed = user_rows::ActiveModel {
                    id: Set(user.id),
                    deletion_at: Set(Some(Timestamp::MAX)),
                    ..Default::default()
                };
                closed.update(write).await?;
                Ok(())
            });
            closing.await.unwrap();
        }
    }
}

async fn live_grants(app: &App) -> usize {
    let grants = grants::Entity::find().all(app.db.reader()).await.unwrap();
    grants.iter().filter(|grant| grant.user_id.is_some() && grant.revoked_at.is_none()).count()
}

#[tokio::test]
async fn no_code_is_granted_to_a_session_that_ended_meanwhile() {
    for how in ENDS {
        for waits in [false, true] {
            let world = World::new().await;
            let browser = world.app.browser();
            let ask = Ask::of("own").with("scope", "openid offline_access");
            let path = match waits {
                false => ask.path(),
                true => resume(&waits_on(&browser.get(&ask.path()).await, "/login")),
            };
            browser.sign_in(&world.alice).await;
            let (app, alice) = (world.app.app.clone(), world.alice.clone());
            app.clone().db.before_next_write(async move { end_by(&app, &alice, how).await });
            let answer = browser.get(&path).await;
            assert!(!answer.header("location").contains("code="), "{how} {waits}: {answer:?}");
            if how != "remove" {
                waits_on(&answer, "/login");
            }
            assert_eq!(live_grants(&world.app.app).await, 0, "{how} {waits}");
        }
    }
}

#[tokio::test]
async fn an_answer_to_the_consent_page_is_not_recorded_for_a_session_that_ended_meanwhile() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let page = open(&browser, &Ask::of("rp").path()).await;
    let (app, alice) = (world.app.app.clone(), world.alice.clone());
    app.clone().db.before_next_write(async move { end_everything(&app, &alice).await });
    let page = page.press("#consent-allow", &[]).await;
    assert!(page.path.starts_with("/login"), "{}", page.path);
    assert!(consents::Entity::find().all(world.app.app.db.reader()).await.unwrap().is_empty());
    assert!(world.app.events("consent.allowed").await.is_empty());
}

/// Waits until a statement of this database waits for a lock of another one.
async fn somebody_waits(app: &App) {
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
        AND datname = current_database()";
    loop {
        let statement = Statement::from_string(DbBackend::Postgres, waiting);
        let row = app.db.reader().query_one_raw(statement).await.unwrap().unwrap();
        if row.try_get_by_index::<i64>(0).unwrap() > 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// On PostgreSQL the ending and the request are open at the same time: the request waits for the ending, and then finds
/// that it has nothing to go by.
#[tokio::test]
async fn a_code_waits_for_whoever_is_ending_its_session_and_is_not_granted_then() {
    for of_all in [true, false] {
        let world = World::new().await;
        let (app, alice) = (&world.app.app, &world.alice);
        if app.db.backend() != DbBackend::Postgres {
            return;
        }
        let browser = world.app.browser();
        let session = browser.sign_in(alice).await;
        let path = Ask::of("own").with("scope", "openid offline_access").path();
        let (held, holds) = tokio::sync::oneshot::channel();
        let (release, released) = tokio::sync::oneshot::channel::<()>();
        let context = RequestContext::of_command(app);
        let ending = app.write(&context, async |write| -> Result<(), DatabaseError> {
            if of_all {
                postern_identity::users::lock(write, alice.id).await?;
                let all = SessionSelection::OfUser { user_id: alice.id, kept_sid: None };
                sessions::end(write, all, EndCause::UserDisabled).await?;
                let all = GrantSelection::OfUser { user_id: alice.id, kept_sid: None };
                postern_identity::grants::end(write, all, EndCause::UserDisabled).await?;
            } else {
                sessions::lock_user_and_end(write, session.sid, EndCause::SignedOut).await?;
            }
            held.send(()).unwrap();
            released.await.unwrap();
            Ok(())
        });
        let request = async {
            holds.await.unwrap();
            let waiting = async {
                somebody_waits(app).await;
                release.send(()).unwrap();
            };
            tokio::join!(browser.get(&path), waiting).0
        };
        let (ended, answer) = tokio::join!(ending, request);
        ended.unwrap();
        waits_on(&answer, "/login");
        assert_eq!(live_grants(app).await, 0);
    }
}

/// The other way round: whoever ends a session waits for the code that is being granted, and ends that too.
#[tokio::test]
async fn whoever_ends_a_session_waits_for_what_it_is_being_granted() {
    let world = World::new().await;
    let (app, alice) = (&world.app.app, &world.alice);
    if app.db.backend() != DbBackend::Postgres {
        return;
    }
    let signed_in = world.app.signed_in(alice).await;
    let (held, holds) = tokio::sync::oneshot::channel();
    let (release, released) = tokio::sync::oneshot::channel::<()>();
    let principal = signed_in.principal();
    let context = RequestContext::of_command(app);
    let granting = principal.write(app, &context, async |write, user| -> Result<(), sessions::WriteError> {
        held.send(()).unwrap();
        released.await.unwrap();
        let now = app.clock.now();
        let new = postern_identity::grants::NewGrant {
            user_id: Some(user.id),
            client_id: "own".to_owned(),
            sid: Some(signed_in.session.sid),
            scope: Scope::from_stored("openid offline_access"),
            ..Default::default()
        };
        let grant = postern_identity::grants::new(app, new, now);
        write.execute(&postern_identity::grants::insert_statement(&grant)).await?;
        Ok(())
    });
    let ending = async {
        holds.await.unwrap();
        let waiting = async {
            somebody_waits(app).await;
            release.send(()).unwrap();
        };
        let context = RequestContext::of_command(app);
        tokio::join!(users::disable(app, alice, &context), waiting).0
    };
    let (granted, ended) = tokio::join!(granting, ending);
    granted.unwrap();
    ended.unwrap();
    assert_eq!(live_grants(app).await, 0);
}
