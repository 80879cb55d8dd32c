//! Resolves callbacks' names and lets through only the addresses that the rules allow.
//!
//! The connection goes to the very addresses that were checked, so a name that changes its mind between a check and a
//! call (DNS rebinding) gains nothing.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures::future::BoxFuture;
use ie_platform::http::{Addrs, Name, Resolve, Resolving};

use crate::address::{Refused, Rules};
use crate::memory::Limits;
use crate::names;

/// Finds the addresses of a name.
pub(crate) type Lookup =
    Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// Names of this machine and of DNS behind the rules.
#[derive(Clone)]
pub(crate) struct Resolver {
    rules: Arc<Rules>,
    lookup: Lookup,
}

impl Resolver {
    /// A resolver that answers with allowed addresses only, and remembers what it found within the limits.
    pub(crate) fn new(rules: Rules, limits: Limits) -> io::Result<Self> {
        Ok(Self::with_lookup(rules, names::lookup(limits)?))
    }

    fn with_lookup(rules: Rules, lookup: Lookup) -> Self {
        Self {
            rules: Arc::new(rules),
            lookup,
        }
    }

    async fn allowed(self, name: String) -> Result<Vec<SocketAddr>, Error> {
        let found = (self.lookup)(name).await.map_err(Error::Lookup)?;
        let mut refused = None;
        let mut allowed = Vec::with_capacity(found.len());
        for address in found {
            match self.rules.check_address(address) {
                // Port 0 stands for the URL's own.
                Ok(()) => allowed.push(SocketAddr::new(address, 0)),
                Err(why) => refused = Some(why),
            }
        }
        match refused {
            _ if !allowed.is_empty() => Ok(allowed),
            Some(why) => Err(Error::Refused(why)),
            None => Err(Error::Nothing),
        }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let allowed = resolver.allowed(name.as_str().to_owned()).await?;
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Why a name has no address for us.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// None was found.
    #[error("cannot resolve the callback's name: {0}")]
    Lookup(#[source] io::Error),
    /// The name has no address at all.
    #[error("the callback's name has no address")]
    Nothing,
    /// Every address is refused.
    #[error(transparent)]
    Refused(Refused),
}

#[cfg(test)]
#[path = "rebinding_tests.rs"]
mod rebinding_tests;

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures::FutureExt as _;
    use std::time::Duration;

    use super::*;

    /// A resolver whose lookups give these answers, one after the other.
    fn resolver(answers: &[&[&str]]) -> Resolver {
        let parse = |answer: &&[&str]| answer.iter().map(|text| text.parse().unwrap()).collect();
        let mut answers: Vec<Vec<IpAddr>> = answers.iter().map(parse).collect();
        answers.reverse();
        let answers = Mutex::new(answers);
        let lookup = move |_| {
            let answer = answers.lock().unwrap().pop().expect("no further lookup");
            async { Ok(answer) }.boxed()
        };
        Resolver::with_lookup(Rules::default(), Arc::new(lookup))
    }

    async fn resolve(resolver: &Resolver) -> Result<Vec<IpAddr>, String> {
        let name = "callback.example".parse().unwrap();
        match resolver.resolve(name).await {
            Ok(addresses) => Ok(addresses.map(|address| address.ip()).collect()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[tokio::test]
    async fn a_name_with_a_public_address_is_resolved() {
        let resolver = resolver(&[&["1.1.1.1"]]);

        let found = resolve(&resolver).await.unwrap();

        assert_eq!(found, ["1.1.1.1".parse::<IpAddr>().unwrap()]);
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_refused() {
        let resolver = resolver(&[&["169.254.169.254"]]);

        let error = resolve(&resolver).await.unwrap_err();

        assert!(error.contains("169.254.169.254"), "{error}");
        assert!(error.contains("dispatcher.allow_networks"), "{error}");
    }

    #[tokio::test]
    async fn of_several_addresses_only_the_allowed_ones_are_called() {
        let resolver = resolver(&[&["10.0.0.1", "1.1.1.1", "::1"]]);

        let found = resolve(&resolver).await.unwrap();

        assert_eq!(found, ["1.1.1.1".parse::<IpAddr>().unwrap()]);
    }

    #[tokio::test]
    async fn a_name_is_checked_again_each_time_it_is_resolved() {
        let resolver = resolver(&[&["1.1.1.1"], &["127.0.0.1"]]);

        let first = resolve(&resolver).await;
        let second = resolve(&resolver).await;

        assert!(first.is_ok());
        assert!(second.unwrap_err().contains("loopback"));
    }

    #[tokio::test]
    async fn a_name_without_any_address_is_an_error() {
        let resolver = resolver(&[&[]]);

        let error = resolve(&resolver).await.unwrap_err();

        assert!(error.contains("no address"), "{error}");
    }

    #[tokio::test]
    async fn this_machines_names_are_found_and_checked() {
        let resolver = Resolver::new(
            Rules::default(),
            Limits {
                age: Duration::from_secs(5),
                size: 10,
            },
        );
        let resolver = resolver.unwrap();
        let name = "localhost".parse().unwrap();

        let error = resolver.resolve(name).await.err().unwrap();
        let again = "localhost".parse().unwrap();
        let remembered = resolver.resolve(again).await.err().unwrap();

        assert!(error.to_string().contains("loopback"), "{error}");
        assert_eq!(remembered.to_string(), error.to_string());
    }
}
