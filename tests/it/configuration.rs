//! `docs/configuration.md` is made of the commented defaults and of the table of an instance's entries; this test says
//! when it is not.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use ie_api::{ENTRIES, Kind};

const INTRODUCTION: &str = "\
# Configuration

Made of the commented defaults beside the source code (`crates/*/defaults.toml` and the like) and of the table of an instance's entries (`crates/api/src/connector/entries.rs`); a test compares them and says how to renew this file.

A setting comes from its default, then from the file that `--config` names (TOML, with these sections), then from the environment, the strongest. `insightly-events check-config` shows what holds. In the environment lists have commas between their elements; `IE__SECTION__FIELD_FILE` names a file that holds the value. Times are written as `500ms`, `5s`, `2m`, `6h` or `30d`.
A process reads the sections that it needs and leaves the others alone, so one file may serve all of them.
";

const INSTANCES: &str = "
## Entries of an instance

What a client gives in `configuration` of `POST`, `PUT` and `PATCH /instances`, each in its JSON type or as a string. `GET /elements/insightly` lists the same. Secrets are sealed, and given back as `********`. What else a client gives is kept, given back and named in `warnings`.

| Entry | Kind | Default | What it decides |
|---|---|---|---|
";

/// A section of the defaults.
#[derive(Debug)]
struct Section {
    name: String,
    about: String,
    settings: Vec<Setting>,
}

#[derive(Debug)]
struct Setting {
    name: String,
    /// As TOML; none where it is commented out.
    default: Option<String>,
    about: String,
}

/// The files of defaults, the platform's first.
fn files() -> anyhow::Result<Vec<PathBuf>> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let mut found = Vec::new();
    for package in std::fs::read_dir(&crates)? {
        let package = package?.path();
        for folder in [package.clone(), package.join("defaults")] {
            let Ok(entries) = std::fs::read_dir(folder) else {
                continue;
            };
            for entry in entries {
                let path = entry?.path();
                let is_toml = path
                    .extension()
                    .is_some_and(|extension| extension == "toml");
                if is_toml && path.file_name().is_some_and(|name| name != "Cargo.toml") {
                    found.push(path);
                }
            }
        }
    }
    found.sort_by_key(|path| {
        (
            !path.components().any(|part| part.as_os_str() == "platform"),
            path.clone(),
        )
    });
    Ok(found)
}

/// Reads commented TOML: what stands above a section or a setting is about it, and also about the settings that follow
/// without a comment of their own.
fn parse(text: &str) -> anyhow::Result<Section> {
    let mut section: Option<Section> = None;
    let mut above: Vec<&str> = Vec::new();
    for line in text.lines() {
        let comment = line.strip_prefix('#').map(str::trim);
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            ensure!(section.is_none(), "a second section: {name}");
            section = Some(Section {
                name: name.to_owned(),
                about: above.join(" "),
                settings: Vec::new(),
            });
            above.clear();
        } else if let Some((name, value)) = assignment(comment.unwrap_or(line)) {
            let section = section.as_mut().context("a setting before its section")?;
            let about = match section.settings.last() {
                Some(last) if above.is_empty() => format!("See `{}`.", last.name),
                _ => above.join(" "),
            };
            section.settings.push(Setting {
                name: name.to_owned(),
                default: comment.is_none().then(|| value.to_owned()),
                about,
            });
            above.clear();
        } else if let Some(comment) = comment {
            above.push(comment);
        } else {
            ensure!(line.is_empty(), "neither comment nor setting: {line}");
            above.clear();
        }
    }
    section.context("no section")
}

/// `name = value`, where the name is that of a setting.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(" = ")?;
    let is_name = name
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit());
    is_name.then_some((name, value))
}

/// What a value is, and its unit where the value says it.
fn kind(default: Option<&str>) -> &'static str {
    let Some(default) = default else {
        return "text";
    };
    let is_time = |text: &str| {
        let number = text.trim_start_matches(|digit: char| digit.is_ascii_digit());
        number.len() < text.len() && ["ms", "s", "m", "h", "d"].contains(&number)
    };
    match default.trim_matches('"') {
        "true" | "false" => "true or false",
        list if list.starts_with('[') && list.contains("s\"") && !list.contains('/') => {
            "list of times"
        }
        list if list.starts_with('[') => "list",
        table if table.starts_with('{') => "table",
        text if default.starts_with('"') && is_time(text) => "time",
        _ if default.starts_with('"') => "text",
        number if number.contains('.') => "number",
        _ => "whole number",
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn lines(section: &Section) -> anyhow::Result<String> {
    let Section {
        name,
        about,
        settings,
    } = section;
    let mut lines = format!("\n## {name}\n\n");
    if !about.is_empty() {
        lines += &format!("{about}\n\n");
    }
    lines +=
        "| Setting | Default | Kind | Environment | What it decides |\n|---|---|---|---|---|\n";
    for Setting {
        name: field,
        default,
        about,
    } in settings
    {
        ensure!(!about.is_empty(), "{name}.{field} has no comment");
        let shown = default
            .as_deref()
            .map_or("–".to_owned(), |value| format!("`{}`", cell(value)));
        let variable = format!("IE__{}__{}", name.to_uppercase(), field.to_uppercase());
        let kind = kind(default.as_deref());
        writeln!(
            lines,
            "| `{field}` | {shown} | {kind} | `{variable}` | {} |",
            cell(about)
        )?;
    }
    Ok(lines)
}

fn entries() -> String {
    let entries = ENTRIES.iter().map(|entry| {
        let kind = match entry.kind {
            Kind::Boolean => "true or false",
            Kind::Number => "number",
            Kind::Text => "text",
            Kind::LongText => "text or JSON",
            Kind::Password => "secret",
        };
        let default = match entry.default {
            Some(default) => format!("`{}`", cell(default)),
            None if entry.required => "required".to_owned(),
            None => "–".to_owned(),
        };
        let about = cell(entry.description);
        format!("| `{}` | {kind} | {default} | {about} |\n", entry.key)
    });
    entries.collect()
}

#[test]
fn the_document_of_settings_is_the_defaults() -> anyhow::Result<()> {
    let mut made = INTRODUCTION.to_owned();
    for file in files()? {
        let text = std::fs::read_to_string(&file)?;
        let section = parse(&text).with_context(|| file.display().to_string())?;
        // What is read as TOML has no setting that is not told.
        let table: toml::Table = toml::from_str(&text)?;
        let read = table[&section.name].as_table().context("no table")?;
        let told = section
            .settings
            .iter()
            .filter(|setting| setting.default.is_some());
        ensure!(
            read.len() == told.count(),
            "{} is told in part",
            section.name
        );
        made += &lines(&section)?;
    }
    made += INSTANCES;
    made += &entries();

    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let written = std::fs::read_to_string(root.join("docs/configuration.md")).unwrap_or_default();
    if written != made {
        let renewed = root.join("target/docs");
        std::fs::create_dir_all(&renewed)?;
        std::fs::write(renewed.join("configuration.md"), made)?;
        anyhow::bail!(
            "docs/configuration.md is not the defaults': cp target/docs/configuration.md docs/configuration.md"
        );
    }
    Ok(())
}

#[test]
fn comments_are_about_what_follows_them() -> anyhow::Result<()> {
    let text = "# About it.\n[it]\n# A time,\n# or none.\nafter = \"5s\"\nbefore = 3\n\n# What is secret.\n# key = \"\"\n";

    let section = parse(text)?;

    ensure!(section.about == "About it.", "{section:?}");
    let told: Vec<_> = section
        .settings
        .iter()
        .map(|one| {
            (
                one.name.as_str(),
                one.default.as_deref(),
                one.about.as_str(),
            )
        })
        .collect();
    let expected = [
        ("after", Some("\"5s\""), "A time, or none."),
        ("before", Some("3"), "See `after`."),
        ("key", None, "What is secret."),
    ];
    ensure!(told == expected, "{told:?}");
    ensure!(kind(Some("\"5s\"")) == "time", "a time");
    Ok(())
}
