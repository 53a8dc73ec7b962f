//! Defines the limits around the body of a request.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use poem::{Body, Request, http::header::CONTENT_LENGTH};
use tokio::time::{Instant, Sleep, sleep_until};

use super::BodyError;

/// Puts the limits around the body of `request`. A body that announces itself as too long is refused at once; a longer
/// one than announced, or one of unknown length, when it passes `limit`; any body after `timeout`.
pub fn guard(request: &mut Request, limit: usize, timeout: Duration) -> Result<(), BodyError> {
    let announced =
        request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(BodyError::TooLarge);
    }
    let body = request.take_body();
    if body.is_empty() {
        return Ok(());
    }
    let deadline = Instant::now() + timeout;
    let guarded = Guarded { inner: body.into(), left: limit, deadline, timer: None };
    request.set_body(Body::from(BoxBody::new(guarded)));
    Ok(())
}

struct Guarded {
    inner: BoxBody<Bytes, io::Error>,
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
}

impl HttpBody for Guarded {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
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
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
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
