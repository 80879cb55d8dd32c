//! The ways between any two: a chaos proxy for each service and server, and one each to Insightly and to the callback.

use anyhow::Context as _;
use ie_tests::chaos::{Proxy, host_and_port};
use ie_tests::places::SERVICES;
use rand::RngExt as _;
use rand::rngs::StdRng;

/// What a way leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    RabbitMq,
    PostgreSql,
    Insightly,
    Callback,
}

/// One way; from every service, if no service is named.
struct Way {
    from: Option<&'static str>,
    to: Peer,
    proxy: Proxy,
}

/// All of them.
pub(crate) struct Ways(Vec<Way>);

impl Ways {
    /// Ways to Insightly and to the callback.
    pub(crate) async fn outside(
        insightly: &str,
        callback: &str,
        seed: u64,
    ) -> anyhow::Result<Self> {
        let mut ways = Self(Vec::new());
        ways.open(None, (Peer::Insightly, insightly), seed).await?;
        ways.open(None, (Peer::Callback, callback), seed).await?;
        Ok(ways)
    }

    /// More ways: from each service to this server.
    pub(crate) async fn open_for_services(
        &mut self,
        to: (Peer, &str),
        seed: u64,
    ) -> anyhow::Result<()> {
        for service in SERVICES {
            self.open(Some(service), to, seed).await?;
        }
        Ok(())
    }

    async fn open(
        &mut self,
        from: Option<&'static str>,
        (to, url): (Peer, &str),
        seed: u64,
    ) -> anyhow::Result<()> {
        let seed = seed ^ ((self.0.len() as u64) << 32);
        let proxy = Proxy::to(host_and_port(url), seed).await?;
        self.0.push(Way { from, to, proxy });
        Ok(())
    }

    /// This URL, on the way that leads there.
    pub(crate) fn url(&self, from: Option<&str>, to: Peer, url: &str) -> anyhow::Result<String> {
        let mut ways = self.0.iter();
        let way = ways.find(|way| way.from == from && way.to == to);
        let way = way.with_context(|| format!("no way from {from:?} to {to:?}"))?;
        Ok(way.proxy.url(url))
    }

    /// Every way to this peer.
    pub(crate) fn to(&self, peer: Peer) -> impl Iterator<Item = &Proxy> {
        self.0
            .iter()
            .filter(move |way| way.to == peer)
            .map(|way| &way.proxy)
    }

    /// One of them all.
    pub(crate) fn any(&self, dice: &mut StdRng) -> &Proxy {
        &self.0[dice.random_range(0..self.0.len())].proxy
    }
}
