//! Every object of the table is polled as the table says, custom ones included.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::TimeDelta;
use ie_model::catalog::{self, Object};
use ie_simulator::{Change, Settings};
use ie_store::{NotificationFilter, Page};

use crate::rig::{Backend, Rig};

const CUSTOM: &str = "Project_Site__c";
const PATIENCE: Duration = Duration::from_secs(60);

/// The resources that have notified something; a resource's name is its object's and a number.
async fn told_of(rig: &Rig) -> BTreeSet<String> {
    let page = Page {
        after: None,
        limit: 1000,
    };
    let filter = NotificationFilter::default();
    let all = rig.store.notifications(&filter, page).await.unwrap();
    let resources = all.into_iter().map(|one| one.notification.resource);
    let objects = resources.map(|name| name.rsplit_once('-').unwrap().0.to_owned());
    objects.collect()
}

#[tokio::test]
async fn a_change_of_every_object_that_can_be_polled_is_found() {
    let pollable = catalog::catalog().iter().filter(|object| object.pollable());
    let mut objects: Vec<&str> = pollable
        .map(|object: &Object| object.object.as_str())
        .collect();
    objects.push(CUSTOM);
    let world = objects
        .iter()
        .fold(Settings::empty().without_limits(), |world, object| {
            world.with_records(object, 3)
        });
    let rig = Rig::start(Backend::Sqlite, world, &[]).await;
    let before = rig.context.clock.now() - TimeDelta::seconds(5);
    rig.instance(&objects, before).await;
    for object in &objects {
        rig.insightly
            .control()
            .change(&Change::update(object, None))
            .unwrap();
    }
    let wanted: BTreeSet<String> = objects.iter().map(|object| (*object).to_owned()).collect();

    rig.fetcher().await;

    let limit = tokio::time::Instant::now() + PATIENCE;
    while told_of(&rig).await != wanted {
        // Those that waited for their account's turn are due again.
        rig.schedule().await;
        let missing: Vec<_> = wanted.difference(&told_of(&rig).await).cloned().collect();
        assert!(
            tokio::time::Instant::now() < limit,
            "nothing of {missing:?}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
