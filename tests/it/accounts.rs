//! Organizations and users on the command line, here and from elsewhere.

use std::process::Output;

use anyhow::Context as _;
use axum::http::StatusCode;

use crate::command_line::{Served, run, says};

/// The status of signing in to the dashboard.
async fn sign_in(served: &Served, name: &str, password: &str) -> anyhow::Result<StatusCode> {
    let http = ie_platform::http::client(&ie_platform::http::ClientSettings::default())?;
    let request = http
        .post(format!("{}/dashboard/sign-in", served.url()?))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("name={name}&password={password}"));
    Ok(ie_platform::http::send(request, &http, "test")
        .await?
        .status())
}

/// A file with a password in the server's data directory.
fn password_file(served: &Served, name: &str, text: &str) -> anyhow::Result<String> {
    let path = served.data.path().join(name);
    std::fs::write(&path, text)?;
    let text = path.to_str().map(str::to_owned);
    text.context("a path that is no text")
}

fn create_user(served: &Served, name: &str, role: &str, file: &str) -> anyhow::Result<Output> {
    let line = ["user", "create", "--name", name, "--role", role];
    served.run(&[&line[..], &["--password-file", file]].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_made_on_the_command_line_and_sign_in() -> anyhow::Result<()> {
    // Given a server, whose first start has made a password,
    let served = Served::start().await?;
    let credentials = std::fs::read_to_string(served.data.path().join("credentials.toml"))?;
    let password = credentials.split("dashboard_password = \"").nth(1);
    let password = password.and_then(|rest| rest.split('"').next());
    let password = password.context("a first password")?;
    assert_eq!(
        sign_in(&served, "admin", password).await?,
        StatusCode::SEE_OTHER
    );

    // when a user is made, then it signs in,
    let first = password_file(&served, "first", "kims-password\n")?;
    let made = create_user(&served, "kim", "read-only", &first)?;
    assert!(made.status.success(), "{made:?}");
    let said = String::from_utf8_lossy(&made.stdout);
    assert!(said.contains("created user kim, read-only"), "{said}");
    let entered = sign_in(&served, "kim", "kims-password").await?;
    assert_eq!(entered, StatusCode::SEE_OTHER);

    // and with another password only by that.
    let second = password_file(&served, "second", "another-password")?;
    let line = ["user", "password", "--name", "kim", "--password-file"];
    served.says(&[&line[..], &[&second]].concat())?;
    let entered = sign_in(&served, "kim", "kims-password").await?;
    assert_eq!(entered, StatusCode::UNPROCESSABLE_ENTITY);
    let entered = sign_in(&served, "kim", "another-password").await?;
    assert_eq!(entered, StatusCode::SEE_OTHER);
    Ok(())
}

/// The words after `Authorization:` work at this server.
async fn may_look(served: &Served, credentials: &str) -> anyhow::Result<StatusCode> {
    let http = ie_platform::http::client(&ie_platform::http::ClientSettings::default())?;
    let request = http
        .get(format!("{}/elements/api-v2/instances", served.url()?))
        .header("authorization", credentials);
    Ok(ie_platform::http::send(request, &http, "test")
        .await?
        .status())
}

#[tokio::test(flavor = "multi_thread")]
async fn organizations_are_made_and_secrets_replaced_here_and_from_elsewhere() -> anyhow::Result<()>
{
    // Given a server with an operator's token, and a command line that knows nothing else of it,
    let token = "an-admin-token-of-32-characters!";
    let served = Served::start_with(&[("IE__API__ADMIN_TOKEN", token)]).await?;
    let elsewhere = [
        ("IE_URL".to_owned(), served.url()?),
        ("IE_ADMIN_TOKEN".to_owned(), token.to_owned()),
    ];
    let json = |text: String| serde_json::from_str::<serde_json::Value>(&text);
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();

    for (place, name) in [(&served.variables[..], "acme"), (&elsewhere[..], "globex")] {
        // when an organization and a user are made,
        let create = ["organization", "create", "--json", "--name", name];
        let made = json(says(place, &create)?)?;
        let who = ["--organization", name, "--name", "kim"];
        let create = ["user", "create", "--json", "--no-password"];
        let kim = json(says(place, &[&create[..], &who].concat())?)?;

        // then their secrets work,
        let organization = text(&made["secret"]);
        let credentials = |user: &str| format!("User {user}, Organization {organization}");
        let first = credentials(&text(&kim["secret"]));
        assert_eq!(may_look(&served, &first).await?, StatusCode::OK, "{name}");

        // a replaced one no more without a grace,
        let rotate = ["user", "rotate-secret", "--json", "--grace-minutes", "0"];
        let fresh = json(says(place, &[&rotate[..], &who].concat())?)?;
        let refused = StatusCode::UNAUTHORIZED;
        assert_eq!(may_look(&served, &first).await?, refused, "{name}");
        let fresh = credentials(&text(&fresh["secret"]));
        assert_eq!(may_look(&served, &fresh).await?, StatusCode::OK, "{name}");

        // and nothing of a user that is disabled.
        says(
            place,
            &[&["user", "role"][..], &who, &["read-only"]].concat(),
        )?;
        says(place, &[&["user", "disable"][..], &who].concat())?;
        assert_eq!(may_look(&served, &fresh).await?, refused, "{name}");
        let list = ["user", "list", "--json", "--organization", name];
        let listed = json(says(place, &list)?)?;
        assert_eq!(
            (&listed[0]["role"], &listed[0]["disabled"]),
            (&"read-only".into(), &true.into())
        );
        says(place, &[&["user", "delete"][..], &who].concat())?;
        assert_eq!(json(says(place, &list)?)?, serde_json::json!([]));
    }
    let listed = served.says(&["organization", "list"])?;
    assert!(
        listed.contains("acme") && listed.contains("globex"),
        "{listed}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_directory_goes_on_with_the_secrets_that_were_replaced() -> anyhow::Result<()> {
    let mut served = Served::start().await?;
    let file = served.data.path().join("credentials.toml");
    let before = std::fs::read_to_string(&file)?;

    for rotate in [
        ["user", "rotate-secret", "--name", "admin"],
        ["organization", "rotate-secret", "--name", "default"],
    ] {
        served.says(&[&rotate[..], &["--grace-minutes", "0"]].concat())?;
        served.says(&["instance", "list"])?;
    }

    let after = std::fs::read_to_string(&file)?;
    let kept = |text: &str| text.lines().filter(|line| before.contains(line)).count();
    assert_eq!(
        kept(&after),
        1,
        "the password of the dashboard stays: {after}"
    );
    served.restart().await?;
    served.says(&["instance", "list"])?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn before_a_first_start_there_are_no_accounts_to_change() -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let variables = [("IE_DATA".to_owned(), data.path().display().to_string())];

    let refused = run(&variables, &["organization", "create", "--name", "acme"])?;

    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("start it there first"), "{said}");
    assert_eq!(
        std::fs::read_dir(data.path())?.count(),
        0,
        "nothing is made"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_cannot_be_made_is_refused_with_the_reason() -> anyhow::Result<()> {
    let served = Served::start().await?;
    let good = password_file(&served, "good", "a-good-password")?;
    let short = password_file(&served, "short", "short")?;
    let unknown = ["user", "password", "--name", "lee", "--password-file"];

    for (refused, why) in [
        (
            create_user(&served, "admin", "admin", &good)?,
            "there is a user of this name already",
        ),
        (create_user(&served, "lee", "owner", &good)?, "no such role"),
        (
            create_user(&served, "lee", "admin", &short)?,
            "10 to 200 characters",
        ),
        (
            served.run(&[&unknown[..], &[&good]].concat())?,
            "there is no user lee",
        ),
    ] {
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success(), "{why}");
        assert!(said.contains(why), "{why}: {said}");
    }
    Ok(())
}
