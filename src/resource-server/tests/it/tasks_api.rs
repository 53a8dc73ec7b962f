//! Tests one task at a time: created, read, replaced, changed and deleted, only by its owner.

use std::time::Duration;

use poem::http::{Method, StatusCode};
use serde_json::json;

use crate::support::{ALICE, BOB, TestService, path_of};

#[tokio::test]
async fn a_new_task_is_where_the_answer_says() {
    let service = TestService::new().await;
    let alice = service.person(ALICE);
    let body = json!({ "title": "  Water the plants ", "notes": "twice\na week" });
    let answer = alice.send(Method::POST, "/api/tasks", &body).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let task = answer.json();
    assert_eq!(answer.header("location"), path_of(&task));
    assert_eq!(task["title"], "Water the plants", "white space around a title is dropped");
    assert_eq!(task["notes"], "twice\na week");
    assert_eq!(task["done"], false);
    assert_eq!(task["created_at"], "2026-01-01T00:00:00.000000Z");
    assert_eq!(task["updated_at"], task["created_at"]);

    let read = alice.get(&path_of(&task)).await;
    assert_eq!((read.status, read.json()), (StatusCode::OK, task));
    assert_eq!(read.header("content-type"), "application/json");
    assert_eq!(read.header("cache-control"), "no-store");
    for answer in [read, alice.get("/api/tasks/nothing").await, alice.get("/nothing").await] {
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{answer:?}");
    }
}

#[tokio::test]
async fn a_task_may_be_made_done_with_the_longest_texts() {
    let service = TestService::new().await;
    let alice = service.person(ALICE);
    let body = json!({ "title": "ä".repeat(200), "notes": "🌱".repeat(4000), "done": true });
    let answer = alice.send(Method::POST, "/api/tasks", &body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let read = alice.get(&path_of(&answer.json())).await.json();
    for member in ["title", "notes", "done"] {
        assert_eq!(read[member], body[member]);
    }
}

#[tokio::test]
async fn a_replaced_task_keeps_its_id_and_birthday_and_nothing_else() {
    let service = TestService::new().await;
    let alice = service.person(ALICE);
    let body = json!({ "title": "Old", "notes": "old notes", "done": true });
    let old = alice.send(Method::POST, "/api/tasks", &body).await.json();
    service.clock.advance(Duration::from_secs(90));
    let answer = alice.send(Method::PUT, &path_of(&old), &json!({ "title": "New" })).await;
    assert_eq!(answer.status, StatusCode::OK);
    let new = json!({
        "id": old["id"], "title": "New", "notes": "", "done": false,
        "created_at": "2026-01-01T00:00:00.000000Z", "updated_at": "2026-01-01T00:01:30.000000Z",
    });
    assert_eq!(answer.json(), new);
    assert_eq!(alice.get(&path_of(&old)).await.json(), new);
    assert_eq!(alice.titles("q=old").await, [""; 0], "a replaced title is not found any more");
    assert_eq!(alice.titles("q=NEW").await, ["New"]);
}

#[tokio::test]
async fn a_change_leaves_alone_what_it_does_not_name() {
    let service = TestService::new().await;
    let alice = service.person(ALICE);
    let task = alice.add("Tick me").await;
    let path = path_of(&task);
    let ticked = alice.send(Method::PATCH, &path, &json!({ "done": true })).await.json();
    assert_eq!(ticked["done"], true);
    assert_eq!(ticked["title"], "Tick me");
    assert_eq!(ticked["updated_at"], "2026-01-01T00:00:01.000000Z");

    service.clock.advance(Duration::from_secs(1));
    for nothing in [json!({}), json!({ "title": null, "notes": null, "done": null })] {
        let answer = alice.send(Method::PATCH, &path, &nothing).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, ticked.clone()), "not even the time");
    }
    let renamed = alice.send(Method::PATCH, &path, &json!({ "title": "Ticked" })).await.json();
    assert_eq!((&renamed["title"], &renamed["done"]), (&json!("Ticked"), &json!(true)));
    assert_eq!(alice.titles("q=ticked").await, ["Ticked"]);
}

#[tokio::test]
async fn a_deleted_task_is_gone() {
    let service = TestService::new().await;
    let alice = service.person(ALICE);
    let (kept, gone) = (alice.add("Kept").await, alice.add("Gone").await);
    let answer = alice.delete(&path_of(&gone)).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::NO_CONTENT, ""));
    alice.delete(&path_of(&gone)).await.refused(404, "");
    alice.get(&path_of(&gone)).await.refused(404, "");
    assert_eq!(alice.titles("").await, ["Kept"]);
    assert_eq!(alice.get(&path_of(&kept)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_task_of_somebody_else_is_not_there_by_any_method() {
    let service = TestService::new().await;
    let (alice, bob) = (service.person(ALICE), service.person(BOB));
    let task = alice.add("Alice's own").await;
    let path = path_of(&task);
    let nowhere = "/api/tasks/00000000-0000-4000-8000-000000000000";
    for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
        let body = json!({ "title": "Bob's now" });
        let foreign = bob.send(method.clone(), &path, &body).await;
        let missing = bob.send(method.clone(), nowhere, &body).await;
        foreign.refused(404, "");
        assert_eq!(foreign.without_reference(), missing.without_reference(), "{method}");
    }
    bob.send(Method::PATCH, &path, &json!({})).await.refused(404, "");
    assert_eq!(alice.get(&path).await.json(), task);
}

#[tokio::test]
async fn two_owners_never_see_each_other() {
    let service = TestService::new().await;
    let (alice, bob) = (service.person(ALICE), service.person(BOB));
    for number in 0..3 {
        alice.add(&format!("alice {number}")).await;
        bob.add(&format!("bob {number}")).await;
    }
    for sort in ["created_at", "-created_at", "updated_at", "-updated_at", "title", "-title"] {
        let query = format!("sort={sort}&limit=2");
        let page = alice.get(&format!("/api/tasks?{query}")).await.json();
        let cursor = page["next_cursor"].as_str().unwrap();
        let mut seen = alice.titles(&query).await;
        seen.extend(alice.titles(&format!("{query}&cursor={cursor}")).await);
        assert_eq!(seen.len(), 3, "{sort}");
        assert!(seen.iter().all(|title| title.starts_with("alice")), "{seen:?}");
        // A cursor of another user is applied to the caller's own list.
        let own = bob.titles(&format!("{query}&cursor={cursor}")).await;
        assert!(own.iter().all(|title| title.starts_with("bob")), "{own:?}");
    }
    assert_eq!(bob.titles("q=alice").await, [""; 0]);
}

#[tokio::test]
async fn the_list_of_a_user_is_for_that_user_alone() {
    let service = TestService::new().await;
    let (alice, bob) = (service.person(ALICE), service.person(BOB));
    alice.add("Alice's own").await;
    bob.add("Bob's own").await;
    let own = alice.get(&format!("/api/users/{ALICE}/tasks?q=own")).await;
    assert_eq!((own.status, own.json()), (StatusCode::OK, alice.get("/api/tasks?q=own").await.json()));

    let existing = alice.get(&format!("/api/users/{BOB}/tasks")).await;
    existing.refused(403, "");
    let long = "x".repeat(3000);
    let nul = "%00";
    for unknown in
        ["nobody", "00000000-0000-4000-8000-000000000000", "%F0%9F%8C%B1", "%27%20OR%201", nul, &long]
    {
        let answer = alice.get(&format!("/api/users/{unknown}/tasks")).await;
        assert_eq!(
            (answer.status, answer.without_reference()),
            (existing.status, existing.without_reference())
        );
    }
    let upper = alice.get(&format!("/api/users/{}/tasks", ALICE.to_uppercase())).await;
    upper.refused(403, "");
}

#[tokio::test]
async fn fifty_changes_at_once_all_happen_and_leave_one_whole_task() {
    let service = TestService::new().await;
    let alice = service.person(ALICE);
    let task = alice.add("Contested").await;
    let path = path_of(&task);
    let changes = (0..50).map(|number| {
        let body = json!({ "title": format!("title {number}"), "notes": format!("notes {number}") });
        let (alice, path) = (&alice, &path);
        async move { alice.send(Method::PATCH, path, &body).await }
    });
    for answer in futures_util::future::join_all(changes).await {
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
    let last = alice.get(&path).await.json();
    let number = last["title"].as_str().unwrap().strip_prefix("title ").unwrap().to_owned();
    assert_eq!(last["notes"], format!("notes {number}"), "title and notes are of the same change");

    let deletions = (0..50).map(|_| alice.delete(&path));
    let answers = futures_util::future::join_all(deletions).await;
    let count = |status: StatusCode| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(StatusCode::NO_CONTENT), count(StatusCode::NOT_FOUND)), (1, 49));
}

#[tokio::test]
async fn fifty_tasks_made_at_once_are_all_listed() {
    let service = TestService::new().await;
    let alice = service.person(ALICE);
    let bodies: Vec<_> = (0..50).map(|number| json!({ "title": format!("task {number:02}") })).collect();
    let made = bodies.iter().map(|body| alice.send(Method::POST, "/api/tasks", body));
    for answer in futures_util::future::join_all(made).await {
        assert_eq!(answer.status, StatusCode::CREATED);
    }
    // All tasks have the same time, so the ID decides the order. No task is lost between two pages.
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = alice.get(&format!("/api/tasks?limit=7{cursor}")).await.json();
        seen.extend(crate::support::titles(&page));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    seen.sort();
    let all: Vec<_> = (0..50).map(|number| format!("task {number:02}")).collect();
    assert_eq!(seen, all);
}
