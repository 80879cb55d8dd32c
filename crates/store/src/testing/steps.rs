//! Callers that go on one step at a time, so that a test decides who is next and who never goes on.
//!
//! The database answers from another thread, so the polls of a future say nothing about where it stands. [`Steps`] polls
//! one until it reaches a place that is the same every time: before a transaction or a single statement, after a commit,
//! or where the test's own doubles call [`step`]. No place lies inside of a transaction: nobody waits for the writer.

use std::cell::RefCell;
use std::fmt::{self, Display, Formatter};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

thread_local! {
    /// The caller that is being polled on this thread.
    static CALLER: RefCell<Option<Caller>> = const { RefCell::new(None) };
}

#[derive(Debug, Default)]
struct Caller {
    operation: &'static str,
    reached: Option<&'static str>,
}

/// Where a caller stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The method of the store that it has called last.
    pub operation: &'static str,
    /// `begin`, `committed`, `read`, `write`, or what a double of the test says.
    pub at: &'static str,
}

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.at, self.operation)
    }
}

/// What a caller came to.
#[derive(Debug)]
pub enum Next<T> {
    /// It stands there and goes on when asked again.
    Stands(Place),
    /// It has ended.
    Ended(T),
}

/// A future that goes on one step at a time; dropped, it never goes on: a crash.
pub struct Steps<T> {
    future: Pin<Box<dyn Future<Output = T>>>,
    operation: &'static str,
}

impl<T> Steps<T> {
    /// A caller that has not begun.
    pub fn new(future: impl Future<Output = T> + 'static) -> Self {
        Self {
            future: Box::pin(future),
            operation: "",
        }
    }

    /// Lets it go on to its next place or to its end.
    pub async fn next(&mut self) -> Next<T> {
        poll_fn(|context| {
            let caller = Caller {
                operation: self.operation,
                reached: None,
            };
            CALLER.replace(Some(caller));
            let polled = self.future.as_mut().poll(context);
            let caller = CALLER.take().unwrap_or_default();
            self.operation = caller.operation;
            match (polled, caller.reached) {
                (Poll::Ready(output), _) => Poll::Ready(Next::Ended(output)),
                (Poll::Pending, Some(at)) => Poll::Ready(Next::Stands(Place {
                    operation: caller.operation,
                    at,
                })),
                (Poll::Pending, None) => Poll::Pending,
            }
        })
        .await
    }
}

impl<T> fmt::Debug for Steps<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Steps")
            .field("operation", &self.operation)
            .finish_non_exhaustive()
    }
}

/// A place to stand at; a caller outside of [`Steps`] passes it by.
pub async fn step(at: &'static str) {
    let mut stood = false;
    poll_fn(|_| {
        let stands = !stood && note(|caller| caller.reached = Some(at));
        stood = true;
        if stands {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
}

/// Notes which method of the store was called.
pub(crate) fn called(operation: &'static str) {
    note(|caller| caller.operation = operation);
}

fn note(what: impl FnOnce(&mut Caller)) -> bool {
    CALLER.with_borrow_mut(|caller| caller.as_mut().map(what).is_some())
}
