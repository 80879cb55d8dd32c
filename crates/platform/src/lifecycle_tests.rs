//! Lifecycle: who stops whom, and how long it takes. Time is paused.

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::*;

const LIMIT: Duration = Duration::from_secs(25);

#[tokio::test(start_paused = true)]
async fn a_failed_task_stops_the_others_and_is_remembered() {
    let lifecycle = Lifecycle::new();

    let task = lifecycle.spawn("poller", async { anyhow::bail!("no cursor") });
    task.await.unwrap();

    assert!(lifecycle.failed());
    assert!(lifecycle.stopping().is_cancelled());
    assert!(!lifecycle.aborting().is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn a_panicking_task_stops_the_others_and_is_remembered() {
    let lifecycle = Lifecycle::new();

    let task = lifecycle.spawn("poller", async { panic!("a bug") });
    task.await.unwrap();

    assert!(lifecycle.failed());
    assert!(lifecycle.stopping().is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ends_well_stops_nobody() {
    let lifecycle = Lifecycle::new();

    lifecycle.spawn("poller", async { Ok(()) }).await.unwrap();

    assert!(!lifecycle.failed());
    assert!(!lifecycle.stopping().is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn a_detail_hands_back_what_it_made_and_its_panic_is_its_owners() {
    let lifecycle = Lifecycle::new();

    let made = lifecycle.spawn_detail(async { 42 }).await.unwrap();
    let panicked = lifecycle.spawn_detail(async { panic!("a bug") }).await;

    assert_eq!(made, 42);
    assert!(panicked.unwrap_err().is_panic());
    assert!(!lifecycle.failed());
}

#[tokio::test(start_paused = true)]
async fn a_drain_returns_as_soon_as_the_tasks_have_ended() {
    let lifecycle = Lifecycle::new();
    let stopping = lifecycle.stopping();
    lifecycle.spawn("poller", async move {
        stopping.cancelled().await;
        sleep(Duration::from_secs(3)).await;
        Ok(())
    });
    let detail = lifecycle.spawn_detail(sleep(Duration::from_secs(4)));
    let start = Instant::now();

    lifecycle.stop();
    let drained = lifecycle.drain(LIMIT).await;

    assert_eq!(drained, Drained::Complete);
    assert_eq!(start.elapsed().as_secs(), 4);
    detail.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_drain_drops_what_is_still_under_way_at_the_limit() {
    let lifecycle = Lifecycle::new();
    let (held, dropped) = oneshot::channel::<()>();
    lifecycle.spawn("poller", async move {
        let _held = held;
        std::future::pending().await
    });
    let detail = lifecycle.spawn_detail(std::future::pending::<()>());
    let start = Instant::now();

    lifecycle.stop();
    let drained = lifecycle.drain(LIMIT).await;

    assert_eq!(drained, Drained::Aborted);
    assert_eq!(start.elapsed().as_secs(), LIMIT.as_secs());
    dropped.await.unwrap_err();
    assert!(detail.await.unwrap_err().is_cancelled());
    assert!(!lifecycle.failed());
}

#[tokio::test(start_paused = true)]
async fn an_abort_ends_a_drain_at_once() {
    let lifecycle = Lifecycle::new();
    lifecycle.spawn("poller", std::future::pending());
    let start = Instant::now();

    lifecycle.stop();
    let (drained, ()) = tokio::join!(lifecycle.drain(LIMIT), async {
        sleep(Duration::from_secs(1)).await;
        lifecycle.abort();
    });

    assert_eq!(drained, Drained::Aborted);
    assert_eq!(start.elapsed().as_secs(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_blocks_its_thread_is_reported_as_stuck() {
    let lifecycle = Lifecycle::new();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let blocked = lifecycle.spawn("poller", async move {
        released.recv()?;
        Ok(())
    });

    let drained = lifecycle.drain(Duration::ZERO).await;

    assert_eq!(drained, Drained::Stuck { tasks: 1 });
    release.send(()).unwrap();
    blocked.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn work_is_interrupted_by_the_soft_stop_and_by_nothing_else() {
    let lifecycle = Lifecycle::new();

    let finished = lifecycle.run_until_stopped(async { "done" }).await;
    let (interrupted, ()) = tokio::join!(
        lifecycle.run_until_stopped(std::future::pending::<()>()),
        async { lifecycle.stop() }
    );

    assert_eq!(finished, Some("done"));
    assert_eq!(interrupted, None);
}

#[tokio::test(start_paused = true)]
async fn a_task_started_after_the_abort_does_not_run() {
    let lifecycle = Lifecycle::new();
    let (ran, has_run) = oneshot::channel();
    lifecycle.abort();

    lifecycle.spawn("late", async move {
        ran.send(()).map_err(|()| anyhow::anyhow!("nobody looks"))
    });

    has_run.await.unwrap_err();
    assert_eq!(lifecycle.drain(LIMIT).await, Drained::Aborted);
}
