//! Every form of an address, on a system whose names and interfaces are made up here.

use super::*;

/// Hosts with an IPv4 and an IPv6 address; interfaces are `lo0`, `eth0`, `eth1`, indexed from 1.
struct Fake;

const HOSTS: [(&str, Option<&str>, &str); 3] = [
    ("both.test", Some("10.100.0.1"), "fdf5:d058:d656::1"),
    ("v4.test", Some("10.100.0.2"), "::ffff:10.100.0.2"),
    ("v6.test", None, "fdf5:d058:d656::2"),
];

impl Lookup for Fake {
    fn host(&self, host: &str, query: HostQuery) -> Result<SocketAddr> {
        let known = HOSTS.iter().find(|(name, ..)| !query.numeric && *name == host);
        let number = match known {
            Some((_, _, v6)) if query.family == Family::V6 => v6,
            Some((_, v4, _)) => v4.ok_or(Errno::ENXIO)?,
            None => host,
        };
        let query = HostQuery { numeric: true, ..query };
        System.host(number, query)
    }

    fn interface(&self, name: &str, ipv6: bool) -> Result<Option<SocketAddr>> {
        let address = match (name, ipv6) {
            ("lo0", false) => "127.0.0.1:0",
            ("lo0", true) => "[::1]:0",
            ("eth0", false) => "10.1.1.1:0",
            ("eth1", _) => return Ok(None),
            ("busy0", _) => return Err(Errno::EMFILE),
            ("mute0", _) => return Err(Errno(libc::EOPNOTSUPP)),
            _ => return Ok(None),
        };
        Ok(Some(address.parse().unwrap()))
    }

    fn interface_index(&self, name: &str) -> u32 {
        let position = ["lo0", "eth0", "eth1"].iter().position(|known| *known == name);
        position.map_or(0, |position| position as u32 + 1)
    }
}

fn bind(text: &str, ipv6: bool) -> core::result::Result<String, Errno> {
    resolve(&Fake, text, Rules::BIND, ipv6).map(|address| address.to_string())
}

fn connect(text: &str, ipv6: bool) -> core::result::Result<String, Errno> {
    resolve(&Fake, text, Rules::CONNECT, ipv6).map(|address| address.to_string())
}

fn literal(text: &str, ipv6: bool) -> core::result::Result<String, Errno> {
    resolve(&Fake, text, Rules::LITERAL, ipv6).map(|address| address.ip().to_string())
}

fn ok(text: &str) -> core::result::Result<String, Errno> {
    Ok(text.to_owned())
}

#[test]
fn wildcards_are_for_binding() {
    for (text, v4, v6) in [
        ("*:*", "0.0.0.0:0", "[::]:0"),
        ("*:0", "0.0.0.0:0", "[::]:0"),
        ("*:5555", "0.0.0.0:5555", "[::]:5555"),
        ("[*]:1", "0.0.0.0:1", "[::]:1"),
    ] {
        assert_eq!(bind(text, false), ok(v4), "{text}");
        assert_eq!(bind(text, true), ok(v6), "{text}");
        assert_eq!(connect(text, false), Err(Errno::EINVAL), "{text}");
        assert_eq!(connect(text, true), Err(Errno::EINVAL), "{text}");
    }
    assert_eq!(bind("127.0.0.1:*", false), ok("127.0.0.1:0"));
    assert_eq!(connect("127.0.0.1:*", false), Err(Errno::EINVAL));
    assert_eq!(bind("[1234::1]:*", true), ok("[1234::1]:0"));
}

#[test]
fn ports_are_read_leniently() {
    assert_eq!(connect("1.2.3.4:0", false), ok("1.2.3.4:0"));
    assert_eq!(connect("1.2.3.4:567bad", false), ok("1.2.3.4:567"));
    assert_eq!(connect("1.2.3.4: 80", false), ok("1.2.3.4:80"));
    assert_eq!(connect("1.2.3.4:+80", false), ok("1.2.3.4:80"));
    assert_eq!(connect("1.2.3.4:-1", false), ok("1.2.3.4:65535"));
    assert_eq!(connect("1.2.3.4:65537", false), ok("1.2.3.4:1"));
    for text in ["1.2.3.4", "1.2.3.4:", "1.2.3.4:bad", "1.2.3.4:65536", "1.2.3.4:00", "1.2.3.4:!"] {
        assert_eq!(connect(text, false), Err(Errno::EINVAL), "{text}");
        assert_eq!(bind(text, false), Err(Errno::EINVAL), "{text}");
    }
}

#[test]
fn literals_of_both_families() {
    assert_eq!(literal("1.2.128.129", false), ok("1.2.128.129"));
    assert_eq!(literal("0.0.0.0", false), ok("0.0.0.0"));
    assert_eq!(literal("255.255.255.255", false), ok("255.255.255.255"));
    assert_eq!(literal("[1.2.128.129]", false), ok("1.2.128.129"));
    assert_eq!(literal("::1", true), ok("::1"));
    assert_eq!(literal("[::1]", true), ok("::1"));
    assert_eq!(literal("abcd:1234::1:0:234", true), ok("abcd:1234::1:0:234"));
    assert_eq!(literal("11.22.33.44", true), ok("::ffff:11.22.33.44"));
    for text in ["1.2.3.4]", "[1.2.3.4", "[1.2.3].4", "1.2.3.4:123", "1.2.3.4:*", "::1", ""] {
        assert_eq!(literal(text, false), Err(Errno::EINVAL), "{text}");
    }
    for text in ["::1]", "[::1", "[abcd:1234::1:]0:234", "both.test"] {
        assert_eq!(literal(text, true), Err(Errno::EINVAL), "{text}");
    }
}

#[test]
fn brackets_go_around_the_host_only() {
    assert_eq!(connect("[192.168.1.1]:5555", false), ok("192.168.1.1:5555"));
    assert_eq!(connect("[1234::1]:80", true), ok("[1234::1]:80"));
    assert_eq!(connect("1234::1:0:234:123", true), ok("[1234::1:0:234]:123"));
    assert_eq!(connect("11.22.33.44:55", true), ok("[::ffff:11.22.33.44]:55"));
    assert_eq!(connect("[both.test]:22", false), ok("10.100.0.1:22"));
    for text in ["[1.1.1.1:]5555", "[1.1.1.1:5555]", "[1.1.1.1:*]", "[::1]:1234", "[both.test:22]"]
    {
        assert_eq!(connect(text, false), Err(Errno::EINVAL), "{text}");
    }
}

#[test]
fn zones_are_names_or_numbers() {
    for (text, expected) in [
        ("3000::1:234%2:1111", "[3000::1:234%2]:1111"),
        ("3000::1:234%eth0:8080", "[3000::1:234%2]:8080"),
        ("[3000::1:234%eth1]:8080", "[3000::1:234%3]:8080"),
        ("[both.test%lo0]:4444", "[fdf5:d058:d656::1%1]:4444"),
    ] {
        assert_eq!(connect(text, true), ok(expected), "{text}");
    }
    for text in ["[::1%0]:1", "[::1%bad0]:1", "[::1%]:1", "[::1%-]:1"] {
        assert_eq!(connect(text, true), Err(Errno::EINVAL), "{text}");
    }
    // IPv4 has no zones; one that exists does no harm.
    assert_eq!(connect("1.2.3.4%lo0:1", false), ok("1.2.3.4:1"));
}

#[test]
fn names_have_addresses_of_their_families() {
    assert_eq!(connect("both.test:1", false), ok("10.100.0.1:1"));
    assert_eq!(connect("both.test:1", true), ok("[fdf5:d058:d656::1]:1"));
    assert_eq!(connect("v4.test:1", true), ok("[::ffff:10.100.0.2]:1"));
    assert_eq!(connect("v6.test:1", true), ok("[fdf5:d058:d656::2]:1"));
    assert_eq!(connect("v6.test:1", false), Err(Errno::EINVAL));
    assert_eq!(connect("none.test:1", false), Err(Errno::EINVAL));
    assert_eq!(bind("none.test:1", false), Err(Errno::ENODEV));
    assert_eq!(bind(":1", false), Err(Errno::ENODEV));
}

#[test]
fn interface_names_are_for_binding() {
    assert_eq!(bind("lo0:7", false), ok("127.0.0.1:7"));
    assert_eq!(bind("lo0:7", true), ok("[::1]:7"));
    assert_eq!(bind("eth0:*", false), ok("10.1.1.1:0"));
    assert_eq!(bind("eth1:7", false), Err(Errno::ENODEV));
    assert_eq!(bind("busy0:7", false), Err(Errno::EMFILE));
    assert_eq!(bind("mute0:7", false), Err(Errno::ENODEV));
    assert_eq!(connect("lo0:7", false), Err(Errno::EINVAL));
}

#[test]
fn source_addresses_are_literal_or_interfaces() {
    let pair = |text| resolve_pair(&Fake, text, Rules::CONNECT, false);
    let target = pair("127.0.0.1:0;both.test:5").unwrap();
    assert_eq!(target.source, Some("127.0.0.1:0".parse().unwrap()));
    assert_eq!(target.address, "10.100.0.1:5".parse().unwrap());
    let target = pair("eth0:*;1.2.3.4:5").unwrap();
    assert_eq!(target.source, Some("10.1.1.1:0".parse().unwrap()));
    let target = pair("*:9;1.2.3.4:5").unwrap();
    assert_eq!(target.source, Some("0.0.0.0:9".parse().unwrap()));
    assert_eq!(pair("1.2.3.4:5").unwrap().source, None);
    assert_eq!(pair("both.test:0;1.2.3.4:5"), Err(Errno::ENODEV));
    assert_eq!(pair("127.0.0.1;1.2.3.4:5"), Err(Errno::EINVAL));
    assert_eq!(pair(";1.2.3.4:5"), Err(Errno::EINVAL));
    assert_eq!(pair("127.0.0.1:0;"), Err(Errno::EINVAL));
}

#[test]
fn the_real_system_knows_loopback() {
    assert_eq!(resolve_bind("lo:5", false), Ok("127.0.0.1:5".parse().unwrap()));
    assert_eq!(resolve_bind("*:*", false), Ok("0.0.0.0:0".parse().unwrap()));
    let target = resolve_connect("127.1:5", false).unwrap();
    assert_eq!(target.address, "127.0.0.1:5".parse().unwrap());
    assert_eq!(resolve_bind("no\0host:5", false), Err(Errno::ENODEV));
    assert_eq!(resolve_connect("no\0host:5", false), Err(Errno::EINVAL));
    assert_eq!(resolve_literal("10.0.0.1", false), Ok("10.0.0.1".parse().unwrap()));
}

#[test]
fn connect_check_looks_at_characters_and_port() {
    for text in [
        "localhost:1234",
        "127.0.0.1:0",
        "[::1]:5",
        "[fe80::1%eth0]:5",
        ":5",
        "::1:5",
        "127.0.0.1:0;localhost:1234",
        "lo:5555;localhost:1235",
        "under_score:1x",
        "host*:1",
    ] {
        assert_eq!(check_connect(text), Ok(()), "{text}");
    }
    for text in [
        "",
        "localhost",
        "localhost:",
        "localhost:*",
        "localhost:abc",
        "localhost:-1",
        "*:1",
        "-host:1",
        "local host:1",
        "h\u{f6}st:1",
        "host:1/path",
        "%lo:1",
        ";h:1",
        ".h:1",
    ] {
        assert_eq!(check_connect(text), Err(Errno::EINVAL), "{text}");
    }
}

#[test]
fn only_names_need_the_resolver() {
    for text in ["1.2.3.4:5", "[::1]:5", "::1:5", "127.1:5", "[::1%1]:5", "lo:0;1.2.3.4:5", "name"]
    {
        assert!(!needs_resolver(text), "{text}");
    }
    for text in ["localhost:5", "a.test:5", "127.0.0.1:0;a.test:5", "[a.test]:5"] {
        assert!(needs_resolver(text), "{text}");
    }
}
