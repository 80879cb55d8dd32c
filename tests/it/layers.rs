//! The dependency directions, from the real dependency graph.

use std::collections::BTreeSet;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

const FOUNDATION: [&str; 2] = ["ie-model", "ie-platform"];
const ADAPTERS: [&str; 3] = ["ie-broker", "ie-store", "ie-insightly"];
const SERVICES: [&str; 4] = ["ie-scheduler", "ie-fetcher", "ie-dispatcher", "ie-api"];
const APART: [&str; 1] = ["ie-simulator"];
const COMPOSITION: [&str; 2] = ["insightly-events", "ie-tests"];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .no_deps()
        .exec()
        .expect("cargo knows this workspace")
}

/// What a package of ours names as dependencies, tests apart.
fn dependencies(metadata: &Metadata, package: &str) -> BTreeSet<String> {
    let package = metadata
        .packages
        .iter()
        .find(|p| p.name.as_str() == package)
        .expect("a member");
    let normal = package
        .dependencies
        .iter()
        .filter(|d| d.kind == DependencyKind::Normal);
    normal.map(|dependency| dependency.name.clone()).collect()
}

fn ours(names: &BTreeSet<String>) -> BTreeSet<&str> {
    let ours = |name: &&str| name.starts_with("ie-") || *name == "insightly-events";
    names.iter().map(String::as_str).filter(ours).collect()
}

fn layer(packages: &[&str], below: &[&[&str]]) {
    let metadata = metadata();
    let allowed: BTreeSet<&str> = below.concat().into_iter().collect();
    for package in packages {
        let names = dependencies(&metadata, package);
        let above: Vec<_> = ours(&names).difference(&allowed).copied().collect();
        assert!(
            above.is_empty(),
            "{package} depends on {above:?}, which is not below it"
        );
    }
}

#[test]
fn the_foundation_depends_on_nothing_of_ours() {
    layer(&FOUNDATION, &[]);
}

#[test]
fn adapters_depend_on_the_foundation_only() {
    layer(&ADAPTERS, &[&FOUNDATION]);
}

#[test]
fn the_simulator_stands_apart_from_what_it_tests() {
    layer(&APART, &[&FOUNDATION]);
}

#[test]
fn a_service_never_depends_on_a_service() {
    layer(&SERVICES, &[&FOUNDATION, &ADAPTERS]);
}

#[test]
fn every_member_has_its_layer() {
    let layers = [&FOUNDATION[..], &ADAPTERS, &APART, &SERVICES, &COMPOSITION].concat();
    for package in metadata().packages {
        assert!(
            layers.contains(&package.name.as_str()),
            "{} stands in no layer",
            package.name
        );
    }
}

#[test]
fn only_one_crate_names_each_outside_library() {
    let metadata = metadata();
    for (library, owner) in [
        ("lapin", "ie-broker"),
        ("sqlx", "ie-store"),
        ("backoff", "ie-platform"),
    ] {
        let naming: Vec<_> = metadata
            .packages
            .iter()
            .filter(|package| {
                package
                    .dependencies
                    .iter()
                    .any(|dependency| dependency.name == library)
            })
            .map(|package| package.name.as_str())
            .collect();
        assert_eq!(naming, [owner], "{library}");
    }
}
