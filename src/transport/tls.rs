//! TLS for the `wss` transport: whom to trust, who we are, and the bytes of one connection.
//!
//! A binding socket needs a certificate (`ZMQ_WSS_CERT_PEM`, which may be followed by its chain) and
//! its key. A connecting one trusts what `ZMQ_WSS_TRUST_PEM` holds, and with `ZMQ_WSS_TRUST_SYSTEM`
//! also what the system trusts; it trusts nobody otherwise. With `ZMQ_WSS_HOSTNAME` the certificate
//! has to be for that name; without, as in libzmq, any name will do.
//!
//! A certificate that is itself in `ZMQ_WSS_TRUST_PEM` needs no authority, and its name may be in
//! its subject: that is how self-signed ones are used.

use std::io::{self, Read, Write};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{ring, verify_tls12_signature, verify_tls13_signature, CryptoProvider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, Connection, DigitallySignedStruct,
    RootCertStore, ServerConfig, ServerConnection, SignatureScheme,
};

use crate::error::{Errno, Result};
use crate::options::SocketOptions;

mod certificate;

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let all: core::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        _ => Err(Errno::EINVAL),
    }
}

/// What a listener needs for each connection.
#[derive(Clone, Debug)]
pub struct Server(Arc<ServerConfig>);

impl Server {
    /// `EINVAL` without a certificate and its key.
    pub fn new(options: &SocketOptions) -> Result<Server> {
        let chain = certificates(&options.wss_cert_pem)?;
        let key = PrivateKeyDer::from_pem_slice(options.wss_key_pem.as_bytes())
            .map_err(|_| Errno::EINVAL)?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|_| Errno::EINVAL)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|_| Errno::EINVAL)?;
        Ok(Server(Arc::new(config)))
    }

    /// Begins with an accepted connection.
    pub fn accept(&self) -> Result<Secured> {
        let connection = ServerConnection::new(self.0.clone()).map_err(|_| Errno::ENOMEM)?;
        Ok(Secured(Box::new(connection.into())))
    }
}

/// What a connecting session needs for each connection.
#[derive(Clone, Debug)]
pub struct Client {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Client {
    /// `EINVAL` for what is no certificate, or no name.
    pub fn new(options: &SocketOptions) -> Result<Client> {
        let trusted = if options.wss_trust_pem.is_empty() {
            Vec::new()
        } else {
            certificates(&options.wss_trust_pem)?
        };
        let mut roots = RootCertStore::empty();
        for certificate in &trusted {
            roots.add(certificate.clone()).map_err(|_| Errno::EINVAL)?;
        }
        if options.wss_trust_system {
            // What cannot be read is not trusted.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        let name = if options.wss_hostname.is_empty() {
            None
        } else {
            let text = core::str::from_utf8(&options.wss_hostname).map_err(|_| Errno::EINVAL)?;
            Some(ServerName::try_from(text.to_owned()).map_err(|_| Errno::EINVAL)?)
        };
        let provider = Arc::new(ring::default_provider());
        let verifier = Verifier { trusted, roots, name: name.clone(), provider: provider.clone() };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| Errno::EINVAL)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        // An address is announced to nobody, and the verifier knows better what to compare with.
        let nobody = ServerName::IpAddress(core::net::Ipv4Addr::UNSPECIFIED.into());
        Ok(Client { config: Arc::new(config), name: name.unwrap_or(nobody) })
    }

    /// Begins with an established connection.
    pub fn connect(&self) -> Result<Secured> {
        let connection = ClientConnection::new(self.config.clone(), self.name.clone());
        Ok(Secured(Box::new(connection.map_err(|_| Errno::ENOMEM)?.into())))
    }
}

/// Decides about a server's certificate.
#[derive(Debug)]
struct Verifier {
    trusted: Vec<CertificateDer<'static>>,
    roots: RootCertStore,
    name: Option<ServerName<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> core::result::Result<ServerCertVerified, rustls::Error> {
        let is_pinned = self.trusted.iter().any(|certificate| certificate == end_entity);
        let parsed = ParsedCertificate::try_from(end_entity)?;
        if is_pinned {
            certificate::check_time(end_entity, now.as_secs())?;
        } else {
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(
                &parsed,
                &self.roots,
                intermediates,
                now,
                algorithms,
            )?;
        }
        let Some(name) = &self.name else { return Ok(ServerCertVerified::assertion()) };
        match verify_server_name(&parsed, name) {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err(_) if is_pinned && certificate::is_named(end_entity, &name.to_str()) => {
                Ok(ServerCertVerified::assertion())
            }
            Err(error) => Err(error),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> core::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> core::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// One end of a TLS connection: bytes in and bytes out, no descriptor.
pub struct Secured(Box<Connection>);

impl core::fmt::Debug for Secured {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("Secured")
    }
}

impl Secured {
    /// Takes received bytes off the front, as many as fit, and works on them.
    pub fn feed(&mut self, received: &mut &[u8]) -> Result<()> {
        self.0.read_tls(received).map_err(|_| Errno::EPROTO)?;
        self.0.process_new_packets().map_err(|_| Errno::EPROTO)?;
        Ok(())
    }

    /// Gives what the peer said; 0 when it said that it is done, `EAGAIN` when nothing is there.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.0.reader().read(buffer).or_else(|error| match error.kind() {
            io::ErrorKind::WouldBlock => Err(Errno::EAGAIN),
            io::ErrorKind::UnexpectedEof => Ok(0),
            _ => Err(Errno::EPROTO),
        })
    }

    /// Takes what is to be said, as much as there is room for.
    pub fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.0.writer().write(bytes).map_err(|_| Errno::EPROTO)
    }

    /// Says that nothing follows.
    pub fn say_goodbye(&mut self) {
        self.0.send_close_notify();
    }

    /// Whether there are bytes for the peer.
    pub fn wants_write(&self) -> bool {
        self.0.wants_write()
    }

    /// Writes bytes for the peer.
    pub fn write_to(&mut self, out: &mut impl Write) -> io::Result<usize> {
        self.0.write_tls(out)
    }
}

fn malformed() -> rustls::Error {
    CertificateError::BadEncoding.into()
}

#[cfg(test)]
mod tests;
