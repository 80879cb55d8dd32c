//! Tests of [`super`]: a table of hostile addresses and of the ways to write them.

use rstest::rstest;

use super::*;

fn strict() -> Rules {
    Rules {
        outgoing: OutgoingConfig { allow_http: true },
        allow_networks: Vec::new(),
    }
}

fn url(text: &str) -> Url {
    text.parse().unwrap()
}

#[rstest]
#[case::unspecified("0.0.0.0")]
#[case::this_network("0.1.2.3")]
#[case::private_10("10.0.0.1")]
#[case::private_172_first("172.16.0.0")]
#[case::private_172_last("172.31.255.255")]
#[case::private_192("192.168.1.1")]
#[case::cgnat_first("100.64.0.0")]
#[case::cgnat_last("100.127.255.255")]
#[case::alibaba_metadata("100.100.100.200")]
#[case::loopback("127.0.0.1")]
#[case::loopback_last("127.255.255.254")]
#[case::link_local("169.254.1.1")]
#[case::metadata("169.254.169.254")]
#[case::ecs_metadata("169.254.170.2")]
#[case::oracle_metadata("192.0.0.192")]
#[case::azure_metadata("168.63.129.16")]
#[case::documentation("192.0.2.1")]
#[case::benchmarks("198.19.255.255")]
#[case::multicast("224.0.0.1")]
#[case::reserved("240.0.0.1")]
#[case::broadcast("255.255.255.255")]
#[case::v6_unspecified("::")]
#[case::v6_loopback("::1")]
#[case::v6_link_local("fe80::1")]
#[case::v6_private("fc00::1")]
#[case::aws_metadata_v6("fd00:ec2::254")]
#[case::site_local("fec0::1")]
#[case::v6_multicast("ff02::1")]
#[case::v6_documentation("2001:db8::1")]
#[case::mapped_loopback("::ffff:127.0.0.1")]
#[case::mapped_private("::ffff:10.0.0.1")]
#[case::mapped_metadata("::ffff:169.254.169.254")]
#[case::compatible_loopback("::127.0.0.1")]
#[case::nat64_loopback("64:ff9b::127.0.0.1")]
#[case::nat64_metadata("64:ff9b::a9fe:a9fe")]
#[case::nat64_private("64:ff9b::10.1.2.3")]
#[case::nat64_local("64:ff9b:1::1")]
#[case::six_to_four("2002:7f00:1::")]
#[case::teredo("2001:0:7f00:1::")]
#[case::translated("::ffff:0:127.0.0.1")]
#[case::discard_only("100::1")]
#[case::aws_resolver("169.254.169.253")]
#[case::six_to_four_relay("192.88.99.1")]
#[case::documentation_2("198.51.100.1")]
#[case::documentation_3("203.0.113.7")]
#[case::multicast_discovery("239.255.255.250")]
#[case::google_metadata_v6("fd20:ce::254")]
#[case::v6_link_local_last("febf:ffff::1")]
#[case::v6_multicast_site("ff05::1:3")]
#[case::v6_documentation_new("3fff::1")]
#[case::orchid("2001:20::1")]
#[case::segment_routing("5f00::1")]
#[case::never_given_out("4000::1")]
#[case::mapped_cgnat("::ffff:100.64.0.1")]
#[case::nat64_cgnat("64:ff9b::100.64.0.1")]
#[case::nat64_local_private("64:ff9b:1:a00:1::")]
#[case::six_to_four_private("2002:a00:1::")]
fn an_address_inside_is_refused(#[case] address: IpAddr) {
    let refused = strict().check_address(address).unwrap_err();

    assert!(matches!(refused, Refused::Address { .. }), "{refused}");
}

#[rstest]
#[case("1.1.1.1")]
#[case("93.184.216.34")]
#[case("172.15.255.255")]
#[case("172.32.0.0")]
#[case("100.63.255.255")]
#[case("100.128.0.0")]
#[case("168.63.129.15")]
#[case("223.255.255.255")]
#[case("2606:4700:4700::1111")]
#[case("2a00:1450:4001::1")]
#[case::nat64_of_a_public_address("64:ff9b::1.1.1.1")]
#[case::mapped_public_address("::ffff:1.1.1.1")]
fn a_public_address_is_called(#[case] address: IpAddr) {
    assert_eq!(strict().check_address(address), Ok(()));
}

#[rstest]
#[case::plain("http://127.0.0.1/hook")]
#[case::short("http://127.1/hook")]
#[case::decimal("http://2130706433/hook")]
#[case::hexadecimal("http://0x7f000001/hook")]
#[case::octal("http://0177.0.0.1/hook")]
#[case::trailing_dot("http://127.0.0.1./hook")]
#[case::full_width("http://１２７.0.0.1/hook")]
#[case::percent("http://127%2e0%2e0%2e1/hook")]
#[case::with_user("http://example.com@127.0.0.1/hook")]
#[case::with_port("https://10.0.0.1:8443/hook")]
#[case::v6("http://[::1]:8080/hook")]
#[case::v6_mapped("http://[::ffff:7f00:1]/hook")]
#[case::metadata("http://169.254.169.254/latest/meta-data/")]
#[case::metadata_decimal("http://2852039166/")]
#[case::unspecified("http://0/")]
#[case::three_parts("http://127.0.1/")]
#[case::octal_short("http://0177.1/")]
#[case::octal_whole("http://017700000001/")]
#[case::hexadecimal_parts("http://0x7f.0x0.0x0.0x1/")]
#[case::hexadecimal_short("http://0x7f.1/")]
#[case::ideographic_dots("http://127。0。0。1/")]
#[case::full_width_dots("http://127．0．0．1/")]
#[case::circled_digits("http://①②⑦.0.0.1/")]
#[case::with_user_and_password("http://example.com:80@127.0.0.1/")]
#[case::before_a_fragment("http://127.0.0.1#@example.com/")]
#[case::before_a_query("http://127.0.0.1?@example.com/")]
#[case::before_a_backslash("http://127.0.0.1\\@example.com/")]
#[case::without_slashes("http:127.0.0.1")]
#[case::many_slashes("http:////127.0.0.1/")]
#[case::tab_inside("http://12\t7.0.0.1/")]
#[case::broadcast("http://4294967295/")]
#[case::metadata_trailing_dot("http://169.254.169.254./")]
#[case::metadata_hexadecimal("http://0xa9fea9fe/")]
#[case::metadata_octal("http://0251.0376.0251.0376/")]
#[case::v6_written_out("http://[0:0:0:0:0:0:0:1]/")]
#[case::v6_mapped_metadata("http://[::ffff:169.254.169.254]/")]
#[case::nat64_metadata("http://[64:ff9b::169.254.169.254]/")]
fn every_way_to_write_an_address_inside_is_refused(#[case] text: &str) {
    let refused = strict().check_url(&url(text)).unwrap_err();

    assert!(matches!(refused, Refused::Address { .. }), "{refused}");
}

#[rstest]
#[case::zone("http://[fe80::1%25eth0]/")]
#[case::zone_plain("http://[fe80::1%eth0]/")]
#[case::five_parts("http://1.2.3.4.5/")]
#[case::too_large_a_part("http://256.0.0.1/")]
#[case::too_large_a_number("http://4294967296/")]
#[case::no_octal("http://0189.0.0.1/")]
#[case::nul("http://127.0.0.1%00.example.com/")]
#[case::space("http://127.0.0.1%20.example.com/")]
#[case::open_bracket("http://[::1/")]
fn what_looks_like_an_address_and_is_none_is_no_url(#[case] text: &str) {
    assert!(text.parse::<Url>().is_err());
}

/// Only a name reaches the resolver, which checks what the name stands for.
#[rstest]
#[case::plain("http://localhost/", "localhost")]
#[case::trailing_dot("http://localhost./", "localhost.")]
#[case::capitals("http://LOCALHOST/", "localhost")]
#[case::full_width("http://ｌｏｃａｌｈｏｓｔ/", "localhost")]
#[case::international("http://bücher.example/", "xn--bcher-kva.example")]
#[case::address_inside_a_name("http://127.0.0.1.nip.io/", "127.0.0.1.nip.io")]
fn a_name_is_left_to_the_resolver_in_one_spelling(#[case] text: &str, #[case] name: &str) {
    let url = url(text);

    assert_eq!(url.domain(), Some(name));
    assert_eq!(strict().check_url(&url), Ok(()));
}

#[rstest]
#[case("ftp://example.com/")]
#[case("file:///etc/passwd")]
#[case("gopher://example.com/")]
#[case("unix:/run/docker.sock")]
fn a_scheme_that_is_not_http_is_refused(#[case] text: &str) {
    let refused = strict().check_url(&url(text)).unwrap_err();

    assert!(matches!(refused, Refused::Scheme(_)), "{refused}");
}

#[test]
fn plain_http_is_refused_when_the_operator_says_so() {
    let rules = Rules {
        outgoing: OutgoingConfig::default(),
        ..strict()
    };

    let plain = rules.check_url(&url("http://example.com/hook"));
    let encrypted = rules.check_url(&url("https://example.com/hook"));

    assert_eq!(plain, Err(Refused::PlainHttp(PlainHttp)));
    assert_eq!(encrypted, Ok(()));
}

#[rstest]
#[case("http://127.0.0.1:9000/", true)]
#[case("http://[::ffff:127.0.0.1]:9000/", true)]
#[case("http://127.0.1.1/", false)]
#[case("http://10.0.0.1/", false)]
#[case("http://[::1]/", false)]
fn an_allowed_network_opens_itself_and_nothing_else(#[case] text: &str, #[case] open: bool) {
    let rules = Rules {
        allow_networks: vec!["127.0.0.0/24".parse().unwrap()],
        ..strict()
    };

    assert_eq!(rules.check_url(&url(text)).is_ok(), open);
}

#[test]
fn a_refusal_names_the_address_and_the_setting_that_would_allow_it() {
    let refused = strict().check_url(&url("http://127.1/")).unwrap_err();

    let text = refused.to_string();
    assert!(text.contains("127.0.0.1"), "{text}");
    assert!(text.contains("loopback"), "{text}");
    assert!(text.contains("dispatcher.allow_networks"), "{text}");
}
