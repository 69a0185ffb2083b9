//! The transports for many subscribers, by the system's libraries: `pgm`, `epgm` and `norm`.
//!
//! Each is there when its cargo feature is. Publishers send and subscribers receive, whichever of
//! them binds or connects.

/// One of these transports.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// PGM in IP packets of its own, for which a process needs privileges.
    Pgm,
    /// PGM in UDP packets.
    Epgm,
    Norm,
}

impl Kind {
    pub fn scheme(self) -> &'static str {
        match self {
            Kind::Pgm => "pgm",
            Kind::Epgm => "epgm",
            Kind::Norm => "norm",
        }
    }

    /// The transport of this scheme, if this build has it.
    pub fn find(scheme: &str) -> Option<Kind> {
        match scheme {
            "pgm" if cfg!(feature = "pgm") => Some(Kind::Pgm),
            "epgm" if cfg!(feature = "pgm") => Some(Kind::Epgm),
            "norm" if cfg!(feature = "norm") => Some(Kind::Norm),
            _ => None,
        }
    }
}
