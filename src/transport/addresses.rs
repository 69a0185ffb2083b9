//! The two ends of a connection, by name.

/// Where one connection begins and ends, as monitor events show it.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    pub local: String,
    pub remote: String,
    /// The end that names the connection: local for bound endpoints, remote for connected ones.
    pub bound: bool,
}

impl Addresses {
    /// A bound endpoint, or an endpoint that failed to bind.
    pub fn of_bound(local: &str) -> Addresses {
        Addresses { local: local.to_owned(), remote: String::new(), bound: true }
    }

    /// An endpoint that connects.
    pub fn of_connecting(remote: &str) -> Addresses {
        Addresses { local: String::new(), remote: remote.to_owned(), bound: false }
    }

    /// The name of the endpoint these addresses belong to.
    pub fn identifier(&self) -> &str {
        if self.bound {
            &self.local
        } else {
            &self.remote
        }
    }
}
