use std::time::Duration;

use secrecy::SecretString;

use super::*;

fn config(url: String) -> Config {
    let limit = Duration::from_secs(10);
    Config {
        url: SecretString::from(url),
        max_connections: 1,
        connect_timeout: limit,
        acquire_timeout: limit,
        call_timeout: limit,
        refused_retry: limit,
    }
}

#[tokio::test]
async fn a_transaction_that_sqlite_has_ended_by_itself_leaves_the_next_one_alone() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("state.db").display());
    let database = Database::open(&config(url)).await.unwrap();
    let mut tx = database.begin().await.unwrap();

    // As after SQLITE_FULL: the transaction is gone, and only SQLite knows.
    tx.execute(Sql::new("ROLLBACK")).await.unwrap();
    drop(tx);

    let mut next = database.begin().await.unwrap();
    next.execute(Sql::new("UPDATE counters SET value = value + 1"))
        .await
        .unwrap();
    next.commit().await.unwrap();
}
