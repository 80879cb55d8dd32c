//! Which addresses a callback may have: the public ones, and what the operator allows.
//!
//! A tenant chooses the callback's URL, so without these rules it could make us call the operator's own network.
//! Both what stands in a URL and what a name resolves to is checked, on every attempt.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use ie_platform::OutgoingConfig;
use ie_platform::outgoing::PlainHttp;
use reqwest::Url;

use crate::network::Network;

/// What the operator allows, on top of public addresses over TLS.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    /// Whether a callback may be called without TLS.
    pub(crate) outgoing: OutgoingConfig,
    /// Ranges in which an address is allowed that would be refused.
    pub(crate) allow_networks: Vec<Network>,
}

/// Why a callback is not called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// Neither http nor https.
    #[error("the callback's scheme is {0}, expected http or https")]
    Scheme(String),
    /// The operator wants TLS.
    #[error("the callback is not called: {0}")]
    PlainHttp(#[from] PlainHttp),
    /// There is nobody to call.
    #[error("the callback's URL has no host")]
    NoHost,
    /// An address that leads into the operator's network, or nowhere.
    #[error(
        "the callback's address {address} is {kind}, which is refused; \
         an operator can allow it with dispatcher.allow_networks"
    )]
    Address {
        /// The address, in its canonical form.
        address: IpAddr,
        /// What kind of address it is.
        kind: &'static str,
    },
}

impl Rules {
    /// Checks what can be seen in the URL itself: the scheme, and the host where it is an address.
    ///
    /// A host that is an address never reaches the resolver, so this is the only check it gets.
    pub(crate) fn check_url(&self, url: &Url) -> Result<(), Refused> {
        match url.scheme() {
            scheme @ ("http" | "https") => self.outgoing.check(scheme)?,
            other => return Err(Refused::Scheme(other.to_owned())),
        }
        let host = url.host_str().ok_or(Refused::NoHost)?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        match bare.parse() {
            Ok(address) => self.check_address(address),
            Err(_) => Ok(()),
        }
    }

    /// Checks one address.
    pub(crate) fn check_address(&self, address: IpAddr) -> Result<(), Refused> {
        let address = canonical(address);
        let allowed = |network: &Network| network.contains(address);
        match kind(address) {
            Some(kind) if !self.allow_networks.iter().any(allowed) => {
                Err(Refused::Address { address, kind })
            }
            _ => Ok(()),
        }
    }
}

/// The IPv4 address that an IPv6 address stands for, where it does: mapped, or reached through NAT64.
fn canonical(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return v4.into();
    }
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low).into(),
        _ => address,
    }
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))
}

/// What kind of address it is, if it is not a public one.
fn kind(address: IpAddr) -> Option<&'static str> {
    let listed = REFUSED
        .iter()
        .find(|(network, _)| network.contains(address))
        .map(|(_, kind)| *kind);
    match address {
        IpAddr::V4(_) => listed,
        IpAddr::V6(v6) => listed.or_else(|| not_global(v6)),
    }
}

/// Only 2000::/3 is given out as global unicast; everything else is reserved or local.
fn not_global(address: Ipv6Addr) -> Option<&'static str> {
    let is_global = address.segments()[0] & 0xe000 == 0x2000;
    (!is_global).then_some("reserved")
}

/// Source: the special-purpose address registries of IANA (RFC 6890), and the clouds' metadata services.
static REFUSED: LazyLock<Vec<(Network, &'static str)>> = LazyLock::new(|| {
    let table = [
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared (CGNAT)"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"), // also 169.254.169.254, the metadata service of most clouds
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"), // also 192.0.0.192, Oracle's metadata service
        ("192.0.2.0/24", "for documentation"),
        ("192.88.99.0/24", "a 6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("168.63.129.16/32", "a metadata service"), // Azure's, at a public address
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"), // also the broadcast address
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("64:ff9b:1::/48", "a local NAT64 form"),
        ("2001::/23", "reserved"), // also Teredo, which carries an IPv4 address
        ("2001:db8::/32", "for documentation"),
        ("2002::/16", "a 6to4 form"), // carries an IPv4 address
        ("3fff::/20", "for documentation"),
        ("fc00::/7", "private"), // also fd00:ec2::254, a metadata service
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    ];
    let parse = |(network, kind): (&str, _)| {
        let network = network.parse().expect("the table holds networks");
        (network, kind)
    };
    table.into_iter().map(parse).collect()
});

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
