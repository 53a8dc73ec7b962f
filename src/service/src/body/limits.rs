//! Limits the body of a request, and reads or discards what the endpoint left of it.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use poem::{
    Body, Request,
    http::header::{CONTENT_LENGTH, EXPECT},
};
use tokio::time::{Instant, Sleep, sleep_until, timeout as at_most};

use super::BodyError;

/// How long to read the rest of a body that the endpoint did not read.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// Limits the body of `request`. A body whose `Content-Length` exceeds `limit` is refused at once. A body of
/// unknown length is refused when it exceeds `limit`, and any body when it is incomplete after `timeout`. The
/// caller must [drain](UnreadBody::drain) the returned rest after the response.
pub fn limit_body(request: &mut Request, limit: usize, timeout: Duration) -> Result<UnreadBody, BodyError> {
    let announced =
        request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(BodyError::TooLarge);
    }
    let body = request.take_body();
    if body.is_empty() {
        return Ok(UnreadBody(None));
    }
    // The client sends its body only after the server has begun to read it (RFC 9110 section 10.1.1).
    let awaited = request.headers().contains_key(EXPECT);
    let deadline = Instant::now() + timeout;
    let guarded = LimitedBody {
        inner: body.into(),
        ended: false,
        expects_continue: awaited,
        left: limit,
        deadline,
        timer: None,
    };
    let shared = SharedBody(Arc::new(Mutex::new(guarded)));
    request.set_body(Body::from(BoxBody::new(shared.clone())));
    Ok(UnreadBody(Some(shared)))
}

/// The part of a body that the endpoint did not read. On a persistent HTTP/1.1 connection it precedes the
/// next request.
pub struct UnreadBody(Option<SharedBody>);

impl UnreadBody {
    /// Reads the rest within the limits of the body, but only for a short time. False when more of the body
    /// may follow: then the connection cannot be used for another request.
    pub async fn drain(self) -> bool {
        let Some(body) = self.0 else { return true };
        if body.lock().at_end() {
            return true;
        }
        if body.lock().expects_continue {
            return false;
        }
        let mut body = body;
        let to_the_end = async {
            loop {
                match poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
                    Some(Ok(_)) => {}
                    Some(Err(_)) => return false,
                    None => return true,
                }
            }
        };
        at_most(DRAIN_TIMEOUT, to_the_end).await.unwrap_or(false)
    }
}

/// The body that first the endpoint and then [`UnreadBody`] read.
#[derive(Clone)]
struct SharedBody(Arc<Mutex<LimitedBody>>);

impl SharedBody {
    fn lock(&self) -> MutexGuard<'_, LimitedBody> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct LimitedBody {
    inner: BoxBody<Bytes, io::Error>,
    ended: bool,
    /// The client waits for `100 Continue` before it sends the body.
    expects_continue: bool,
    /// Bytes that may still arrive.
    left: usize,
    deadline: Instant,
    /// Created at the first wait for data: most bodies arrive together with their head.
    timer: Option<Pin<Box<Sleep>>>,
}

impl LimitedBody {
    fn poll_deadline(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline;
        self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline))).as_mut().poll(context)
    }

    fn at_end(&self) -> bool {
        self.ended || self.inner.is_end_stream()
    }

    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.expects_continue = false;
        let frame = match Pin::new(&mut self.inner).poll_frame(context) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                ready!(self.poll_deadline(context));
                return Poll::Ready(Some(Err(io::Error::other(BodyError::TimedOut))));
            }
        };
        let length = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()).map_or(0, Bytes::len);
        match self.left.checked_sub(length) {
            Some(left) => self.left = left,
            None => return Poll::Ready(Some(Err(io::Error::other(BodyError::TooLarge)))),
        }
        self.ended = frame.is_none();
        Poll::Ready(frame)
    }
}

impl HttpBody for SharedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.lock().poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.lock().at_end()
    }

    fn size_hint(&self) -> SizeHint {
        self.lock().inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::read;

    async fn read_guarded(mut request: Request, limit: usize) -> Result<Bytes, BodyError> {
        limit_body(&mut request, limit, Duration::from_millis(50))?;
        read(request.take_body()).await
    }

    #[tokio::test]
    async fn a_body_passes_up_to_its_limit() {
        let request = || Request::builder().body("12345");
        assert_eq!(read_guarded(request(), 5).await.unwrap(), "12345");
        assert_eq!(read_guarded(request(), 4).await, Err(BodyError::TooLarge));
        let announced = Request::builder().header("content-length", "5").body("12345");
        assert_eq!(read_guarded(announced, 4).await, Err(BodyError::TooLarge));
    }

    #[tokio::test]
    async fn a_body_that_does_not_arrive_is_given_up() {
        let (_writer, reader) = tokio::io::duplex(8);
        let request = Request::builder().body(Body::from_async_read(reader));
        assert_eq!(read_guarded(request, 5).await, Err(BodyError::TimedOut));
    }
}
