//! Tests keys that are fetched over HTTP: the network is real, the clock is paused.

use std::future::Future;
use std::sync::mpsc;
use std::time::Duration;

use postern_token_verifier::jws::JwsError;
use postern_token_verifier::testing::{Issuer, JwksResponse};
use postern_token_verifier::{
    KeySource, Refusal, RemoteKeys, RemoteKeysError, RemoteKeysSettings, Statistics, Verifier,
};
use serde_json::json;

use crate::support::AUDIENCE;

/// Keeps tokio's paused clock from advancing while the test waits for the network, until it is dropped:
/// paused time does not advance by itself as long as a blocking task runs.
struct StoppedClock(#[expect(dead_code, reason = "its end ends the blocking task")] mpsc::Sender<()>);

impl StoppedClock {
    fn stop() -> Self {
        let (end, ended) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || ended.recv());
        Self(end)
    }
}

struct Fixture {
    issuer: Issuer,
    keys: RemoteKeys,
    verifier: Verifier,
    _clock: StoppedClock,
}

impl Fixture {
    /// A served issuer, and keys that were fetched once.
    async fn up() -> Self {
        Self::up_with(|settings| settings).await
    }

    async fn up_with(change: impl FnOnce(RemoteKeysSettings) -> RemoteKeysSettings) -> Self {
        let fixture = Self::starting(Issuer::serve().await, change);
        until(|| fixture.statistics().fetches == 1).await;
        fixture
    }

    fn starting(issuer: Issuer, change: impl FnOnce(RemoteKeysSettings) -> RemoteKeysSettings) -> Self {
        let clock = StoppedClock::stop();
        let keys = RemoteKeys::with_settings(change(RemoteKeysSettings::new(issuer.jwks_url()))).unwrap();
        let verifier = Verifier::new(issuer.policy(AUDIENCE), keys.clone()).unwrap();
        Self { issuer, keys, verifier, _clock: clock }
    }

    fn token(&self) -> String {
        self.issuer.token(AUDIENCE, "")
    }

    fn statistics(&self) -> Statistics {
        self.keys.statistics()
    }

    /// Advances the clock, and waits for the fetch that is due then.
    async fn let_fetch_after(&self, pause: Duration) {
        let before = self.statistics();
        tokio::time::advance(pause).await;
        until(|| self.statistics().fetches > before.fetches).await;
    }
}

/// Gives an unwanted fetch the time to happen.
async fn settle() {
    for _ in 0..2000 {
        tokio::task::yield_now().await;
    }
}

/// Waits for an effect of the network, without advancing the clock.
async fn until(mut condition: impl FnMut() -> bool) {
    for _ in 0..5_000_000 {
        if condition() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it never came");
}

async fn all<T: Send + 'static>(futures: Vec<impl Future<Output = T> + Send + 'static>) -> Vec<T> {
    let tasks: Vec<_> = futures.into_iter().map(tokio::spawn).collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test(start_paused = true)]
async fn a_first_request_waits_for_the_first_fetch() {
    let fixture = Fixture::starting(Issuer::serve().await, |settings| settings);
    assert!(fixture.verifier.verify(&fixture.token()).await.is_ok());
    assert_eq!(fixture.statistics(), Statistics { fetches: 1, ..Statistics::default() });
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_key_set_is_confirmed_by_its_etag() {
    let fixture = Fixture::up().await;
    let token = fixture.token();
    fixture.verifier.verify(&token).await.unwrap();
    // A request without the ETag gets this body, and fails.
    let etag = JwksResponse::keys(&fixture.issuer.jwks()).body("not JSON");
    fixture.issuer.answer(etag);
    fixture.let_fetch_after(5 * MINUTE).await;
    assert_eq!(fixture.statistics(), Statistics { fetches: 2, ..Statistics::default() });
    fixture.verifier.verify(&token).await.unwrap();
    assert_eq!(fixture.verifier.signature_checks(), 1, "the same key set: what was verified stays verified");
}

#[tokio::test(start_paused = true)]
async fn the_same_keys_without_an_etag_change_nothing() {
    let fixture = Fixture::up().await;
    let token = fixture.token();
    fixture.verifier.verify(&token).await.unwrap();
    fixture.issuer.answer(JwksResponse::new(200).body(fixture.issuer.jwks().to_string()));
    fixture.let_fetch_after(5 * MINUTE).await;
    fixture.verifier.verify(&token).await.unwrap();
    assert_eq!(fixture.verifier.signature_checks(), 1);
}

#[tokio::test(start_paused = true)]
async fn max_age_decides_when_to_fetch_again_within_bounds() {
    let (second, bounds) = (Duration::from_secs(1), [30, 900]);
    for (cache_control, seconds) in [
        ("max-age=60", 60),
        ("public, Max-Age=\"120\", must-revalidate", 120),
        ("max-age=1", bounds[0]),
        ("max-age=0", bounds[0]),
        ("no-cache", bounds[0]),
        ("no-store, max-age=600", bounds[0]),
        ("max-age=86400", bounds[1]),
        ("max-age=nonsense", 300),
        ("private", 300),
    ] {
        let issuer = Issuer::serve().await;
        issuer.answer(JwksResponse::keys(&issuer.jwks()).header("cache-control", cache_control));
        let fixture = Fixture::starting(issuer, |settings| settings);
        until(|| fixture.statistics().fetches == 1).await;
        tokio::time::advance(Duration::from_secs(seconds - 1)).await;
        settle().await;
        assert_eq!(fixture.statistics().fetches, 1, "{cache_control}");
        fixture.let_fetch_after(2 * second).await;
        assert_eq!(
            fixture.statistics(),
            Statistics { fetches: 2, ..Statistics::default() },
            "{cache_control}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_rotation_with_notice_needs_no_extra_fetch() {
    let fixture = Fixture::up().await;
    let old = fixture.token();
    fixture.issuer.rotate();
    fixture.let_fetch_after(5 * MINUTE).await;
    fixture.verifier.verify(&fixture.token()).await.unwrap();
    fixture.verifier.verify(&old).await.unwrap();
    assert_eq!(fixture.statistics(), Statistics { fetches: 2, ..Statistics::default() });
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_key_is_refused_after_the_next_fetch() {
    let fixture = Fixture::up().await;
    let old = fixture.token();
    fixture.verifier.verify(&old).await.unwrap();
    fixture.issuer.rotate();
    fixture.issuer.withdraw_old_keys();
    fixture.let_fetch_after(15 * MINUTE).await;
    assert!(matches!(
        fixture.verifier.verify(&old).await.unwrap_err(),
        Refusal::Jws(JwsError::UnknownKey(_))
    ));
    assert!(fixture.verifier.verify(&fixture.token()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_hundred_tokens_with_a_new_key_cost_one_fetch() {
    let fixture = Fixture::up().await;
    fixture.issuer.rotate();
    let requests = (0..100).map(|_| {
        let (verifier, token) = (fixture.verifier.clone(), fixture.token());
        async move { verifier.verify(&token).await }
    });
    assert!(all(requests.collect()).await.iter().all(Result::is_ok));
    assert_eq!(fixture.statistics(), Statistics { fetches: 2, unknown_key_refetches: 1, failures: 0 });
    assert_eq!(fixture.issuer.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn made_up_kids_cost_few_fetches_and_hold_nobody_up() {
    let fixture = Fixture::up().await;
    let made_up = || {
        let mut header = fixture.issuer.header();
        header["kid"] = json!("made-up");
        fixture.issuer.sign_with(&header, &fixture.issuer.claims(AUDIENCE))
    };
    let attack = async || {
        let token = made_up();
        let requests = (0..100).map(|_| {
            let (verifier, token) = (fixture.verifier.clone(), token.clone());
            async move { verifier.verify(&token).await }
        });
        all(requests.collect()).await
    };
    // An attack in every second of five minutes, 100 requests each. While the next fetch must wait, nobody
    // knows whether the key exists.
    let unknown = Refusal::from(JwsError::UnknownKey(Some("made-up".to_owned())));
    for second in 0..300 {
        let expected = if second % 2 == 0 { &unknown } else { &Refusal::KeysUnavailable };
        for result in attack().await {
            assert_eq!(&result.unwrap_err(), expected, "{second}");
        }
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    let statistics = fixture.statistics();
    assert_eq!((statistics.unknown_key_refetches, statistics.failures), (150, 0), "{statistics:?}");
    // Tokens with known keys stay accepted. A token with a new key is never refused as invalid, and soon
    // accepted.
    fixture.verifier.verify(&fixture.token()).await.unwrap();
    attack().await;
    fixture.issuer.rotate();
    assert_eq!(fixture.verifier.verify(&fixture.token()).await.unwrap_err(), Refusal::KeysUnavailable);
    tokio::time::advance(Duration::from_secs(2)).await;
    fixture.verifier.verify(&fixture.token()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_token_without_kid_costs_no_fetch() {
    let fixture = Fixture::up().await;
    let header = json!({"alg": "RS256", "typ": "at+jwt"});
    let token = fixture.issuer.sign_with(&header, &fixture.issuer.claims(AUDIENCE));
    assert_eq!(fixture.verifier.verify(&token).await.unwrap_err(), JwsError::UnknownKey(None).into());
    assert_eq!(fixture.statistics().fetches, 1);
}

#[tokio::test(start_paused = true)]
async fn known_keys_work_while_the_issuer_is_down_up_to_the_maximum_age() {
    let fixture = Fixture::up_with(|settings| RemoteKeysSettings { max_age: 60 * MINUTE, ..settings }).await;
    let token = fixture.token();
    fixture.issuer.answer(JwksResponse::new(503));
    fixture.let_fetch_after(59 * MINUTE).await;
    assert!(fixture.verifier.verify(&token).await.is_ok());
    assert!(fixture.statistics().failures > 0);
    fixture.let_fetch_after(2 * MINUTE).await;
    assert_eq!(fixture.verifier.verify(&token).await.unwrap_err(), Refusal::KeysUnavailable);
    // The keys are fetched again without a restart.
    fixture.issuer.answer_with_keys();
    fixture.let_fetch_after(MINUTE).await;
    assert!(fixture.verifier.verify(&token).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn starting_while_the_issuer_is_down_recovers_within_seconds() {
    let issuer = Issuer::serve().await;
    issuer.answer(JwksResponse::new(502));
    let fixture = Fixture::starting(issuer, |settings| settings);
    assert_eq!(fixture.verifier.verify(&fixture.token()).await.unwrap_err(), Refusal::KeysUnavailable);
    for _ in 0..10 {
        fixture.let_fetch_after(Duration::from_secs(4)).await;
    }
    fixture.issuer.answer_with_keys();
    fixture.let_fetch_after(Duration::from_secs(4)).await;
    assert!(fixture.verifier.verify(&fixture.token()).await.is_ok());
    assert_eq!(fixture.statistics().unknown_key_refetches, 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_listens_at_the_address() {
    let issuer = Issuer::serve().await;
    let url = issuer.jwks_url();
    drop(issuer);
    let _clock = StoppedClock::stop();
    let keys = RemoteKeys::start(url).unwrap();
    until(|| keys.statistics().failures == 1).await;
    assert!(keys.current().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_bad_answer_never_replaces_good_keys() {
    let canary = Issuer::serve().await;
    let fixture = Fixture::up().await;
    let good = fixture.issuer.jwks()["keys"][0].clone();
    let set = |keys: serde_json::Value| JwksResponse::new(200).body(json!({"keys": keys}).to_string());
    let with = |name: &str, value: &str| {
        let mut key = good.clone();
        key[name] = json!(value);
        key
    };
    let answers = [
        (
            "HTML",
            JwksResponse::new(200)
                .header("content-type", "text/html")
                .body("<!doctype html><title>Sign in</title>"),
        ),
        ("nothing", JwksResponse::new(200)),
        ("an empty object", JwksResponse::new(200).body("{}")),
        ("keys of a wrong type", JwksResponse::new(200).body(r#"{"keys":{}}"#)),
        ("a key of a wrong type", set(json!(["x"]))),
        ("no keys", set(json!([]))),
        ("a private key", set(json!([with("d", "AQAB")]))),
        ("a symmetric key", set(json!([good, {"kty": "oct", "kid": "s", "k": "AAAA"}]))),
        ("one kid twice", set(json!([good, good]))),
        ("only a key for encryption", set(json!([with("use", "enc")]))),
        ("only a key of an unknown algorithm", set(json!([with("alg", "RS1")]))),
        ("too many keys", set(json!(vec![good.clone(); 65]))),
        ("a member twice", JwksResponse::new(200).body(format!("{{\"keys\":[{good}],\"keys\":[{good}]}}"))),
        ("a body without end", JwksResponse::new(200).endless()),
        ("100 MB", JwksResponse::new(200).body(vec![b' '; 100 * 1024 * 1024])),
        ("a redirect", JwksResponse::new(302).header("location", &canary.jwks_url())),
        ("another redirect", JwksResponse::new(308).header("location", &canary.jwks_url())),
        ("not found", JwksResponse::new(404).body(json!({"keys": [good]}).to_string())),
        ("a failure", JwksResponse::new(500)),
        ("no content", JwksResponse::new(204)),
    ];
    for (name, answer) in answers {
        let before = fixture.statistics().failures;
        fixture.issuer.answer(answer);
        tokio::time::advance(15 * MINUTE).await;
        until(|| fixture.statistics().failures == before + 1).await;
        assert!(fixture.verifier.verify(&fixture.token()).await.is_ok(), "{name}");
    }
    assert_eq!(canary.requests(), 0);
    fixture.issuer.answer_with_keys();
    fixture.let_fetch_after(15 * MINUTE).await;
    assert!(fixture.verifier.verify(&fixture.token()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_silent_issuer_blocks_nobody_and_is_given_up() {
    let fixture = Fixture::up().await;
    fixture.issuer.answer(JwksResponse::silence());
    tokio::time::advance(5 * MINUTE).await;
    fixture.issuer.wait_for_requests(2).await;
    // The fetch hangs; a known key does not wait for it.
    assert!(fixture.verifier.verify(&fixture.token()).await.is_ok());
    assert_eq!(fixture.statistics(), Statistics { fetches: 1, ..Statistics::default() });
    tokio::time::advance(Duration::from_secs(5)).await;
    until(|| fixture.statistics().failures == 1).await;
    assert!(fixture.verifier.verify(&fixture.token()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_unknown_kid_waits_for_a_silent_issuer_no_longer_than_the_time_out() {
    let fixture = Fixture::up().await;
    fixture.issuer.rotate();
    fixture.issuer.answer(JwksResponse::silence());
    let (verifier, token) = (fixture.verifier.clone(), fixture.token());
    let waiting = tokio::spawn(async move { verifier.verify(&token).await });
    fixture.issuer.wait_for_requests(2).await;
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(waiting.await.unwrap().unwrap_err(), Refusal::KeysUnavailable);
}

#[tokio::test(start_paused = true)]
async fn fetching_ends_with_the_last_handle() {
    let Fixture { issuer, keys, verifier, _clock } = Fixture::up().await;
    drop(keys);
    tokio::time::advance(15 * MINUTE).await;
    issuer.wait_for_requests(2).await;
    drop(verifier);
    tokio::time::advance(15 * MINUTE).await;
    settle().await;
    assert_eq!(issuer.requests(), 2);
}

#[tokio::test]
async fn only_addresses_that_cannot_be_changed_on_the_way() {
    for good in [
        "https://login.example.com/jwks.json",
        "http://localhost:7117/jwks.json",
        "http://127.0.0.1:7117/jwks.json",
        "http://[::1]:7117/jwks.json",
    ] {
        assert!(RemoteKeys::start(good).is_ok(), "{good}");
    }
    for insecure in [
        "http://login.example.com/jwks.json",
        "http://localhost.example.com/",
        "http://10.0.0.1/",
        "ftp://localhost/jwks.json",
        "file:///etc/jwks.json",
    ] {
        assert!(matches!(RemoteKeys::start(insecure), Err(RemoteKeysError::Insecure(_))), "{insecure}");
    }
    assert!(matches!(RemoteKeys::start("jwks.json"), Err(RemoteKeysError::Url(_))));
    let inside =
        RemoteKeysSettings { plain_http: true, ..RemoteKeysSettings::new("http://identity:7117/jwks.json") };
    assert!(RemoteKeys::with_settings(inside).is_ok());
}

#[test]
fn fetching_needs_a_runtime() {
    assert!(matches!(RemoteKeys::start("http://localhost/"), Err(RemoteKeysError::Runtime(_))));
}
