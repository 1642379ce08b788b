//! `GET /docs/errors`: every code of an error and of a failed video, from the table that the code itself uses.

use std::fmt::Write as _;

use axum::response::Html;
use clipmill_shared::jobs::failure;

use crate::problem::Code;

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Clipmill: errors</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid #ccc; }
code { white-space: nowrap; }
td code { background: #eee; padding: 0 .2rem; }
@media (prefers-color-scheme: dark) { body { background: #111; color: #ddd; } td code { background: #333; } }
</style>
</head>
<body>
"#;

/// The page.
pub(crate) async fn errors() -> Html<String> {
    Html(page())
}

fn page() -> String {
    let mut html = HEAD.to_owned();
    html.push_str("<h1>Errors</h1>\n<p>Every error has the body ");
    html.push_str(
        "<code>{\"error\": {\"message\", \"type\", \"param\", \"code\"}}</code>: <code>code</code> is one of these, ",
    );
    html.push_str("<code>param</code> names the field that is at fault, if one is.</p>\n");
    html.push_str("<table>\n<tr><th>Code</th><th>Status</th><th>What it means</th><th>What to do</th></tr>\n");
    for code in Code::ALL {
        let (status, word) = (code.status().as_u16(), code.as_str());
        let (meaning, remedy) = (text(code.meaning()), text(code.remedy()));
        // Writing to a text cannot fail.
        let _ = writeln!(
            html,
            "<tr id=\"{word}\"><td><code>{word}</code></td><td>{status}</td><td>{meaning}</td><td>{remedy}</td></tr>"
        );
    }
    html.push_str(
        "</table>\n<h1>Failed videos</h1>\n<p>A video that failed is shown with status 200, and says why in its ",
    );
    html.push_str(
        "<code>error</code>. Nothing is charged for it.</p>\n<table>\n<tr><th>Code</th><th>What it means</th></tr>\n",
    );
    for (word, meaning) in failure::CODES {
        let meaning = text(meaning);
        let _ = writeln!(html, "<tr id=\"failed-{word}\"><td><code>{word}</code></td><td>{meaning}</td></tr>");
    }
    html.push_str("</table>\n</body>\n</html>\n");
    html
}

/// A sentence as HTML, with what stands in backquotes as code.
fn text(sentence: &str) -> String {
    let escaped = sentence.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let parts = escaped.split('`').enumerate();
    parts.map(|(index, part)| if index % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() }).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_stands_on_the_page_once() {
        let page = page();
        let words: HashSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), Code::ALL.len());
        for word in words {
            assert_eq!(page.matches(&format!("<tr id=\"{word}\">")).count(), 1, "{word}");
        }
        assert!(page.contains("<td>429</td>") && page.contains("<code>retry-after</code>"));
    }
}
