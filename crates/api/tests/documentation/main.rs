//! `docs/openapi.json` and `docs/postman.json` are made of the code; these tests say when they are not.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

fn is_written(name: &str, made: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let written = std::fs::read_to_string(root.join("docs").join(name)).unwrap_or_default();
    if written != made {
        let renewed = root.join("target/docs");
        std::fs::create_dir_all(&renewed).unwrap();
        std::fs::write(renewed.join(name), made).unwrap();
        panic!("docs/{name} is not the code's: cp target/docs/{name} docs/{name}");
    }
}

#[test]
fn the_description_is_the_codes() {
    is_written("openapi.json", &ie_api::openapi::document().unwrap());
}

#[test]
fn the_collection_is_the_codes() {
    is_written("postman.json", &ie_api::openapi::collection().unwrap());
}
