//! `docs/objects.md` is made of the table of objects; this test says when it is not.

use std::path::Path;

use ie_model::catalog::{self, Object};

const INTRODUCTION: &str = "\
# Insightly's objects

Made of `crates/model/data/insightly-objects.json`; a test compares the two and says how to renew this file.

*Polled* are the objects whose changes can be found by time, since they have an updated date.
Those without a search by time are read as a whole at each poll.
An instance that names no resources polls contacts, accounts, leads and opportunities.
A custom object is polled under its own name, such as `Project_Site__c`.

| Resource | Object in Insightly | Id field | Created | Updated | Polled |
|---|---|---|---|---|---|
";

fn line(object: &Object) -> String {
    let field = |name: &Option<String>| {
        name.as_ref()
            .map_or("–".to_owned(), |name| format!("`{name}`"))
    };
    format!(
        "| `{}` | `{}` | `{}` | {} | {} | {} |\n",
        object.hub_resource,
        object.object,
        object.id_field,
        field(&object.created_field),
        field(&object.updated_field),
        match (object.pollable(), object.search) {
            (true, true) => "by time",
            (true, false) => "as a whole",
            (false, _) => "no",
        },
    )
}

#[test]
fn the_list_of_objects_is_the_tables() {
    let mut objects: Vec<&Object> = catalog::catalog().iter().collect();
    objects.sort_by_key(|object| &object.hub_resource);
    objects.push(catalog::any_custom());
    let lines: String = objects.into_iter().map(line).collect();
    let made = format!("{INTRODUCTION}{lines}");

    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let written = std::fs::read_to_string(root.join("docs/objects.md")).unwrap_or_default();
    if written != made {
        let renewed = root.join("target/docs");
        std::fs::create_dir_all(&renewed).unwrap();
        std::fs::write(renewed.join("objects.md"), made).unwrap();
        panic!("docs/objects.md is not the table's: cp target/docs/objects.md docs/objects.md");
    }
}
