//! What a server measures, among our own metrics: each name and each series says where it comes from.

/// What our metrics call those of a server, before its own names.
const PREFIX: &str = "clipmill_engine_";

/// The same series under names of ours, with the server as a label. Comments go: two servers would repeat them.
pub(super) fn labelled(text: &str, server: &str) -> String {
    let server = server.replace('\\', r"\\").replace('"', "\\\"");
    let series =
        text.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_'));
    let labelled = series.filter_map(|line| {
        let end = line.find(['{', ' '])?;
        let (name, rest) = line.split_at(end);
        Some(match rest.strip_prefix('{').map(str::trim_start) {
            Some(rest) if rest.starts_with('}') => format!("{PREFIX}{name}{{server=\"{server}\"{rest}\n"),
            Some(rest) => format!("{PREFIX}{name}{{server=\"{server}\",{rest}\n"),
            None => format!("{PREFIX}{name}{{server=\"{server}\"}}{rest}\n"),
        })
    });
    labelled.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_series_says_which_server_it_is_of() {
        let text = "# HELP x y\n# TYPE vllm:waiting gauge\nvllm:waiting{model=\"wan\"} 2\nup 1\nempty{} 3\n\n";
        let expected = "clipmill_engine_vllm:waiting{server=\"a\",model=\"wan\"} 2\n\
            clipmill_engine_up{server=\"a\"} 1\nclipmill_engine_empty{server=\"a\"} 3\n";
        assert_eq!(labelled(text, "a"), expected);
        assert_eq!(labelled("<html>\n{\n", "a"), "");
    }
}
