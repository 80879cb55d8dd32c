//! `docs/quickstart.md`: every command in it, in order, as somebody who follows it.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use ie_tests::eventually::eventually;
use ie_tests::process::{free_ports, program};
use ie_tests::rig::PATIENCE;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;

/// Where the document says that things listen: the API, the callback, Insightly.
const ADDRESSES: [&str; 3] = ["127.0.0.1:8080", "127.0.0.1:8000", "127.0.0.1:8085"];

/// The commands of the document, as they stand.
fn commands() -> anyhow::Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/quickstart.md");
    let document = std::fs::read_to_string(path)?;
    let blocks = document.split("```bash\n").skip(1);
    let commands: Vec<&str> = blocks.filter_map(|rest| rest.split("```").next()).collect();
    anyhow::ensure!(commands.len() > 8, "the document has lost its commands");
    let others = document.matches("```").count();
    anyhow::ensure!(
        others == 2 * commands.len(),
        "a block is no block of commands"
    );
    Ok(commands.concat())
}

/// A shell whose children end with it.
struct Shell(std::process::Child);

impl Drop for Shell {
    fn drop(&mut self) {
        if let Ok(group) = i32::try_from(self.0.id()) {
            // What has ended by itself is gone, which is just as well.
            killpg(Pid::from_raw(group), Signal::SIGKILL).ok();
        }
        self.0.wait().ok();
    }
}

fn start(script: &str, folder: &Path) -> anyhow::Result<Shell> {
    use std::os::unix::process::CommandExt as _;
    let programs = program("insightly-events")?;
    program("ie-simulator")?;
    let programs = programs.parent().context("programs stand in a folder")?;
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", programs.display());
    let output = std::fs::File::create(folder.join("output"))?;
    let child = Command::new("bash")
        .args(["-euo", "pipefail", "-c", script])
        .env_clear()
        .env("PATH", path)
        .current_dir(folder)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .context("while starting bash")?;
    Ok(Shell(child))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_quickstart_works() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let [health, free @ ..] = free_ports::<4>()?;
    let mut script = commands()?;
    for (documented, free) in ADDRESSES.into_iter().zip(free) {
        assert!(script.contains(documented), "{documented}");
        script = script.replace(documented, &free.to_string());
    }
    // The server's own ports are defaults, which the document need not set.
    let begin = "export IE__OUTGOING__ALLOW_HTTP=true\n";
    assert!(script.contains(begin), "{script}");
    let ports = format!(
        "export IE__API__ADDRESS={} IE__HEALTH__ADDRESS={health}\n",
        free[0]
    );
    let script = script.replace(begin, &format!("{ports}{begin}"));

    let mut shell = start(&script, folder.path())?;
    let ended = eventually("the last command", PATIENCE, async || {
        Ok(shell.0.try_wait()?)
    })
    .await;

    let output = std::fs::read_to_string(folder.path().join("output"))?;
    let status = ended.with_context(|| output.clone())?;
    assert!(status.success(), "{status}: {output}");
    let made = folder.path().join("quickstart");
    let instance: Value = serde_json::from_slice(&std::fs::read(made.join("instance.json"))?)?;
    assert!(
        instance["id"].is_i64() && instance["token"].is_string(),
        "{instance}"
    );
    let events = std::fs::read_to_string(made.join("events.jsonl"))?;
    assert!(events.contains(r#""eventType":"CREATED""#), "{events}");
    Ok(())
}
