//! Hosts on one switch: a host is a network namespace with an address of its own, and a cable to a bridge in this program's.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;

/// The switch. This program is on it, too: it is the host of the customers.
pub(crate) struct Network {
    hosts: u8,
}

/// A host. Its end of the cable is called `eth0`, the switch's as the host is.
pub(crate) struct Host {
    /// What it is called.
    pub(crate) name: &'static str,
    /// Where the others find it.
    pub(crate) address: Ipv4Addr,
}

impl Network {
    /// This program's own address.
    pub(crate) const HERE: Ipv4Addr = address(1);

    /// A switch with nobody on it but this program.
    pub(crate) async fn lay() -> Result<Self> {
        run("ip link set lo up").await?;
        run("ip link add name switch type bridge").await?;
        run(&format!("ip address add {}/24 dev switch", Self::HERE)).await?;
        run("ip link set switch up").await?;
        Ok(Self { hosts: 1 })
    }

    /// One more host. Its name has at most 15 letters, as a network interface's.
    pub(crate) async fn host(&mut self, name: &'static str) -> Result<Host> {
        self.hosts += 1;
        let host = Host { name, address: address(self.hosts) };
        run(&format!("ip netns add {name}")).await?;
        run(&format!("ip link add name {name} type veth peer name eth0 netns {name}")).await?;
        run(&format!("ip -n {name} link set lo up")).await?;
        run(&format!("ip -n {name} address add {}/24 dev eth0", host.address)).await?;
        run(&format!("ip -n {name} link set eth0 up")).await?;
        run(&format!("ip link set {name} master switch up")).await?;
        Ok(host)
    }
}

impl Host {
    /// A port of this host.
    pub(crate) fn at(&self, port: u16) -> SocketAddr {
        (self.address, port).into()
    }

    /// A program on this host. It is killed when it is dropped.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", self.name]).arg(program).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Pulls the cable out of the switch: what is sent vanishes, and nobody is told.
    pub(crate) async fn cut(&self) -> Result<()> {
        run(&format!("ip link set {} down", self.name)).await
    }

    /// Plugs the cable in again.
    pub(crate) async fn mend(&self) -> Result<()> {
        run(&format!("ip link set {} up", self.name)).await
    }

    /// Lets no more through, in each direction, than so many thousand bits a second; what is more has to queue up.
    pub(crate) async fn slow_down(&self, kbit: u32) -> Result<()> {
        let bucket = format!("root tbf rate {kbit}kbit burst 16kb latency 2s");
        run(&format!("tc qdisc add dev {} {bucket}", self.name)).await?;
        run(&format!("tc -n {} qdisc add dev eth0 {bucket}", self.name)).await
    }
}

const fn address(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 80, 0, host)
}

/// Runs a command whose words have no spaces in them.
async fn run(line: &str) -> Result<()> {
    let mut words = line.split(' ');
    let command = Command::new(words.next().unwrap_or_default()).args(words).output().await;
    let ended = command.with_context(|| format!("cannot run {line}"))?;
    ensure!(ended.status.success(), "{line}: {}", String::from_utf8_lossy(&ended.stderr).trim());
    Ok(())
}
