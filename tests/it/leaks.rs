//! No secret is found where it does not belong, after a run with everything on.

mod needles;
mod run;
mod steps;
mod texts;

use std::path::{Path, PathBuf};

use anyhow::ensure;
use ie_platform::{Context, Process};
use ie_store::Store;

use self::needles::Needle;
use self::run::Run;

/// What was searched: a name for people, and the bytes.
type Haystack = (String, Vec<u8>);

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files_below(&path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

/// Every file that the program has written, but the one that holds the credentials on purpose.
fn files(run: &Run) -> anyhow::Result<Vec<Haystack>> {
    let mut files = vec![run.log()];
    files_below(run.rig.data(), &mut files)?;
    ensure!(
        files
            .iter()
            .any(|file| file.ends_with("insightly-events.db")),
        "no database among {files:?}"
    );
    files
        .into_iter()
        .filter(|file| !file.ends_with("credentials.toml"))
        .map(|file| Ok((file.display().to_string(), std::fs::read(&file)?)))
        .collect()
}

/// The columns that hold what is sealed are those that the rotation of keys knows.
async fn assert_sealed_columns_are_known(database: &Path) -> anyhow::Result<()> {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct StoreOnly {
        store: ie_store::Config,
    }
    impl ie_platform::config::Config for StoreOnly {
        fn defaults() -> Vec<&'static str> {
            use ie_platform::config::Section as _;
            vec![ie_store::Config::DEFAULTS]
        }
        fn validate(&self, _: &mut ie_platform::config::Problems) {}
    }
    let url = format!("sqlite:{}", database.display());
    let variables = [("IE__STORE__URL".to_owned(), url)];
    let config: StoreOnly = ie_platform::config::load_from(None, variables)?;
    let context = Context::new(Process {
        name: "ie-tests",
        version: "0",
    });
    let store = Store::open(&config.store, &context).await?;
    let sealed = store.columns_that_look_sealed().await?;
    context.lifecycle.stop();
    ensure!(!sealed.is_empty(), "nothing is sealed");
    for (table, column) in sealed {
        let known = ie_store::SEALED_COLUMNS
            .iter()
            .any(|known| known.table == table && known.column == column);
        ensure!(
            known,
            "{table}.{column} holds sealed values and is not in SEALED_COLUMNS: a rotation of keys would leave it behind"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_found_in_logs_traces_files_answers_pages_and_metrics() -> anyhow::Result<()> {
    // Given a program with debug logs and exported traces, and an instance with every kind of secret,
    let mut run = Run::start().await?;

    // when it polls, delivers, fails, is changed, asked and looked at, and ends,
    run.everything().await?;
    let (mut haystacks, secrets) = run.end().await?;
    let database = run.rig.data().join("insightly-events.db");
    haystacks.extend(files(&run)?);

    // then no secret stands in anything of it, in no form,
    let spans = haystacks.iter().filter(|(name, _)| name == "trace").count();
    ensure!(spans > 0, "no trace was exported");
    let needles: Vec<Needle> = secrets.iter().flat_map(Needle::forms).collect();
    let mut leaks: Vec<String> = needles
        .iter()
        .flat_map(|needle| haystacks.iter().filter_map(|hay| needle.found_in(hay)))
        .collect();
    leaks.sort();
    leaks.dedup();
    ensure!(leaks.is_empty(), "{} leaks: {leaks:#?}", leaks.len());

    // and what is sealed is what the rotation of keys knows.
    assert_sealed_columns_are_known(&database).await?;
    run.rig.stop().await
}
