//! Defines the middleware that tells callers their remaining quota: the headers `RateLimit-Policy` and
//! `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10 sections 3 and 4).
//!
//! Every response lists the quotas that its request used, whether the request was refused or not. Leaves to
//! [`rate_limit::collect_quotas`] which quotas a caller may learn: none reveals whether another person's
//! account exists.

use std::{fmt::Write as _, time::Duration};

use poem::{
    Endpoint, Request, Response,
    http::{HeaderName, HeaderValue},
};

use crate::rate_limit::{self, RemainingQuota};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Adds the two headers to answers of requests that were counted.
pub fn with_rate_limit_headers<E: Endpoint + 'static>(endpoint: E) -> impl Endpoint<Output = Response> {
    WithRateLimitHeaders(endpoint)
}

struct WithRateLimitHeaders<E>(E);

impl<E: Endpoint> Endpoint for WithRateLimitHeaders<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let (mut response, left) = rate_limit::collect_quotas(self.0.get_response(request)).await;
        if !left.is_empty() {
            let (policy, limit) = header_values(&left);
            response.headers_mut().extend(
                [(POLICY, policy), (LIMIT, limit)]
                    .into_iter()
                    .filter_map(|(name, text)| Some((name, HeaderValue::try_from(text).ok()?))),
            );
        }
        Ok(response)
    }
}

/// The lists of both headers (RFC 9651 section 3.1), each limit once and as it was counted last.
fn header_values(all: &[RemainingQuota]) -> (String, String) {
    let (mut policy, mut limit) = (String::new(), String::new());
    for (at, left) in all.iter().enumerate() {
        if all[at + 1..].iter().any(|later| later.name == left.name) {
            continue;
        }
        let comma = if policy.is_empty() { "" } else { ", " };
        let RemainingQuota { name, quota, remaining, .. } = left;
        // Writing to a `String` cannot fail.
        let _ = write!(policy, "{comma}\"{name}\";q={quota};w={}", whole_seconds(left.window));
        let _ = write!(limit, "{comma}\"{name}\";r={remaining};t={}", whole_seconds(left.resets_in));
    }
    (policy, limit)
}

/// Rounds up, so that a caller who waits that long does not come too early.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
