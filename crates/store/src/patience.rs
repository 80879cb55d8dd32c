//! How long PostgreSQL may take for one answer.
//!
//! A connection that the network has forgotten gives no error: without a limit its call would wait for ever, and so would
//! the return of the connection to the pool, which asks it whether it still works.

use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;

use crate::{Error, Result};

/// How long a connection that is given back may take to say that it works.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// The limit of each call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    limit: Duration,
}

impl Patience {
    /// Calls may take so long.
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit }
    }

    /// Waits for a call's answer; after the limit the call has failed as transient.
    pub(crate) fn wait<T>(
        self,
        call: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> impl Future<Output = Result<T>> {
        // Calls are kilobytes, and every caller's future would hold them.
        let call = Box::pin(call);
        async move {
            let answer = timeout(self.limit, call).await;
            let late = |_| Error::Unavailable(format!("no answer within {:?}", self.limit).into());
            Ok(answer.map_err(late)??)
        }
    }
}

/// Asks a connection that is given back whether it works. The pool asks as well, without a limit.
///
/// # Errors
/// It does not: the pool then drops it, where it would first take leave of it if it were merely unwanted.
pub(crate) async fn sign_of_life(
    ping: impl Future<Output = Result<(), sqlx::Error>>,
) -> Result<(), sqlx::Error> {
    let answer = timeout(SIGN_OF_LIFE, ping).await;
    answer.unwrap_or(Err(sqlx::Error::WorkerCrashed))
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_without_an_answer_is_transient() {
        let patience = Patience::new(Duration::from_secs(1));

        let silent = patience.wait(pending::<Result<(), sqlx::Error>>()).await;

        assert!(silent.unwrap_err().is_transient());
    }

    #[tokio::test]
    async fn an_answer_in_time_is_the_call_s_own() {
        let patience = Patience::new(Duration::from_secs(60));

        let answer = patience.wait(async { Ok(7) }).await;
        let failed = patience.wait(async { Err::<(), _>(sqlx::Error::RowNotFound) });

        assert_eq!(answer.unwrap(), 7);
        assert!(!failed.await.unwrap_err().is_transient());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_does_not_say_that_it_works_does_not() {
        assert!(sign_of_life(pending()).await.is_err());
        assert!(sign_of_life(async { Ok(()) }).await.is_ok());
    }
}
