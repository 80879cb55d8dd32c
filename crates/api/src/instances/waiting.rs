//! What waits for its next attempt, when its instance's retry schedule may have become another.

use ie_model::InstanceId;
use ie_store::Rescheduled;

use crate::app::App;
use crate::error::Result;

/// How many are moved in one transaction.
const BATCH: u32 = 500;

/// Moves what would wait for longer than the stored schedule allows.
///
/// Whoever changes an instance does this each time: if we die before its end, the same request mends it.
pub(super) async fn reschedule(app: &App, instance: InstanceId) -> Result<()> {
    let operators = app.store.operator_schedule().await?;
    let mut part = Rescheduled {
        instance: Some(instance),
        after: None,
        limit: BATCH,
    };
    loop {
        let now = app.clock.now();
        part.after = app.store.reschedule(part, operators.as_ref(), now).await?;
        if part.after.is_none() {
            return Ok(());
        }
    }
}
