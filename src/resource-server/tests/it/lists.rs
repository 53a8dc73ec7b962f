//! Tests lists: paged, filtered, sorted and searched, with the same results on both databases.

use poem::http::Method;
use serde_json::{Value, json};

use crate::support::{ALICE, Person, TestService, path_of, titles};

/// Titles in the order in which the tasks are made.
const TITLES: [&str; 7] = ["banana", "Äpfel", "apple", "Zucchini", "zebra", "100% wool", "a_b \"c\" 'd' \\e"];

async fn fill(person: &Person<'_>) -> Vec<Value> {
    let mut tasks = Vec::new();
    for title in TITLES {
        tasks.push(person.add(title).await);
    }
    tasks
}

/// Every page of a list, three at a time.
async fn walk(person: &Person<'_>, query: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut path = format!("/api/tasks?limit=3&{query}");
    loop {
        let page = person.get(&path).await.json();
        assert!(page["items"].as_array().unwrap().len() <= 3);
        all.extend(titles(&page));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/tasks?limit=3&{query}&cursor={cursor}"),
            None => return all,
        }
    }
}

#[tokio::test]
async fn every_order_is_kept_across_pages() {
    let service = TestService::new().await;
    let alice = service.person(ALICE);
    let tasks = fill(&alice).await;
    // The oldest task is changed last.
    alice.send(Method::PATCH, &path_of(&tasks[0]), &json!({ "done": true })).await;

    let reversed = |order: &[&str]| order.iter().rev().map(|title| (*title).to_owned()).collect::<Vec<_>>();
    let mut updated = TITLES[1..].to_vec();
    updated.push(TITLES[0]);
    // Titles are compared in lower case, by code point.
    let by_title = ["100% wool", "a_b \"c\" 'd' \\e", "apple", "banana", "zebra", "Zucchini", "Äpfel"];
    for (sort, order) in [("created_at", &TITLES[..]), ("updated_at", &updated), ("title", &by_title)] {
        assert_eq!(walk(&alice, &format!("sort={sort}")).await, order, "{sort}");
        assert_eq!(walk(&alice, &format!("sort=-{sort}")).await, reversed(order), "-{sort}");
    }
    assert_eq!(walk(&alice, "").await, reversed(&TITLES), "newest first unless asked otherwise");
}

#[tokio::test]
async fn equal_places_are_told_apart_by_the_id() {
    let service = TestService::new().await;
    let alice = service.person(ALICE);
    for title in ["same", "SAME", "Same", "same", "sAme"] {
        alice.send(Method::POST, "/api/tasks", &json!({ "title": title })).await;
    }
    for sort in ["title", "-title", "created_at", "-updated_at"] {
        assert_eq!(walk(&alice, &format!("sort={sort}")).await.len(), 5, "{sort}");
    }
}

#[tokio::test]
async fn filters_and_pages_go_together() {
    let service = TestService::new().await;
    let alice = service.person(ALICE);
    let tasks = fill(&alice).await;
    for task in &tasks[..4] {
        alice.send(Method::PATCH, &path_of(task), &json!({ "done": true })).await;
    }
    assert_eq!(walk(&alice, "done=true&sort=created_at").await, TITLES[..4]);
    assert_eq!(walk(&alice, "done=false&sort=created_at").await, TITLES[4..]);
    assert_eq!(walk(&alice, "done=true&q=z&sort=title").await, ["Zucchini"]);
}

#[tokio::test]
async fn a_search_finds_text_as_it_is_in_any_case() {
    let service = TestService::new().await;
    let alice = service.person(ALICE);
    fill(&alice).await;
    for (q, found) in [
        ("APP", vec!["apple"]),
        ("%C3%84PF", vec!["Äpfel"]),
        ("%C3%A4pf", vec!["Äpfel"]),
        ("%25", vec!["100% wool"]),
        ("_", vec!["a_b \"c\" 'd' \\e"]),
        ("%22C%22%20%27d%27", vec!["a_b \"c\" 'd' \\e"]),
        ("%5C", vec!["a_b \"c\" 'd' \\e"]),
        ("%5C%25", vec![]),
        ("%25_", vec![]),
        ("%27%29%20OR%201%3D1--", vec![]),
        ("z", vec!["zebra", "Zucchini"]),
    ] {
        assert_eq!(alice.titles(&format!("sort=title&q={q}")).await, found, "{q}");
    }
}

#[tokio::test]
async fn a_page_has_one_to_a_hundred_tasks_and_fifty_unless_asked() {
    let service = TestService::new().await;
    let alice = service.person(ALICE);
    for number in 0..51 {
        alice.add(&format!("task {number}")).await;
    }
    let page = alice.get("/api/tasks").await.json();
    assert_eq!(page["items"].as_array().unwrap().len(), 50);
    assert!(page["next_cursor"].is_string());
    assert_eq!(alice.titles("limit=1").await, ["task 50"]);
    let all = alice.get("/api/tasks?limit=100").await.json();
    assert_eq!((titles(&all).len(), &all["next_cursor"]), (51, &Value::Null));
    assert_eq!(alice.get("/api/tasks?limit=51").await.json()["next_cursor"], Value::Null, "just enough");
    for limit in ["0", "101", "-1", "1.5", "ten", "", "99999999999999999999"] {
        alice.get(&format!("/api/tasks?limit={limit}")).await.refused(400, "limit");
    }
}

#[tokio::test]
async fn an_empty_list_is_a_list() {
    let service = TestService::new().await;
    let answer = service.person(ALICE).get("/api/tasks").await;
    assert_eq!(answer.json(), json!({ "items": [], "next_cursor": null }));
}

#[tokio::test]
async fn a_cursor_serves_the_order_it_was_made_for_only() {
    let service = TestService::new().await;
    let alice = service.person(ALICE);
    fill(&alice).await;
    let orders = ["created_at", "-created_at", "updated_at", "-updated_at", "title", "-title"];
    for made in orders {
        let page = alice.get(&format!("/api/tasks?limit=1&sort={made}")).await.json();
        let cursor = page["next_cursor"].as_str().unwrap();
        for used in orders {
            let answer = alice.get(&format!("/api/tasks?sort={used}&cursor={cursor}")).await;
            if made == used {
                assert_eq!(titles(&answer.json()).len(), TITLES.len() - 1, "{used}");
            } else {
                answer.refused(400, "cursor");
            }
        }
    }
}

#[tokio::test]
async fn a_mangled_cursor_is_refused_by_name() {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    let service = TestService::new().await;
    let alice = service.person(ALICE);
    fill(&alice).await;
    let page = alice.get("/api/tasks?limit=1&sort=title").await.json();
    let good = page["next_cursor"].as_str().unwrap().to_owned();
    let inside: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(&good).unwrap()).unwrap();
    let changed = |member: &str, value: Value| {
        let mut inside = inside.clone();
        inside[member] = value;
        URL_SAFE_NO_PAD.encode(inside.to_string())
    };
    let mangled = [
        String::new(),
        "%00".to_owned(),
        "!".to_owned(),
        good[1..].to_owned(),
        format!("{good}AAAA"),
        format!("{good}%3D"),
        URL_SAFE_NO_PAD.encode("null"),
        URL_SAFE_NO_PAD.encode("{}"),
        changed("id", json!("1")),
        changed("order", json!("Created")),
        changed("after", json!({ "Time": 1 })),
        changed("after", json!({ "Title": "a\0b" })),
        changed("after", json!({ "Title": 1 })),
        changed("owner", json!("somebody")),
        "A".repeat(2001),
    ];
    for cursor in mangled {
        alice.get(&format!("/api/tasks?sort=title&cursor={cursor}")).await.refused(400, "cursor");
    }
}

#[tokio::test]
async fn wrong_parameters_are_refused_by_name() {
    let service = TestService::new().await;
    let alice = service.person(ALICE);
    for (query, field) in [
        ("done=maybe", "done"),
        ("sort=owner", "sort"),
        ("sort=title%3B", "sort"),
        ("q=", "q"),
        ("q=a%00b", "q"),
        ("q=%0A", "q"),
    ] {
        alice.get(&format!("/api/tasks?{query}")).await.refused(400, field);
    }
    let long = "x".repeat(201);
    alice.get(&format!("/api/tasks?q={long}")).await.refused(400, "q");
    // Invalid UTF-8 becomes U+FFFD, as URL decoding defines; no title contains that character.
    assert_eq!(alice.titles("q=%FF%FE").await, [""; 0]);
}
