//! Dead letters from the command line: shown, exported, given up.

use axum::http::StatusCode;
use ie_simulator::{Change, Settings};
use ie_tests::eventually::eventually;
use ie_tests::rig::{Mode, PATIENCE, Rig};
use serde_json::Value;

use crate::command_line::{Served, write_body};

/// The id of the first dead letter there is.
async fn first_letter(served: &Served) -> anyhow::Result<String> {
    eventually("a dead letter", PATIENCE, async || {
        served.says(&["instance", "poll", "1"])?;
        let list: Value =
            serde_json::from_str(&served.says(&["dead-letters", "list", "--json"])?)?;
        Ok(list[0]["id"].as_str().map(str::to_owned))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_shown_exported_and_given_up_from_the_command_line() -> anyhow::Result<()>
{
    // Given a dead letter of a callback that answers 400,
    let rig = Rig::start(Mode::Embedded, Settings::empty().without_limits()).await?;
    let served = Served::start().await?;
    rig.receiver.answer_with(StatusCode::BAD_REQUEST);
    let body = write_body(&rig, served.data.path())?;
    served.says(&["instance", "create", "-f", &body])?;
    rig.world().change(&Change::create("Contacts"))?;
    let id = first_letter(&served).await?;

    // then it is found by what it is of and why it died, and shown with what the callback was sent and said,
    let of_class = |class| served.says(&["dead-letters", "list", "--error-class", class]);
    assert!(of_class("client")?.contains(&id));
    assert!(of_class("dns")?.contains("no dead letters"));
    let odd = served.run(&["dead-letters", "list", "--error-class", "odd"])?;
    let error = String::from_utf8_lossy(&odd.stderr);
    assert_eq!(odd.status.code(), Some(64));
    assert!(error.contains("timeout"), "{error}");
    let shown = served.says(&["dead-letters", "show", &id])?;
    for part in ["400", "client", "body:", "CONTACT_ID"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }

    // exported whole or not at all,
    let file = served.data.path().join("letters.jsonl");
    let out = file.display().to_string();
    let said = served.says(&["dead-letters", "export", "--out", &out])?;
    assert!(said.contains("1 dead letters exported to"), "{said}");
    let exported = std::fs::read_to_string(&file)?;
    assert_eq!(exported, served.says(&["dead-letters", "export"])?);
    let line: Value = serde_json::from_str(exported.lines().next().unwrap_or_default())?;
    assert_eq!(line["id"], id.as_str());
    assert_eq!(line["notifiedData"][0]["statusCode"], 400);
    let leads = ["dead-letters", "export", "--object-type", "leads"];
    assert_eq!(served.says(&leads)?, "");
    let nowhere = served.run(&["dead-letters", "export", "-o", "/nowhere/letters"])?;
    let error = String::from_utf8_lossy(&nowhere.stderr);
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(error.contains("choose another --out"), "{error}");

    // and given up, if one says which.
    let all = served.run(&["dead-letters", "discard"])?;
    let error = String::from_utf8_lossy(&all.stderr);
    assert_eq!(all.status.code(), Some(1));
    assert!(error.contains("which ones?"), "{error}");
    let gone = served.says(&["dead-letters", "discard", &id])?;
    assert!(gone.contains("1 given up for good"), "{gone}");
    assert!(
        served
            .says(&["dead-letters", "list"])?
            .contains("no dead letters")
    );
    rig.stop().await
}
