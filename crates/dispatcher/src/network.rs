//! A range of addresses in CIDR form, such as `10.0.0.0/8`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Every address that shares the first `prefix` bits with `base`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    base: IpAddr,
    prefix: u8,
}

/// The text is no range of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no network, expected an address and a prefix length such as \"10.0.0.0/8\"")]
pub struct NoNetwork(String);

impl Network {
    /// Whether the address lies in this range. An IPv4 address never lies in an IPv6 range, nor the reverse.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.prefix);
                (u32::from(base) ^ u32::from(address))
                    .checked_shr(shift)
                    .unwrap_or(0)
                    == 0
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.prefix);
                (u128::from(base) ^ u128::from(address))
                    .checked_shr(shift)
                    .unwrap_or(0)
                    == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = NoNetwork;

    /// Reads `address/prefix`; a bare address is the range of that address alone.
    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let no_network = || NoNetwork(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let base: IpAddr = address.trim().parse().map_err(|_| no_network())?;
        let widest = if base.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.trim().parse().map_err(|_| no_network())?,
            None => widest,
        };
        if prefix > widest {
            return Err(no_network());
        }
        Ok(Self { base, prefix })
    }
}

impl TryFrom<String> for Network {
    type Error = NoNetwork;

    fn try_from(text: String) -> Result<Self, NoNetwork> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("10.0.0.0/8", "10.255.255.255", true)]
    #[case("10.0.0.0/8", "11.0.0.0", false)]
    #[case("10.0.0.1/32", "10.0.0.1", true)]
    #[case("10.0.0.1/32", "10.0.0.2", false)]
    #[case("10.0.0.1", "10.0.0.1", true)]
    #[case("10.0.0.1", "10.0.0.0", false)]
    #[case("0.0.0.0/0", "255.1.2.3", true)]
    #[case("0.0.0.0/0", "::1", false)]
    #[case("172.16.0.0/12", "172.31.255.255", true)]
    #[case("172.16.0.0/12", "172.32.0.0", false)]
    #[case("::/0", "2001:db8::1", true)]
    #[case("fd00::/8", "fdff::1", true)]
    #[case("fd00::/8", "fe00::1", false)]
    #[case("::1/128", "::1", true)]
    #[case("::1", "::2", false)]
    fn a_network_contains_what_shares_its_prefix(
        #[case] network: Network,
        #[case] address: IpAddr,
        #[case] expected: bool,
    ) {
        assert_eq!(network.contains(address), expected);
    }

    #[rstest]
    #[case("10.0.0.0/33")]
    #[case("::/129")]
    #[case("10.0.0/8")]
    #[case("localhost")]
    #[case("10.0.0.0/")]
    #[case("")]
    fn what_is_no_network_is_refused_with_an_example(#[case] text: &str) {
        let error = text.parse::<Network>().unwrap_err();

        assert!(error.to_string().contains("10.0.0.0/8"), "{error}");
    }

    #[test]
    fn a_network_is_written_as_it_is_read() {
        let text = "\"10.0.0.0/8\"";

        let network: Network = serde_json::from_str(text).unwrap();

        assert_eq!(serde_json::to_string(&network).unwrap(), text);
    }
}
