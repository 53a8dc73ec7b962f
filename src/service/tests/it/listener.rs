//! Tests the listener with slow, idle, many and disconnecting clients, over real sockets.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use poem::{EndpointExt, Request, Response, endpoint::BoxEndpoint, endpoint::make};
use postern_service::{listener::Listener, settings::HttpSettings};
use tokio::{net::TcpStream, sync::Notify, time::timeout};

use crate::support::{Client, PATIENCE, Server, http_settings};

const GET: &str = "GET /path HTTP/1.1\r\nHost: x\r\n\r\n";
const LAST_GET: &str = "GET /path HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// Answers with the path and the socket address of the client.
fn echo() -> BoxEndpoint<'static, Response> {
    make(|request: Request| async move {
        let body = format!("{} from {}", request.uri().path(), request.remote_addr());
        Ok::<_, poem::Error>(Response::builder().body(body))
    })
    .boxed()
}

/// An endpoint that answers after `open` is notified; it notifies `begun` when a request arrives.
struct Gate {
    begun: Notify,
    open: Notify,
}

fn gated() -> (Arc<Gate>, BoxEndpoint<'static, Response>) {
    let gate = Arc::new(Gate { begun: Notify::new(), open: Notify::new() });
    let inside = Arc::clone(&gate);
    let endpoint = make(move |_| {
        let gate = Arc::clone(&inside);
        async move {
            gate.begun.notify_one();
            gate.open.notified().await;
            Ok::<_, poem::Error>(Response::builder().body("done"))
        }
    });
    (gate, endpoint.boxed())
}

fn settings(change: impl FnOnce(&mut HttpSettings)) -> HttpSettings {
    let mut settings = http_settings();
    change(&mut settings);
    settings
}

async fn dribbled_until_closed(client: &mut Client) -> Duration {
    let start = Instant::now();
    client.send("GET / HTTP/1.1\r\nX-Slow: ").await;
    while client.dribble(b'a').await && start.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    start.elapsed()
}

#[tokio::test]
async fn requests_follow_one_another_on_one_connection() {
    let server = Server::start(&http_settings(), echo()).await;
    let mut client = server.connect().await;
    for _ in 0..2 {
        client.send(GET).await;
        let answer = client.read_text().await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("/path from "), "{answer}");
        assert!(answer.contains("socket://127.0.0.1:"), "the peer's address is known: {answer}");
    }
}

#[tokio::test]
async fn a_head_that_dribbles_is_given_up() {
    let settings = settings(|s| s.header_timeout = "200ms".parse().unwrap());
    let server = Server::start(&settings, echo()).await;
    let mut client = server.connect().await;
    let first = dribbled_until_closed(&mut client).await;
    assert!(first > Duration::from_millis(190) && first < Duration::from_secs(2), "{first:?}");

    // The second head of a connection has no more time than the first.
    let mut client = server.connect().await;
    client.send(GET).await;
    client.read().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let second = dribbled_until_closed(&mut client).await;
    assert!(second > Duration::from_millis(190) && second < Duration::from_secs(2), "{second:?}");
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let settings = settings(|s| s.header_timeout = "200ms".parse().unwrap());
    let server = Server::start(&settings, echo()).await;
    let start = Instant::now();
    assert!(server.connect().await.read().await.is_empty());
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time_and_not_before() {
    let settings = settings(|s| {
        s.header_timeout = "100ms".parse().unwrap();
        s.idle_timeout = "400ms".parse().unwrap();
    });
    let server = Server::start(&settings, echo()).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    client.read().await;
    let start = Instant::now();
    assert!(client.read().await.is_empty());
    let idle = start.elapsed();
    assert!(idle > Duration::from_millis(350) && idle < Duration::from_secs(2), "{idle:?}");
}

#[tokio::test]
async fn a_long_request_is_not_taken_for_idleness() {
    let settings = settings(|s| {
        s.header_timeout = "100ms".parse().unwrap();
        s.idle_timeout = "100ms".parse().unwrap();
    });
    let (gate, endpoint) = gated();
    let server = Server::start(&settings, endpoint).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    gate.begun.notified().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    gate.open.notify_one();
    assert!(client.read_text().await.ends_with("done"));
}

#[tokio::test]
async fn an_answer_that_is_read_slowly_is_not_taken_for_idleness() {
    const LENGTH: u32 = 16 << 20;
    const LASTING: Duration = Duration::from_secs(4);
    let settings = settings(|s| s.idle_timeout = "3s".parse().unwrap());
    let body = || vec![b'x'; LENGTH as usize];
    let endpoint = make(move |_| async move { Ok::<_, poem::Error>(Response::builder().body(body())) });
    let server = Server::start(&settings, endpoint.boxed()).await;
    let mut client = server.connect_with_little_room().await;
    client.send(LAST_GET).await;
    let start = Instant::now();
    let mut length = 0;
    loop {
        match client.read().await.len() {
            0 => break,
            read => length += u32::try_from(read).unwrap(),
        }
        // Reads as much as is due by now, so that a slow moment of the machine makes no longer pause than
        // that moment.
        let due = LASTING * length / LENGTH;
        tokio::time::sleep(due.saturating_sub(start.elapsed())).await;
    }
    assert!(length > LENGTH, "{length}");
    assert!(start.elapsed() > settings.idle_timeout.duration(), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_client_that_does_not_read_is_given_up() {
    let settings = settings(|s| {
        s.idle_timeout = "1h".parse().unwrap();
        s.write_timeout = "200ms".parse().unwrap();
        s.shutdown_grace = "5s".parse().unwrap();
    });
    let endpoint = make(|_| async { Ok::<_, poem::Error>(Response::builder().body(vec![b'x'; 32 << 20])) });
    let server = Server::start(&settings, endpoint.boxed()).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    let start = Instant::now();
    server.stop.cancel();
    timeout(PATIENCE, server.task).await.unwrap().unwrap();
    assert!(start.elapsed() < Duration::from_secs(2), "it was closed before the stop");
}

#[tokio::test]
async fn further_connections_wait_until_there_is_room() {
    let server = Server::start(&settings(|s| s.max_connections = 2.try_into().unwrap()), echo()).await;
    let mut inside = [server.connect().await, server.connect().await];
    for client in &mut inside {
        client.send(GET).await;
        assert!(client.read_text().await.starts_with("HTTP/1.1 200"));
    }
    let mut waiting = server.connect().await;
    waiting.send(GET).await;
    assert!(waiting.silent().await, "the third is not served");
    drop(inside);
    assert!(waiting.read_text().await.starts_with("HTTP/1.1 200"), "until one has left");
}

#[tokio::test]
async fn a_stop_finishes_requests_closes_idle_connections_and_takes_no_new_ones() {
    let (gate, endpoint) = gated();
    let server = Server::start(&http_settings(), endpoint).await;
    let mut idle = server.connect().await;
    idle.send(GET).await;
    gate.begun.notified().await;
    gate.open.notify_one();
    assert!(idle.read_text().await.ends_with("done"));
    let mut busy = server.connect().await;
    busy.send(GET).await;
    gate.begun.notified().await;

    server.stop.cancel();
    assert!(idle.read().await.is_empty());
    assert!(busy.silent().await && !server.task.is_finished());
    assert!(TcpStream::connect(server.address).await.is_err());
    gate.open.notify_one();
    assert!(busy.rest().await.ends_with("done"));
    timeout(PATIENCE, server.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stop_waits_no_longer_than_the_grace() {
    let (gate, endpoint) = gated();
    let server = Server::start(&settings(|s| s.shutdown_grace = "200ms".parse().unwrap()), endpoint).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    gate.begun.notified().await;
    let start = Instant::now();
    server.stop.cancel();
    timeout(PATIENCE, server.task).await.unwrap().unwrap();
    assert!(start.elapsed() > Duration::from_millis(190) && start.elapsed() < Duration::from_secs(2));
    assert!(client.read().await.is_empty());
}

#[tokio::test]
async fn heads_are_limited() {
    let server = Server::start(&http_settings(), echo()).await;
    let long = server.exchange(&format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(100 << 10))).await;
    assert!(long.starts_with("HTTP/1.1 431") || long.starts_with("HTTP/1.1 414"), "{long}");
    let many = server.exchange(&format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(200))).await;
    assert!(many.starts_with("HTTP/1.1 431"), "{many}");
    let wrong = server.exchange("GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n").await;
    assert!(wrong.starts_with("HTTP/1.1 400"), "{wrong}");
    assert!(server.exchange(LAST_GET).await.starts_with("HTTP/1.1 200"));
}

/// An HTTP/2 frame (RFC 9113 section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

#[tokio::test]
async fn http_2_is_spoken_without_tls() {
    let settings = settings(|s| {
        s.header_timeout = "200ms".parse().unwrap();
        s.idle_timeout = "600ms".parse().unwrap();
    });
    let server = Server::start(&settings, echo()).await;
    let mut client = server.connect().await;
    // Preface, empty SETTINGS, and HEADERS: GET http / of the authority "x" (RFC 7541 appendix A and section
    // 6.2.1).
    let head = frame(1, 0x05, 1, &[0x82, 0x86, 0x84, 0x41, 1, b'x']);
    client
        .send_bytes(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &frame(4, 0, 0, &[]), &head].concat())
        .await;
    let mut answer = Vec::new();
    while !answer.windows(6).any(|bytes| bytes == b"/ from") {
        let read = client.read().await;
        assert!(!read.is_empty(), "closed after {answer:?}");
        answer.extend(read);
    }
    assert!(answer.windows(9).any(|bytes| bytes[3..] == [1, 4, 0, 0, 0, 1]), "the head of stream 1");

    // Frames other than HEADERS must not count as the beginning of a head.
    let start = Instant::now();
    client.send_bytes(&frame(6, 0, 0, b"pingping")).await;
    while !client.read().await.is_empty() {}
    assert!(start.elapsed() > Duration::from_millis(400), "{:?}", start.elapsed());
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let server = Server::start(&http_settings(), echo()).await;
    let cause = Listener::bind(server.address, &http_settings()).await.err().unwrap();
    assert_eq!(cause.to_string(), format!("cannot listen on {}", server.address));
}
