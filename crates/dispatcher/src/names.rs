//! Finds the addresses of names: in `/etc/hosts`, and from the DNS servers of `/etc/resolv.conf`.
//!
//! Not with the operating system's resolver: that one holds a thread for each name until its servers answer or it gives
//! up, so that slow names of one callback could use up the threads of all, and it tells no TTL.
//!
//! Answers are remembered within their TTL, and no longer than configured. Only answers are remembered, never a verdict
//! on them: the addresses are checked again on every attempt. A failed lookup is not remembered, so a name that comes
//! back is called at once.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::system_conf::read_system_conf;

use crate::memory::Limits;
use crate::resolver::Lookup;

/// A name has an answer for each version of the protocol.
const ANSWERS: usize = 2;
/// Queries under way over one connection, for answers too large for UDP.
const QUERIES: usize = 1024;

/// Lookups as this machine is configured, which remember within the limits; an age of zero remembers nothing.
pub(crate) fn lookup(limits: Limits) -> io::Result<Lookup> {
    let (config, options) = read_system_conf().unwrap_or_else(|error| {
        tracing::warn!(%error, "no DNS server in /etc/resolv.conf: only names of /etc/hosts are found");
        let none = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
        (none, ResolverOpts::default())
    });
    with(config, options, limits)
}

fn with(config: ResolverConfig, options: ResolverOpts, limits: Limits) -> io::Result<Lookup> {
    let provider = TokioRuntimeProvider::default();
    let mut builder = TokioResolver::builder_with_config(config, provider);
    *builder.options_mut() = bounded(options, limits);
    let resolver = Arc::new(builder.build().map_err(io::Error::other)?);
    Ok(Arc::new(move |name| {
        let resolver = Arc::clone(&resolver);
        async move { find(&resolver, name).await }.boxed()
    }))
}

fn bounded(mut options: ResolverOpts, limits: Limits) -> ResolverOpts {
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.use_hosts_file = ResolveHosts::Always;
    options.positive_max_ttl = Some(limits.age);
    options.negative_max_ttl = Some(Duration::ZERO);
    options.max_active_requests = QUERIES;
    let size = match limits.age.is_zero() {
        true => 0,
        false => limits.size.saturating_mul(ANSWERS),
    };
    options.cache_size = u64::try_from(size).unwrap_or(u64::MAX);
    options
}

async fn find(resolver: &TokioResolver, name: String) -> io::Result<Vec<IpAddr>> {
    match resolver.lookup_ip(name).await {
        Ok(found) => Ok(found.iter().collect()),
        Err(error) => Err(in_words(&error)),
    }
}

/// The library's words for what is missing repeat the whole query.
fn in_words(error: &NetError) -> io::Error {
    if error.is_nx_domain() {
        return io::Error::other("there is no such name");
    }
    if error.is_no_records_found() {
        return io::Error::other("the name has no address");
    }
    io::Error::other(error.to_string())
}

#[cfg(test)]
#[path = "names_tests.rs"]
mod tests;
