//! A store that is broken on purpose, to see that a test or a caller notices. For SQLite.

use ie_model::{Fence, NotificationId};

use crate::sql::Sql;
use crate::{Result, Store};

/// What a page commits beside its progress.
const CONTENTS: [(&str, &str); 3] = [
    (
        "CREATE TRIGGER lose_versions BEFORE INSERT ON versions BEGIN SELECT RAISE(IGNORE); END",
        "DROP TRIGGER lose_versions",
    ),
    (
        "CREATE TRIGGER lose_notifications BEFORE INSERT ON notifications BEGIN SELECT RAISE(IGNORE); END",
        "DROP TRIGGER lose_notifications",
    ),
    (
        "CREATE TRIGGER lose_deliveries BEFORE INSERT ON deliveries BEGIN SELECT RAISE(IGNORE); END",
        "DROP TRIGGER lose_deliveries",
    ),
];

impl Store {
    /// Accepts the next write that shows this fence, whoever has claimed or written since.
    ///
    /// # Errors
    /// The database fails.
    pub async fn accept_fence(&self, fence: Fence) -> Result<()> {
        let sql = Sql::new("UPDATE pollers SET epoch = $2, revision = $3 WHERE id = $1")
            .bind(fence.poller)
            .bind(fence.epoch.get())
            .bind(fence.revision);
        self.database.write(sql).await?;
        Ok(())
    }

    /// While `lost`, a page's progress is stored without its versions and notifications: what a crash between the two
    /// would leave if they were not one transaction.
    ///
    /// # Errors
    /// The database fails, or that is so already.
    pub async fn lose_contents(&self, lost: bool) -> Result<()> {
        for (begin, end) in CONTENTS {
            let sql = Sql::new(if lost { begin } else { end });
            self.database.write(sql).await?;
        }
        Ok(())
    }

    /// Makes a notification unreadable.
    ///
    /// # Errors
    /// The database fails.
    pub async fn break_body(&self, id: NotificationId) -> Result<()> {
        let sql = Sql::new("UPDATE notifications SET body = '{' WHERE id = $1").bind(id);
        self.database.write(sql).await?;
        Ok(())
    }
}
