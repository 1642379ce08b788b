//! Which process of the operating system one is, and whether one that was known before still lives.
//!
//! A number alone is not enough: it is given out again after a while, means another process inside of a container, and
//! nothing after a restart of the machine. So the boot, the namespace and the moment of the start go with it, and of a process
//! of another boot or namespace nobody here can say that it is gone.

use std::fs;

use clipmill_shared::fleet::process::Identity;

/// This process; none where the operating system does not tell.
pub(crate) fn own() -> Option<Identity> {
    let pid = i32::try_from(std::process::id()).ok()?;
    Some(Identity { machine: machine()?, pid, started: started(pid)? })
}

/// Whether a process of this machine lives. Without a start to compare there is none.
pub(crate) fn is_alive(identity: &Identity) -> bool {
    machine().as_deref() != Some(&identity.machine) || started(identity.pid) == Some(identity.started)
}

/// The boot of this machine and the namespace in which process numbers mean something here.
fn machine() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), namespace.display()))
}

/// Ticks from the boot to the start of a process that lives. One that has ended and waits to be looked at is dead.
fn started(pid: i32) -> Option<i64> {
    const STATE: usize = 0;
    const START: usize = 19;
    let told = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before these fields may have anything in it, brackets too.
    let fields: Vec<&str> = told.rsplit_once(')')?.1.split_whitespace().collect();
    match *fields.get(STATE)? {
        "Z" | "X" => None,
        _ => fields.get(START)?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_lives_until_it_ends_and_its_number_alone_is_no_life() {
        let own = own().expect("this is Linux");
        assert!(is_alive(&own));
        assert!(!is_alive(&Identity { started: own.started + 1, ..own.clone() }), "another process of this number");
        assert!(is_alive(&Identity { machine: "elsewhere".to_owned(), pid: i32::MAX, ..own.clone() }), "who knows");

        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().expect("cat runs");
        let pid = i32::try_from(child.id()).expect("a number");
        let identity = Identity { pid, started: started(pid).expect("it lives"), ..own };
        assert!(is_alive(&identity));
        child.kill().expect("it is killed");
        child.wait().expect("it ends");
        assert!(!is_alive(&identity));
    }
}
