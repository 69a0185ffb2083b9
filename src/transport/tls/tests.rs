//! Both ends in memory, with the certificates of `certificates`: one that signed itself, another one
//! of these that has expired, and one that an authority issued.

use super::*;
use crate::security::keys::SecretBytes;

macro_rules! pem {
    ($name:literal) => {
        include_bytes!(concat!("certificates/", $name)).as_slice()
    };
}

fn server(certificate: &[u8], key: &[u8]) -> Result<Server> {
    let mut options = SocketOptions::new(0);
    options.wss_cert_pem = certificate.to_vec();
    options.wss_key_pem = SecretBytes::new(key);
    Server::new(&options)
}

fn client(trusted: &[u8], name: &str) -> Result<Client> {
    let mut options = SocketOptions::new(0);
    options.wss_trust_pem = trusted.to_vec();
    options.wss_hostname = name.as_bytes().to_vec();
    Client::new(&options)
}

/// Passes on what one end has for the other.
fn pass(from: &mut Secured, to: &mut Secured) -> Result<()> {
    let mut bytes = Vec::new();
    while from.wants_write() {
        from.write_to(&mut bytes).unwrap();
    }
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        to.feed(&mut rest)?;
    }
    Ok(())
}

/// Says something both ways; an error is the client's, which does not trust the server.
fn talk(server: &Server, client: &Client) -> Result<()> {
    let (mut server, mut client) = (server.accept()?, client.connect()?);
    let mut buffer = [0; 16];
    assert_eq!(client.read(&mut buffer), Err(Errno::EAGAIN));
    assert_eq!(client.write(b"question"), Ok(8));
    for _ in 0..4 {
        pass(&mut client, &mut server).unwrap();
        pass(&mut server, &mut client)?;
    }
    assert_eq!(server.read(&mut buffer), Ok(8));
    assert_eq!(&buffer[..8], b"question");
    assert_eq!(server.write(b"answer"), Ok(6));
    pass(&mut server, &mut client)?;
    assert_eq!(client.read(&mut buffer), Ok(6));
    Ok(())
}

#[test]
fn a_certificate_that_is_trusted_by_itself() {
    let server = server(pem!("self-signed.pem"), pem!("self-signed.key")).unwrap();
    let trusted = pem!("self-signed.pem");
    for (name, outcome) in [
        ("messages.test", Ok(())),
        ("MESSAGES.test", Ok(())),
        ("", Ok(())),
        ("other.test", Err(Errno::EPROTO)),
        ("127.0.0.1", Err(Errno::EPROTO)),
    ] {
        assert_eq!(talk(&server, &client(trusted, name).unwrap()), outcome, "{name}");
    }
    let both = [pem!("authority.pem"), trusted].concat();
    assert_eq!(talk(&server, &client(&both, "messages.test").unwrap()), Ok(()));
    let other = client(pem!("authority.pem"), "").unwrap();
    assert_eq!(talk(&server, &other), Err(Errno::EPROTO));
    assert_eq!(talk(&server, &client(b"", "").unwrap()), Err(Errno::EPROTO));
}

#[test]
fn a_certificate_that_an_authority_issued() {
    let server = server(pem!("issued.pem"), pem!("issued.key")).unwrap();
    for (name, outcome) in
        [("messages.test", Ok(())), ("", Ok(())), ("other.test", Err(Errno::EPROTO))]
    {
        let client = client(pem!("authority.pem"), name).unwrap();
        assert_eq!(talk(&server, &client), outcome, "{name}");
    }
    assert_eq!(talk(&server, &client(b"", "").unwrap()), Err(Errno::EPROTO));
}

#[test]
fn a_certificate_that_has_expired() {
    let server = server(pem!("expired.pem"), pem!("self-signed.key")).unwrap();
    let client = client(pem!("expired.pem"), "").unwrap();
    assert_eq!(talk(&server, &client), Err(Errno::EPROTO));
}

#[test]
fn options_that_are_none() {
    let (certificate, key) = (pem!("self-signed.pem"), pem!("self-signed.key"));
    for (certificate, key) in [
        (certificate, &b""[..]),
        (b"", key),
        (key, certificate),
        (certificate, pem!("issued.key")),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", key),
    ] {
        assert!(matches!(server(certificate, key), Err(Errno::EINVAL)));
    }
    for (trusted, name) in [(&b"nonsense"[..], ""), (key, ""), (b"", "no name"), (b"", "a..b")] {
        assert!(matches!(client(trusted, name), Err(Errno::EINVAL)), "{name}");
    }
}

#[test]
fn a_peer_that_speaks_no_tls() {
    let server = server(pem!("self-signed.pem"), pem!("self-signed.key")).unwrap();
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 100], &[0x16, 3, 1, 0xff, 0xff, 0]] {
        let mut rest = bytes;
        let outcome = server.accept().unwrap().feed(&mut rest);
        assert!(outcome.is_err() || rest.is_empty());
    }
}
