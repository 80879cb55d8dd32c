//! Sealing: what goes in comes out, and nothing else does.

use proptest::prelude::{any, proptest};

use std::path::PathBuf;

use super::*;
use crate::config::{Problems, Section as _};

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn sealer(key: &str) -> Sealer {
    Sealer::from_base64(&key.into()).unwrap()
}

fn opened(sealer: &Sealer, sealed: &str, context: &str) -> Result<String, Error> {
    let plain = sealer.open(sealed, context)?;
    Ok(plain.expose_secret().to_owned())
}

proptest! {
    #[test]
    fn what_was_sealed_opens_to_the_same_text(plain in any::<String>(), context in any::<String>()) {
        let sealer = sealer(KEY);

        let sealed = sealer.seal(&plain, &context);

        assert_eq!(opened(&sealer, &sealed, &context), Ok(plain));
    }

    #[test]
    fn no_single_altered_character_goes_unnoticed(at in 12_usize..60, with in "[A-Za-z0-9_-]") {
        let sealer = sealer(KEY);
        let sealed = sealer.seal("a key of forty characters, more or less.", "instance:17:key");

        let mut altered = sealed.clone();
        altered.replace_range(at..=at, &with);

        let expected = altered == sealed;
        assert_eq!(sealer.open(&altered, "instance:17:key").is_ok(), expected);
    }
}

#[test]
fn the_key_id_is_the_start_of_the_keys_digest() {
    // printf of the bytes 0 to 31 through sha256sum.
    assert_eq!(sealer(KEY).key_id(), "630dcd29");
}

#[test]
fn the_same_text_sealed_twice_does_not_look_the_same() {
    let sealer = sealer(KEY);

    assert_ne!(sealer.seal("secret", "a"), sealer.seal("secret", "a"));
}

#[test]
fn a_sealed_value_names_its_format_and_its_key_and_hides_its_text() {
    let sealed = sealer(KEY).seal("a-rather-recognizable-secret", "a");

    assert!(sealed.starts_with("v1.630dcd29."), "{sealed}");
    assert!(!sealed.contains("recognizable"), "{sealed}");
}

#[test]
fn a_value_sealed_for_one_place_does_not_open_in_another() {
    let sealer = sealer(KEY);
    let sealed = sealer.seal("secret", "instance:17:key");

    let error = sealer.open(&sealed, "instance:18:key").unwrap_err();

    assert_eq!(
        error,
        Error::Broken {
            context: "instance:18:key".to_owned()
        }
    );
}

#[test]
fn another_key_is_refused_with_both_key_ids() {
    let first = sealer(KEY);
    let second = sealer(Sealer::generate_key().expose_secret());
    let sealed = first.seal("secret", "a");

    let error = second.open(&sealed, "a").unwrap_err();

    let text = error.to_string();
    assert!(text.contains("630dcd29"), "{text}");
    assert!(text.contains(second.key_id()), "{text}");
}

#[test]
fn a_key_of_the_same_id_and_other_bytes_does_not_open() {
    let first = sealer(KEY);
    let mut impostor = sealer(Sealer::generate_key().expose_secret());
    impostor.current.id = first.key_id().to_owned();

    let error = impostor.open(&first.seal("secret", "a"), "a").unwrap_err();

    assert!(matches!(error, Error::Broken { .. }), "{error}");
}

#[rstest::rstest]
#[case::plain_text("hunter2", "fewer than three parts")]
#[case::empty("", "fewer than three parts")]
#[case::later_format("v2.630dcd29.AAAA", "v2")]
#[case::not_base64("v1.630dcd29.++++", "not base64url")]
#[case::cut_short("v1.630dcd29.AAAA", "too short")]
fn garbled_text_is_refused_with_what_is_wrong_with_it(#[case] sealed: &str, #[case] says: &str) {
    let error = sealer(KEY).open(sealed, "a").unwrap_err();

    assert!(error.to_string().contains(says), "{error}");
}

#[rstest::rstest]
#[case::padded("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")]
#[case::without_padding("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")]
#[case::with_a_line_end("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n")]
fn a_key_is_read_as_people_write_it(#[case] key: &str) {
    assert_eq!(sealer(key).key_id(), "630dcd29");
}

#[rstest::rstest]
#[case::too_short("c2hvcnQ=", "found 5 bytes")]
#[case::not_base64("correct horse battery staple", "28 characters that are not base64")]
#[case::empty("", "found 0 bytes")]
fn a_bad_key_is_refused_without_being_shown(#[case] key: &str, #[case] says: &str) {
    let error = Sealer::from_base64(&key.into()).unwrap_err();

    let text = error.to_string();
    assert!(text.contains(says), "{text}");
    assert!(key.is_empty() || !text.contains(key), "{text}");
}

#[test]
fn a_generated_key_is_new_and_usable() {
    let first = sealer(Sealer::generate_key().expose_secret());
    let second = sealer(Sealer::generate_key().expose_secret());

    assert_ne!(first.key_id(), second.key_id());
}

#[test]
fn a_sealers_debug_shows_its_key_id_only() {
    let text = format!("{:?}", sealer(KEY));

    assert_eq!(text, r#"Sealer { key_id: "630dcd29", .. }"#);
}

fn problems_of(config: &SecretsConfig) -> String {
    let mut problems = Problems::default();
    config.validate(&mut problems);
    problems.to_string()
}

#[test]
fn the_master_key_comes_from_the_setting_or_from_its_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{KEY}\n")).unwrap();
    let from_setting = SecretsConfig {
        master_key: Some(KEY.into()),
        ..SecretsConfig::default()
    };
    let from_file = SecretsConfig {
        master_key_file: Some(file.path().to_owned()),
        ..SecretsConfig::default()
    };

    for config in [from_setting, from_file] {
        assert_eq!(problems_of(&config), "");
        assert_eq!(config.sealer().unwrap().key_id(), "630dcd29");
    }
}

#[rstest::rstest]
#[case::neither(None, None, "secrets.master_key: set either")]
#[case::both(Some(KEY), Some("/a/file"), "found both")]
#[case::unreadable_file(None, Some("/nowhere/key"), "secrets.master_key_file: cannot read")]
#[case::bad_key(Some("c2hvcnQ="), None, "secrets.master_key: the key must be 32 bytes")]
fn a_master_key_that_cannot_be_used_is_a_problem(
    #[case] key: Option<&str>,
    #[case] file: Option<&str>,
    #[case] says: &str,
) {
    let config = SecretsConfig {
        master_key: key.map(SecretString::from),
        master_key_file: file.map(PathBuf::from),
        ..SecretsConfig::default()
    };

    let problems = problems_of(&config);

    assert!(problems.contains(says), "{problems}");
    assert!(!problems.contains(key.unwrap_or("a key")), "{problems}");
}

#[test]
fn an_accepted_key_opens_and_does_not_seal() {
    let old = sealer(KEY);
    let new = Sealer::generate_key();
    let rotating = sealer(new.expose_secret()).accepting(&KEY.into()).unwrap();
    let sealed = old.seal("secret", "a");

    assert_eq!(opened(&rotating, &sealed, "a"), Ok("secret".to_owned()));
    let resealed = rotating.reseal(&sealed, "a").unwrap().unwrap();

    assert_eq!(key_id_of(&resealed), Ok(rotating.key_id()));
    assert_eq!(rotating.reseal(&resealed, "a"), Ok(None));
    let only_new = sealer(new.expose_secret());
    assert_eq!(opened(&only_new, &resealed, "a"), Ok("secret".to_owned()));
    assert!(only_new.reseal(&sealed, "a").is_err());
    assert!(rotating.reseal(&sealed, "b").is_err());
}

#[test]
fn a_key_that_is_named_twice_is_one() {
    let twice = sealer(KEY).accepting(&KEY.into()).unwrap();

    assert_eq!(twice.key_ids().collect::<Vec<_>>(), ["630dcd29"]);
}

#[test]
fn accepted_keys_come_from_the_setting_and_from_files() {
    let (first, second) = (Sealer::generate_key(), Sealer::generate_key());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), second.expose_secret()).unwrap();
    let config = SecretsConfig {
        master_key: Some(KEY.into()),
        accepted_keys: vec![first.clone()],
        accepted_key_files: vec![file.path().to_owned()],
        ..SecretsConfig::default()
    };

    assert_eq!(problems_of(&config), "");
    let ids: Vec<_> = [&KEY.into(), &first, &second]
        .map(|key| sealer(key.expose_secret()).key_id().to_owned())
        .into();
    assert_eq!(config.sealer().unwrap().key_ids().collect::<Vec<_>>(), ids);
    let shown = serde_json::to_string(&config).unwrap();
    assert!(!shown.contains(first.expose_secret()), "{shown}");
}

#[rstest::rstest]
#[case::bad_key(&["c2hvcnQ="], &[], "secrets.accepted_keys: the key must be 32 bytes")]
#[case::no_file(&[], &["/nowhere/key"], "secrets.accepted_key_files: cannot read secrets.accepted_key_files /nowhere")]
fn an_accepted_key_that_cannot_be_used_is_a_problem(
    #[case] keys: &[&str],
    #[case] files: &[&str],
    #[case] says: &str,
) {
    let config = SecretsConfig {
        master_key: Some(KEY.into()),
        accepted_keys: keys.iter().copied().map(SecretString::from).collect(),
        accepted_key_files: files.iter().map(PathBuf::from).collect(),
        ..SecretsConfig::default()
    };

    let problems = problems_of(&config);

    assert!(problems.contains(says), "{problems}");
}
