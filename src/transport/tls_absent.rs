//! Stands for TLS in a build without it: there is none of any of this.

use std::convert::Infallible;
use std::io::{self, Write};

use crate::error::{Errno, Result};
use crate::options::SocketOptions;

#[derive(Clone, Debug)]
pub struct Server(Infallible);

impl Server {
    pub fn new(_: &SocketOptions) -> Result<Server> {
        Err(Errno::EPROTONOSUPPORT)
    }

    pub fn accept(&self) -> Result<Secured> {
        match self.0 {}
    }
}

#[derive(Clone, Debug)]
pub struct Client(Infallible);

impl Client {
    pub fn new(_: &SocketOptions) -> Result<Client> {
        Err(Errno::EPROTONOSUPPORT)
    }

    pub fn connect(&self) -> Result<Secured> {
        match self.0 {}
    }
}

#[derive(Debug)]
pub struct Secured(Infallible);

impl Secured {
    pub fn feed(&mut self, _: &mut &[u8]) -> Result<()> {
        match self.0 {}
    }

    pub fn read(&mut self, _: &mut [u8]) -> Result<usize> {
        match self.0 {}
    }

    pub fn write(&mut self, _: &[u8]) -> Result<usize> {
        match self.0 {}
    }

    pub fn say_goodbye(&mut self) {
        match self.0 {}
    }

    pub fn wants_write(&self) -> bool {
        match self.0 {}
    }

    pub fn write_to(&mut self, _: &mut impl Write) -> io::Result<usize> {
        match self.0 {}
    }
}
