//! The page of an archive that people read.

use html_escape::encode_text;
use serde_json::Value;

/// The end of the page.
pub(super) const FOOT: &str = "</tbody></table>\n</body>\n</html>\n";

/// The beginning of the page: the account, and what there is.
pub(super) fn head(account: &Value, counts: &[(&str, u64)]) -> String {
    let line = |(table, count): &(&str, u64)| {
        format!("<tr><td><a href=\"data/{table}.json\">{table}</a></td><td>{count}</td></tr>\n")
    };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Clipmill export</title>\n\
         <style>body{{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}}\
         table{{border-collapse:collapse;width:100%}}td,th{{border-bottom:1px solid #ccc;padding:.4rem;text-align:left;\
         vertical-align:top}}</style></head>\n<body>\n<h1>Everything that is held about {name}</h1>\n\
         <p>Account {id}, made {made}. Each table is a JSON file below <code>data/</code>; videos, source images and files lie below \
         <code>media/</code>, in a folder each. Hashes of keys and secrets of webhooks are no part of it.</p>\n\
         <h2>Tables</h2>\n<table><thead><tr><th>Table</th><th>Rows</th></tr></thead><tbody>\n{tables}</tbody></table>\n\
         <h2>Videos</h2>\n<table><thead><tr><th>Made</th><th>Status</th><th>Prompt</th><th>Files</th></tr></thead><tbody>\n",
        name = text(account, "name"),
        id = text(account, "id"),
        made = text(account, "created_at"),
        tables = counts.iter().map(line).collect::<String>(),
    )
}

/// The line of a video.
pub(super) fn video(job: &Value) -> String {
    let (id, attempt) = (text(job, "id"), &job["attempt"]);
    // What was never kept here is not in the archive.
    let kept = job["outputs"].as_array().filter(|_| job["delivery"]["keep"] != false);
    let outputs = kept.map(Vec::as_slice).unwrap_or_default();
    let link = |output: &Value| {
        let file = text(output, "file_name");
        format!("<a href=\"media/{id}/{attempt}/{file}\">{file}</a><br>")
    };
    let source = |field| match &job[field] {
        Value::String(_) => format!("<a href=\"media/{id}/source/{0}\">{0}</a><br>", text(job, field)),
        _ => String::new(),
    };
    format!(
        "<tr><td>{}<br>{id}</td><td>{}</td><td>{}</td><td>{}{}{}</td></tr>\n",
        text(job, "created_at"),
        text(job, "status"),
        text(job, "prompt"),
        outputs.iter().map(link).collect::<String>(),
        source("first_frame"),
        source("last_frame"),
    )
}

/// A text of a row, harmless in HTML.
fn text(row: &Value, name: &str) -> String {
    encode_text(row[name].as_str().unwrap_or_default()).replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_customers_wrote_does_nothing_on_the_page() {
        let job = json!({
            "id": "video_1", "attempt": 2, "status": "completed", "prompt": "<script>alert(1)</script>", "created_at": "2026",
            "outputs": [{ "file_name": "video.mp4" }], "first_frame": "first\".png", "last_frame": null,
        });
        let line = video(&job);
        assert!(line.contains("&lt;script&gt;") && !line.contains("<script>"));
        assert!(line.contains("href=\"media/video_1/2/video.mp4\"") && line.contains("first&quot;.png"));
        assert!(head(&json!({ "name": "<b>" }), &[("jobs", 3)]).contains("&lt;b&gt;"));
    }
}
