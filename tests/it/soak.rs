//! A short soak: two minutes of the mix of faults of `make soak`, as the same program runs it.

use std::process::Stdio;

use anyhow::ensure;
use ie_tests::process::program;
use tokio::process::Command;

#[tokio::test]
async fn two_minutes_of_faults_lose_nothing_and_store_no_version_twice() -> anyhow::Result<()> {
    let output = Command::new(program("ie-faults")?)
        .args(["--soak", "2"])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;

    let (said, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    ensure!(output.status.success(), "{said}\n{errors}");
    ensure!(said.contains("ok    soak of 2 min"), "{said}");
    Ok(())
}
