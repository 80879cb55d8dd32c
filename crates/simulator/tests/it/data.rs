//! What is made up.

use std::collections::HashSet;

use ie_model::catalog::{FieldKind, catalog};
use ie_simulator::{Query, Settings, World};
use serde_json::Value;

use crate::rig::noon;

fn world(seed: u64, count: usize) -> World {
    let mut settings = Settings {
        seed,
        ..Settings::empty()
    };
    for object in catalog() {
        settings = settings.with_records(&object.object, count);
    }
    World::new(settings, noon()).unwrap()
}

fn page(world: &mut World, object: &str) -> Vec<u8> {
    let query = Query {
        top: Some(500),
        ..Query::default()
    };
    world
        .search(None, object, &query, noon())
        .unwrap()
        .to_json(false)
}

fn records(world: &mut World, object: &str) -> Vec<Value> {
    serde_json::from_slice(&page(world, object)).unwrap()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let (mut one, mut two, mut other) = (world(7, 40), world(7, 40), world(8, 40));

    for object in catalog() {
        let name = &object.object;
        let bytes = page(&mut one, name);

        assert_eq!(bytes, page(&mut two, name), "{name}");
        assert!(
            name == "Countries" || name == "Currencies" || bytes != page(&mut other, name),
            "{name}"
        );
    }
}

#[test]
fn every_value_has_the_type_of_its_field() {
    let mut world = world(1, 60);

    for object in catalog() {
        for record in records(&mut world, &object.object) {
            for field in &object.fields {
                let value = &record[&field.name];
                let right = match field.kind {
                    _ if value.is_null() => field.nullable,
                    FieldKind::Array => value.is_array(),
                    FieldKind::Boolean => value.is_boolean(),
                    FieldKind::Integer => value.is_i64(),
                    FieldKind::Number => value.is_f64(),
                    FieldKind::Object => value.is_object(),
                    FieldKind::String => value.is_string(),
                };
                assert!(right, "{} {} {value}", object.object, field.name);
            }
        }
    }
}

#[test]
fn times_are_in_the_form_of_bodies_and_in_order() {
    let mut world = world(1, 100);
    let time = |value: &Value| {
        chrono::NaiveDateTime::parse_from_str(value.as_str().unwrap(), "%Y-%m-%d %H:%M:%S").unwrap()
    };

    for record in records(&mut world, "Contacts") {
        let (created, updated) = (
            time(&record["DATE_CREATED_UTC"]),
            time(&record["DATE_UPDATED_UTC"]),
        );

        assert!(
            created <= updated && updated < noon().naive_utc(),
            "{record}"
        );
    }
}

#[test]
fn ids_increase_and_no_two_objects_share_them_by_design() {
    let mut world = world(1, 100);
    let mut firsts = HashSet::new();

    for object in catalog().iter().filter(|object| object.pollable()) {
        let ids: Vec<i64> = records(&mut world, &object.object)
            .iter()
            .map(|record| record[&object.id_field].as_i64().unwrap())
            .collect();

        assert!(ids.is_sorted() && ids.len() == 100, "{}", object.object);
        assert!(firsts.insert(ids[0]), "{}", object.object);
    }
}

#[test]
fn names_come_in_several_scripts_and_some_fields_are_null() {
    let mut world = world(1, 400);
    let contacts = records(&mut world, "Contacts");
    let names: String = contacts
        .iter()
        .map(|contact| contact["LAST_NAME"].as_str().unwrap())
        .collect();

    for (script, range) in [
        ("latin", 'a'..='z'),
        ("accented", 'À'..='ſ'),
        ("greek", 'Α'..='ω'),
        ("cyrillic", 'А'..='я'),
        ("hebrew", 'א'..='ת'),
        ("arabic", 'ا'..='ي'),
        ("devanagari", 'अ'..='ह'),
        ("han", '一'..='鿿'),
        ("hangul", '가'..='힣'),
    ] {
        assert!(
            names.chars().any(|letter| range.contains(&letter)),
            "{script}"
        );
    }
    let nulls = contacts
        .iter()
        .filter(|contact| contact["PHONE"].is_null())
        .count();
    assert!((50..250).contains(&nulls), "{nulls}");
    let emails: Vec<&str> = contacts
        .iter()
        .filter_map(|contact| contact["EMAIL_ADDRESS"].as_str())
        .collect();
    assert!(
        emails.len() > 300
            && emails
                .iter()
                .all(|email| email.is_ascii() && email.contains('@'))
    );
}
