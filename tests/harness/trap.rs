//! What a proxy waits for before it breaks the way: a request that names something, or the answer that ends it.

use std::collections::HashMap;

use crate::proxy::Way;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the client to the server.
    Request,
    /// From the server to the client.
    Answer,
}

/// Breaks the way in the moment that a certain request is seen, or when the database has done what it asks.
#[derive(Debug)]
pub struct Trap {
    request: &'static str,
    and_its_commit: bool,
    then: Way,
    /// The connection on which the request was seen, if the trap waits for its commit.
    armed: Option<u64>,
    /// Statements that came after the request and are answered before it, such as the driver's questions about types.
    between: usize,
    tails: HashMap<(u64, Direction), Vec<u8>>,
}

/// Longer than anything that a trap waits for.
const TAIL_BYTES: usize = 256;

impl Trap {
    /// Springs before a request that holds this text reaches the server.
    pub fn before(request: &'static str, then: Way) -> Self {
        Self { request, and_its_commit: false, then, armed: None, between: 0, tails: HashMap::new() }
    }

    /// Springs when Postgres has committed a request that holds this text, before its client reads so.
    pub fn after(request: &'static str, then: Way) -> Self {
        Self { and_its_commit: true, ..Self::before(request, then) }
    }

    /// Looks at a piece of a connection that has not been passed on yet; says what shall happen if it is the one.
    pub(crate) fn look(&mut self, connection: u64, direction: Direction, bytes: &[u8]) -> Option<Way> {
        let tail = self.tails.entry((connection, direction)).or_default();
        tail.extend_from_slice(bytes);
        let springs = match (self.armed, direction) {
            (None, Direction::Request) => {
                let seen = contains(tail, self.request.as_bytes());
                self.armed = (seen && self.and_its_commit).then_some(connection);
                seen && !self.and_its_commit
            }
            (Some(armed), _) if armed == connection => self.is_the_commit(direction, bytes),
            _ => false,
        };
        if let Some(tail) = self.tails.get_mut(&(connection, direction)) {
            tail.drain(..tail.len().saturating_sub(TAIL_BYTES));
        }
        springs.then_some(self.then)
    }

    /// Whether a piece of the connection that made the request says that it is done and no transaction is open after it.
    fn is_the_commit(&mut self, direction: Direction, bytes: &[u8]) -> bool {
        match (direction, completed(bytes)) {
            (Direction::Request, _) => {
                self.between += usize::from(is_another_question(bytes));
                false
            }
            (Direction::Answer, Some(_)) if self.between > 0 => {
                self.between -= 1;
                false
            }
            (Direction::Answer, state) => state == Some(IDLE),
        }
    }
}

/// Prepares a statement.
const PARSE: u8 = b'P';
/// Runs a text.
const QUERY: u8 = b'Q';
const COMMAND_COMPLETE: u8 = b'C';
const IDLE: u8 = b'I';

fn is_another_question(request: &[u8]) -> bool {
    match request.first() {
        Some(&PARSE) => true,
        Some(&QUERY) => !contains(request, b"COMMIT"),
        _ => false,
    }
}

/// The state of the transaction after a command that this answer ends, if it ends one: the last messages are
/// `CommandComplete`, which is a letter, a length and a tag, perhaps `CloseComplete`, and `ReadyForQuery`, which ends
/// with the state.
fn completed(answer: &[u8]) -> Option<u8> {
    let (state, rest) = answer.split_last()?;
    let rest = rest.strip_suffix(b"Z\0\0\0\x05")?;
    let rest = rest.strip_suffix(b"3\0\0\0\x04").unwrap_or(rest);
    let is_it = |message: &[u8]| match message {
        [COMMAND_COMPLETE, a, b, c, d, ..] => u32::from_be_bytes([*a, *b, *c, *d]) as usize + 1 == message.len(),
        _ => false,
    };
    (0..rest.len()).any(|at| is_it(&rest[at..])).then_some(*state)
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_seen_though_it_comes_in_pieces() {
        let mut trap = Trap::before("status = 'completed'", Way::Cut);
        assert_eq!(trap.look(1, Direction::Request, b"update jobs set status = 'comp"), None);
        assert_eq!(trap.look(2, Direction::Request, b"leted'"), None, "another connection");
        assert_eq!(trap.look(1, Direction::Answer, b"leted'"), None, "another direction");
        assert_eq!(trap.look(1, Direction::Request, b"leted' where"), Some(Way::Cut));
    }

    #[test]
    fn only_the_commit_of_the_request_springs() {
        let mut trap = Trap::after("status = 'completed'", Way::Stalled);
        let (done, idle) = (b"2\0\0\0\x04C\0\0\0\x0dUPDATE 1\x003\0\0\0\x04".as_slice(), b"Z\0\0\0\x05I".as_slice());
        let commit = [done, idle].concat();
        assert_eq!(trap.look(1, Direction::Answer, &commit), None, "before the request");
        assert_eq!(trap.look(1, Direction::Request, b"Pset status = 'completed'"), None);
        assert_eq!(trap.look(1, Direction::Answer, idle), None, "it was only parsed");
        assert_eq!(trap.look(1, Direction::Request, b"Qselect from pg_type"), None);
        assert_eq!(trap.look(1, Direction::Answer, &commit), None, "the answer to another question");
        assert_eq!(trap.look(1, Direction::Request, b"Bexecute"), None);
        assert_eq!(trap.look(1, Direction::Answer, &[done, b"Z\0\0\0\x05T"].concat()), None, "inside a transaction");
        assert_eq!(trap.look(2, Direction::Answer, &commit), None, "another connection");
        assert_eq!(trap.look(1, Direction::Request, b"QCOMMIT"), None);
        assert_eq!(trap.look(1, Direction::Answer, &commit), Some(Way::Stalled));
    }
}
