//! What a model server writes, in our log. Servers like to write prompts there, so unless an operator wants to see the lines
//! they are only counted.

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tracing::{debug, info};

/// What is shown of a line; the rest of it is dropped.
const LINE_MAX_BYTES: u64 = 1000;

/// Reads until the other side ends. Lines are shown if `is_shown`.
pub(super) async fn read(output: impl AsyncRead + Unpin, is_shown: bool) {
    let (mut reader, mut line, mut lines, mut is_rest) = (BufReader::new(output), Vec::new(), 0_u64, false);
    loop {
        line.clear();
        match (&mut reader).take(LINE_MAX_BYTES).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        let is_whole = line.ends_with(b"\n");
        if is_shown && !is_rest {
            info!(target: "engine", "{}", String::from_utf8_lossy(&line).trim_end());
        }
        lines += u64::from(is_whole);
        is_rest = !is_whole;
    }
    debug!(lines, "The model server has closed its output");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_endless_line_is_read_away() {
        let text = format!("{}\nshort\n", "x".repeat(100_000));
        read(text.as_bytes(), true).await;
        let (mut reader, mut line) = (BufReader::new(text.as_bytes()), Vec::new());
        (&mut reader).take(LINE_MAX_BYTES).read_until(b'\n', &mut line).await.expect("a part of a line");
        assert_eq!(line.len() as u64, LINE_MAX_BYTES);
    }
}
