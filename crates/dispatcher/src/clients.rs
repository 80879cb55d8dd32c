//! The clients that call callbacks: one for each origin, so that what is unused is bounded over all of them.
//!
//! A client can have no more unused connections than it has opened, nor more than one host may have: this is its share.
//! When the shares exceed the limit, the clients that were used longest ago are let go, and their unused connections
//! close. A call under way keeps its client until it is answered.
//!
//! An instance that brings authorities or a certificate of its own has a client of its own, which nobody else uses.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ie_model::InstanceId;
use ie_platform::http::{self, ClientSettings};
use ie_platform::tls::Tls;
use reqwest::Client;

use crate::callback::Callback;
use crate::own_tls::{OwnTls, Unusable};

/// How many unused connections there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// To one host with one client.
    pub(crate) per_host: usize,
    /// Over all; at least as many as to one host.
    pub(crate) total: usize,
}

/// The clients in use.
#[derive(Debug)]
pub(crate) struct Clients {
    settings: ClientSettings,
    tls: Tls,
    limits: Limits,
    held: Mutex<Held>,
    /// Whether a client or a connection has come since the shares were counted last.
    grown: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Held {
    clients: HashMap<Key, Kept>,
    /// Counts the uses.
    turn: u64,
}

/// Whose client it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// That of all who call this origin.
    Shared(String),
    /// That of one instance.
    Own(InstanceId),
}

#[derive(Debug)]
struct Kept {
    client: Client,
    made_for: MadeFor,
    opened: Arc<AtomicUsize>,
    used: u64,
}

/// What a client was made for; for anything else there is to be another.
#[derive(Clone, Debug, PartialEq)]
struct MadeFor {
    origin: String,
    own: Option<Arc<OwnTls>>,
}

/// There is no client for a callback.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// What its instance brings cannot be used.
    #[error(transparent)]
    Unusable(#[from] Unusable),
    /// The client cannot be made.
    #[error("no client can be made for the callback: {0}")]
    Client(#[from] reqwest::Error),
}

impl Clients {
    /// Makes clients with these settings; `tls` is for callbacks whose instances bring nothing.
    pub(crate) fn new(settings: ClientSettings, tls: Tls, limits: Limits) -> Self {
        Self {
            settings: ClientSettings {
                pool_max_idle_per_host: limits.per_host,
                ..settings
            },
            tls,
            limits,
            held: Mutex::default(),
            grown: Arc::default(),
        }
    }

    /// The client for an instance's callback.
    pub(crate) fn of(&self, instance: InstanceId, callback: &Callback) -> Result<Client, Error> {
        let made_for = MadeFor {
            origin: callback.url.origin().ascii_serialization(),
            own: callback.tls.clone(),
        };
        let key = match made_for.own {
            Some(_) => Key::Own(instance),
            None => Key::Shared(made_for.origin.clone()),
        };
        if let Some(client) = self.held().used(&key, &made_for) {
            return Ok(client);
        }
        let kept = self.make(made_for)?;
        let client = kept.client.clone();
        self.held().insert(key, kept);
        self.grown.store(true, Ordering::Relaxed);
        self.settle();
        Ok(client)
    }

    /// Lets go of the client of an instance that brings something else now, or nothing.
    pub(crate) fn keep(&self, instance: InstanceId, own: Option<&Arc<OwnTls>>) {
        let key = Key::Own(instance);
        let mut held = self.held();
        let kept = held.clients.get(&key);
        if kept.is_some_and(|kept| kept.made_for.own.as_ref() != own) {
            held.clients.remove(&key);
        }
    }

    /// Lets go of what exceeds the limit; asked after every call, when what it opened is unused again.
    pub(crate) fn settle(&self) {
        if self.grown.swap(false, Ordering::Relaxed) {
            self.held().shrink(self.limits);
        }
    }

    fn make(&self, made_for: MadeFor) -> Result<Kept, Error> {
        let tls = match &made_for.own {
            Some(own) => own.on(&self.tls)?,
            None => self.tls.clone(),
        };
        let opened = Arc::new(AtomicUsize::new(0));
        let (count, grown) = (Arc::clone(&opened), Arc::clone(&self.grown));
        let client = http::client(&ClientSettings {
            tls: Some(tls),
            opened: Some(Arc::new(move || {
                count.fetch_add(1, Ordering::Relaxed);
                grown.store(true, Ordering::Relaxed);
            })),
            ..self.settings.clone()
        })?;
        Ok(Kept {
            client,
            made_for,
            opened,
            used: 0,
        })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Each change leaves the map whole.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn used(&mut self, key: &Key, made_for: &MadeFor) -> Option<Client> {
        self.turn += 1;
        let kept = self.clients.get_mut(key)?;
        if kept.made_for != *made_for {
            return None;
        }
        kept.used = self.turn;
        Some(kept.client.clone())
    }

    fn insert(&mut self, key: Key, kept: Kept) {
        let used = self.turn;
        self.clients.insert(key, Kept { used, ..kept });
    }

    fn shrink(&mut self, limits: Limits) {
        let mut total: usize = self.clients.values().map(|kept| kept.share(limits)).sum();
        while total > limits.total {
            let oldest = self.clients.iter().min_by_key(|(_, kept)| kept.used);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
                return;
            };
            if let Some(gone) = self.clients.remove(&oldest) {
                total -= gone.share(limits);
            }
        }
    }
}

impl Kept {
    /// A client counts before its first connection, so that there are never more clients than connections.
    fn share(&self, limits: Limits) -> usize {
        let opened = self.opened.load(Ordering::Relaxed);
        opened.clamp(1, limits.per_host.max(1))
    }
}

#[cfg(test)]
#[path = "clients_tests.rs"]
mod tests;
