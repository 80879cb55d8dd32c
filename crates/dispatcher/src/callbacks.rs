//! Callbacks by instance, remembered for a short time so that not every notification asks the store.

use std::sync::Arc;

use ie_model::{InstanceId, Purpose};
use ie_platform::seal::Sealer;
use ie_store::{Error, Store};

use crate::callback::{Target, target};
use crate::clients::Clients;
use crate::lane::Lane;
use crate::memory::Memory;

/// The callbacks of the instances that were notified last.
pub(crate) struct Callbacks {
    store: Store,
    sealer: Sealer,
    remembered: Memory<Lane, Target>,
    operator: Target,
    clients: Arc<Clients>,
}

impl Callbacks {
    /// Reads callbacks from the store and opens their secrets with `sealer`; `operator` gets the operator's notices.
    pub(crate) fn new(
        store: Store,
        sealer: Sealer,
        remembered: Memory<Lane, Target>,
        operator: Target,
        clients: Arc<Clients>,
    ) -> Self {
        Self {
            store,
            sealer,
            remembered,
            operator,
            clients,
        }
    }

    /// What stands at the other end of the instance's notifications, at most as old as the cache allows.
    pub(crate) async fn get(&self, lane: Lane) -> Result<Target, Error> {
        if lane.purpose == Purpose::Operator {
            return Ok(self.operator.clone());
        }
        if let Some(found) = self.remembered.get(&lane) {
            return Ok(found);
        }
        let mut instance = self.store.instance(lane.instance).await?;
        if instance.is_none() && lane.purpose == Purpose::Test {
            // A configuration may be tried before it is an instance.
            instance = self.store.trial(lane.instance).await?;
        }
        let found = target(instance.as_ref(), lane.purpose, &self.sealer);
        if matches!(lane.purpose, Purpose::Changes | Purpose::Test) {
            let own = match &found {
                Target::Ready(callback) => callback.tls.as_ref(),
                Target::Unusable(_) | Target::Off(_) | Target::Deleted => None,
            };
            self.clients.keep(lane.instance, own);
        }
        self.remembered.insert(lane, found.clone());
        Ok(found)
    }

    /// Forgets the callback of an instance that was changed.
    pub(crate) fn forget(&self, instance: InstanceId) {
        let purpose = Purpose::Changes;
        self.remembered.remove(&Lane { instance, purpose });
    }
}
