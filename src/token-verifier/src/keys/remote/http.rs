//! Fetches a JWK set by one conditional GET (RFC 9110 section 13.1.2), with the limits that an untrusted
//! network needs: time, size, no redirects, no proxy.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::{AGE, CACHE_CONTROL, ETAG, HeaderMap, IF_NONE_MATCH};
use reqwest::redirect::Policy as Redirects;
use reqwest::{Certificate, Client, Response, StatusCode, Url};

use super::{RemoteKeysError, RemoteKeysSettings};
use crate::key::KeySetError;

/// Most bytes of a response.
const MAX_BYTES: usize = 256 * 1024;

pub(super) struct JwksEndpoint {
    client: Client,
    url: Url,
}

pub(super) enum FetchedKeys {
    NotModified { fresh_for: Option<Duration> },
    Keys { body: Vec<u8>, etag: Option<String>, fresh_for: Option<Duration> },
}

/// Why a fetch failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("the issuer cannot be reached")]
    Unreachable(#[from] reqwest::Error),
    #[error("the issuer answered with status {0}")]
    Status(u16),
    #[error("the answer has more than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("the answer is not an acceptable key set")]
    Keys(#[from] KeySetError),
}

impl JwksEndpoint {
    pub(super) fn new(settings: &RemoteKeysSettings) -> Result<Self, RemoteKeysError> {
        let url = Url::parse(&settings.url).map_err(|_| RemoteKeysError::Url(settings.url.clone()))?;
        let safe = match url.scheme() {
            "https" => true,
            "http" => settings.plain_http || on_loopback(&url),
            _ => false,
        };
        if !safe {
            return Err(RemoteKeysError::Insecure(settings.url.clone()));
        }
        let trust_anchors = Certificate::from_pem_bundle(&settings.trust_anchors);
        let client = Client::builder()
            .tls_certs_merge(trust_anchors.map_err(RemoteKeysError::Client)?)
            .timeout(settings.timeout)
            // A redirect would move the trust to a URL that nobody configured.
            .redirect(Redirects::none())
            .no_proxy()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(RemoteKeysError::Client)?;
        Ok(Self { client, url })
    }

    pub(super) async fn get(&self, etag: Option<&str>) -> Result<FetchedKeys, FetchError> {
        let mut request = self.client.get(self.url.clone());
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let response = request.send().await?;
        let fresh_for = fresh_for(response.headers());
        match response.status() {
            StatusCode::NOT_MODIFIED => Ok(FetchedKeys::NotModified { fresh_for }),
            StatusCode::OK => {
                let etag = text(response.headers(), &ETAG).map(str::to_owned);
                Ok(FetchedKeys::Keys { body: bounded_body(response).await?, etag, fresh_for })
            }
            other => Err(FetchError::Status(other.as_u16())),
        }
    }
}

async fn bounded_body(mut response: Response) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn on_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// How long the response stays fresh (RFC 9111 section 4.2); `None` when it does not say.
fn fresh_for(headers: &HeaderMap) -> Option<Duration> {
    let directives =
        text(headers, &CACHE_CONTROL)?.split(',').map(|directive| directive.trim().to_ascii_lowercase());
    let mut max_age = None;
    for directive in directives {
        match directive.split_once('=') {
            None if directive == "no-cache" || directive == "no-store" => return Some(Duration::ZERO),
            Some(("max-age", seconds)) => max_age = seconds.trim_matches('"').parse().ok(),
            _ => {}
        }
    }
    let age: u64 = text(headers, &AGE).and_then(|age| age.parse().ok()).unwrap_or(0);
    max_age.map(|max_age: u64| Duration::from_secs(max_age.saturating_sub(age)))
}

fn text<'headers>(headers: &'headers HeaderMap, name: &reqwest::header::HeaderName) -> Option<&'headers str> {
    headers.get(name)?.to_str().ok()
}
