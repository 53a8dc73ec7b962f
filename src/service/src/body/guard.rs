//! Defines the limits around the body of a request, and what becomes of a body that its endpoint did not read.

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

/// How long to wait for the rest of a body that nobody wants.
const FAREWELL: Duration = Duration::from_secs(1);

/// Puts the limits around the body of `request`. A body that announces itself as too long is refused at once; a longer
/// one than announced, or one of unknown length, when it passes `limit`; any body after `timeout`. Whoever answers the
/// request sees to the rest.
pub fn guard(request: &mut Request, limit: usize, timeout: Duration) -> Result<Rest, BodyError> {
    let announced =
        request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(BodyError::TooLarge);
    }
    let body = request.take_body();
    if body.is_empty() {
        return Ok(Rest(None));
    }
    // The client sends its body only once somebody begins to read it (RFC 9110 section 10.1.1).
    let awaited = request.headers().contains_key(EXPECT);
    let deadline = Instant::now() + timeout;
    let guarded = Guarded { inner: body.into(), ended: false, awaited, left: limit, deadline, timer: None };
    let shared = Shared(Arc::new(Mutex::new(guarded)));
    request.set_body(Body::from(BoxBody::new(shared.clone())));
    Ok(Rest(Some(shared)))
}

/// What an endpoint left of a body. On a kept HTTP/1.1 connection it stands before the next request.
pub struct Rest(Option<Shared>);

impl Rest {
    /// Reads the rest within the body's limits, but not for long. False when there may be more of it: then the
    /// connection cannot be used for another request.
    pub async fn read(self) -> bool {
        let Some(body) = self.0 else { return true };
        if body.lock().at_end() {
            return true;
        }
        if body.lock().awaited {
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
        at_most(FAREWELL, to_the_end).await.unwrap_or(false)
    }
}

/// The endpoint and [`Rest`] read the same body, one after the other.
#[derive(Clone)]
struct Shared(Arc<Mutex<Guarded>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Guarded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Guarded {
    inner: BoxBody<Bytes, io::Error>,
    /// Its end was read.
    ended: bool,
    /// The client waits for a word before it sends it.
    awaited: bool,
    /// How many bytes may still come.
    left: usize,
    deadline: Instant,
    /// Made when the body is waited for the first time: most bodies arrive with their head.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Guarded {
    fn poll_deadline(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline;
        self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline))).as_mut().poll(context)
    }

    fn at_end(&self) -> bool {
        self.ended || self.inner.is_end_stream()
    }

    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.awaited = false;
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

impl HttpBody for Shared {
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
        guard(&mut request, limit, Duration::from_millis(50))?;
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
