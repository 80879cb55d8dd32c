//! Names and passwords of people, in the dashboard and at `/authentication` alike: guesses cost time, whoever's name
//! they are for.

use std::time::Duration;

use ie_platform::secret::SecretString;
use ie_platform::throttle::Throttle;
use ie_store::Principal;
use tokio::sync::Semaphore;

use crate::app::App;
use crate::error::ApiError;
use crate::password;

/// So many tries for a name may come at once.
const BURST: u32 = 10;
/// From then on one in this time.
const BETWEEN: Duration = Duration::from_secs(30);
/// Passwords that are checked at the same time: each takes 19 MiB and a processor.
const AT_ONCE: usize = 2;

/// What is known of recent sign-ins.
#[derive(Debug)]
pub(crate) struct SignIns {
    throttle: Throttle<String>,
    checks: Semaphore,
}

impl Default for SignIns {
    fn default() -> Self {
        Self {
            throttle: Throttle::new(BURST, BETWEEN),
            checks: Semaphore::new(AT_ONCE),
        }
    }
}

/// Why somebody is not let in.
#[derive(Debug)]
pub(crate) enum Refused {
    /// There were too many tries for the name.
    TooMany(Duration),
    /// Nobody has that name, or the password is another: both are told the same and take as long.
    Wrong,
    /// It cannot be found out.
    Failed(ApiError),
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

/// Whoever has this name and this password.
pub(crate) async fn sign_in(
    app: &App,
    name: &str,
    typed: SecretString,
) -> Result<Principal, Refused> {
    let throttle = &app.sign_ins.throttle;
    throttle
        .try_now(name, app.clock.now())
        .map_err(Refused::TooMany)?;
    let Some(principal) = known(app, name, typed).await? else {
        tracing::warn!("a sign-in was refused");
        return Err(Refused::Wrong);
    };
    throttle.forget(name);
    tracing::info!(user.id = %principal.user, "signed in");
    Ok(principal)
}

async fn known(app: &App, name: &str, typed: SecretString) -> Result<Option<Principal>, ApiError> {
    let found = app.store.sign_in(name).await?;
    let (principal, stored) = found
        .map(|found| (found.principal, found.password_hash))
        .unzip();
    let permit = app.sign_ins.checks.acquire().await;
    let _permit = permit.map_err(ApiError::internal)?;
    let check = tokio::task::spawn_blocking(move || {
        password::check_length(&typed).is_ok() & password::verify(&typed, stored.as_deref())
    });
    let matches = check.await.map_err(ApiError::internal)?;
    Ok(principal.filter(|_| matches))
}
