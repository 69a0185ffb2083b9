"""A Kerberos realm for tests, with a server of its own on the loopback.

Needs Debian's krb5-kdc and krb5-admin-server.
"""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

REALM = "OXIZMQ.TEST"
SERVICES = ["zmqtest2", "other"]
NEEDED = ["krb5kdc", "kdb5_util", "kadmin.local"]
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"


def tool(name):
    found = shutil.which(name, path=PATH)
    if not found:
        sys.exit(f"kerberos: no {name}: install krb5-kdc and krb5-admin-server")
    return found


def free_port():
    """One that is free for datagrams and for connections."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, socket.socket() as connections:
            datagrams.bind(("127.0.0.1", 0))
            port = datagrams.getsockname()[1]
            with contextlib.suppress(OSError):
                connections.bind(("127.0.0.1", port))
                return port


class Realm:
    """A Kerberos realm with its server, and a key for each service on this host."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.port = free_port()
        self.keytab = self.directory / "keytab"
        self.environment = dict(
            os.environ,
            KRB5_CONFIG=str(self._write_configuration()),
            KRB5_KDC_PROFILE=str(self._write_profile()),
            KRB5_KTNAME=f"FILE:{self.keytab}",
            KRB5_CLIENT_KTNAME=f"FILE:{self.keytab}",
            KRB5CCNAME=f"FILE:{self.directory}/tickets",
            KRB5RCACHENAME="none:",
        )
        self._run("kdb5_util", "create", "-s", "-r", REALM, "-P", "master key of a test")
        for service in SERVICES:
            principal = f"{service}/{socket.gethostname()}@{REALM}"
            self._run("kadmin.local", "-q", f"addprinc -randkey {principal}")
            self._run("kadmin.local", "-q", f"ktadd -k {self.keytab} {principal}")
        with open(self.directory / "log", "w", encoding="utf-8") as log:
            command = [tool("krb5kdc"), "-n", "-r", REALM]
            self.server = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        self._wait()

    def _write_configuration(self):
        path = self.directory / "krb5.conf"
        path.write_text(
            f"""[libdefaults]
 default_realm = {REALM}
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
[realms]
 {REALM} = {{
  kdc = 127.0.0.1:{self.port}
 }}
[domain_realm]
 {socket.gethostname()} = {REALM}
[logging]
 kdc = FILE:{self.directory}/kdc.log
"""
        )
        return path

    def _write_profile(self):
        path = self.directory / "kdc.conf"
        path.write_text(
            f"""[kdcdefaults]
 kdc_listen = 127.0.0.1:{self.port}
 kdc_tcp_listen = 127.0.0.1:{self.port}
[realms]
 {REALM} = {{
  database_name = {self.directory}/principal
  key_stash_file = {self.directory}/stash
  acl_file = {self.directory}/acl
 }}
"""
        )
        return path

    def _run(self, name, *words):
        done = subprocess.run([tool(name), *words], env=self.environment, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"kerberos: {name}: {done.stderr}")

    def _wait(self):
        """Until the server takes connections."""
        end = time.monotonic() + 20
        while time.monotonic() < end and self.server.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            time.sleep(0.02)
        self.stop()
        sys.exit(f"kerberos: the Kerberos server does not start: {(self.directory / 'log').read_text()}")

    def stop(self):
        self.server.terminate()
        self.server.wait()
