use clipmill_tests::Server;
use clipmill_tests::server::{answer, text};
use reqwest::header::HeaderValue;
use reqwest::{Method, StatusCode, header};
use serde_json::Value;

#[tokio::test]
async fn every_file_of_a_finished_video_can_be_downloaded_by_a_link_and_through_the_service() {
    let server = Server::start().await;
    let video = server.completed().await;
    let plain = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    for output in video["outputs"].as_array().unwrap() {
        let url = format!("{}{}", server.url(), text(&output["url"]));
        let redirect = plain.get(&url).bearer_auth(server.key()).send().await.unwrap();
        assert_eq!(redirect.status(), StatusCode::FOUND);
        let link = redirect.headers()[header::LOCATION].to_str().unwrap().to_owned();
        let linked = plain.get(&link).send().await.unwrap();
        assert_eq!(linked.headers()[header::CONTENT_TYPE], *text(&output["content_type"]));
        let linked = linked.bytes().await.unwrap();

        let streamed = plain.get(format!("{url}&redirect=false")).bearer_auth(server.key()).send().await.unwrap();
        assert_eq!(streamed.status(), StatusCode::OK);
        assert_eq!(streamed.headers()[header::CONTENT_TYPE], *text(&output["content_type"]));
        assert_eq!(streamed.headers()[header::ACCEPT_RANGES], "bytes");
        assert_eq!(streamed.content_length(), output["size_bytes"].as_u64());
        assert_eq!(linked, streamed.bytes().await.unwrap());
    }
}

#[tokio::test]
async fn a_part_of_a_file_can_be_asked_for() {
    let server = Server::start().await;
    let video = server.completed().await;
    let path = format!("/v1/videos/{}/content?redirect=false", text(&video["id"]));
    let whole = server.request(Method::GET, &path).send().await.unwrap().bytes().await.unwrap();
    let part = server.request(Method::GET, &path).header(header::RANGE, "bytes=4-11").send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()[header::CONTENT_RANGE], format!("bytes 4-11/{}", whole.len()));
    assert_eq!(part.bytes().await.unwrap(), whole.slice(4..12));
    assert_eq!(&whole[4..12], b"ftypisom");
    let (status, body) = answer(server.request(Method::GET, &path).header(header::RANGE, "bytes=999999999-")).await;
    assert_eq!((status, body["error"]["code"].as_str()), (StatusCode::RANGE_NOT_SATISFIABLE, Some("invalid_range")));
    for range in ["bytes=5-2", "bytes=0-0,2-3", "bytes=a-b", "bytes="] {
        let answer = server.request(Method::GET, &path).header(header::RANGE, range).send().await.unwrap();
        assert_eq!((answer.status(), answer.bytes().await.unwrap()), (StatusCode::OK, whole.clone()), "{range}");
    }
    let end = server.request(Method::GET, &path).header(header::RANGE, "Bytes=-999999999").send().await.unwrap();
    assert_eq!((end.status(), end.bytes().await.unwrap()), (StatusCode::PARTIAL_CONTENT, whole.clone()));
    let head = server.request(Method::HEAD, &path).send().await.unwrap();
    assert_eq!(
        (head.status(), head.headers()[header::CONTENT_LENGTH].to_str().unwrap()),
        (StatusCode::OK, &*whole.len().to_string())
    );
}

#[tokio::test]
async fn what_is_not_there_is_said_with_its_reason() {
    let server = Server::start().await;
    let done = server.completed().await;
    let waiting = server.submit_small().await;
    let cancelled = server.submit_small().await;
    answer(server.request(Method::POST, &format!("/v1/videos/{}/cancel", text(&cancelled["id"])))).await;
    for (video, query, status, code) in [
        (&done, "?download=maybe", 400, "invalid_value"),
        (&waiting, "", 409, "video_not_ready"),
        (&cancelled, "", 404, "video_has_no_content"),
        (&done, "?variant=sound", 400, "invalid_value"),
        (&done, "?redirect=maybe", 400, "invalid_value"),
    ] {
        let (got, body) = server.get(&format!("/v1/videos/{}/content{query}", text(&video["id"]))).await;
        assert_eq!((got.as_u16(), body["error"]["code"].as_str()), (status, Some(code)), "{query}");
    }
}

/// The path of a finished video, through the service.
fn through(video: &Value) -> String {
    format!("/v1/videos/{}/content?redirect=false", text(&video["id"]))
}

#[tokio::test]
async fn a_look_at_a_file_says_all_that_its_download_would() {
    let server = Server::start().await;
    let video = server.completed().await;
    for output in video["outputs"].as_array().unwrap() {
        let path = format!("{}&redirect=false", text(&output["url"]));
        let got = server.request(Method::GET, &path).send().await.unwrap();
        let looked = server.request(Method::HEAD, &path).header(header::RANGE, "bytes=0-1").send().await.unwrap();
        assert_eq!((got.status(), looked.status()), (StatusCode::OK, StatusCode::OK), "a look has no parts");
        for name in [
            header::CONTENT_TYPE,
            header::CONTENT_LENGTH,
            header::CONTENT_DISPOSITION,
            header::ACCEPT_RANGES,
            header::ETAG,
            header::LAST_MODIFIED,
            header::CACHE_CONTROL,
        ] {
            assert!(got.headers().contains_key(&name), "{name}");
            assert_eq!(got.headers().get(&name), looked.headers().get(&name), "{name}");
        }
        assert!(got.headers()[header::CACHE_CONTROL].to_str().unwrap().starts_with("private"));
        assert_eq!(got.headers()[header::ETAG], format!("\"{}\"", text(&output["sha256"])));
        assert!(looked.bytes().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn who_has_a_file_is_not_sent_it_again() {
    let server = Server::start().await;
    let video = server.completed().await;
    let path = through(&video);
    let first = server.request(Method::GET, &path).send().await.unwrap();
    let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
    for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
        for method in [Method::GET, Method::HEAD] {
            let again = server.request(method, &path).header(header::IF_NONE_MATCH, &known).send().await.unwrap();
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{known}");
            assert_eq!(again.headers()[header::ETAG], tag);
            assert!(again.bytes().await.unwrap().is_empty());
        }
    }
    let other = server.request(Method::GET, &path).header(header::IF_NONE_MATCH, "\"other\"").send().await.unwrap();
    assert_eq!((other.status(), &other.headers()[header::ETAG]), (StatusCode::OK, &tag.parse().unwrap()));
}

#[tokio::test]
async fn a_download_that_broke_off_goes_on_with_the_same_version_alone() {
    let server = Server::start().await;
    let video = server.completed().await;
    let path = through(&video);
    let whole = server.request(Method::GET, &path).send().await.unwrap();
    let (tag, date) = (whole.headers()[header::ETAG].clone(), whole.headers()[header::LAST_MODIFIED].clone());
    let whole = whole.bytes().await.unwrap();
    let ask = |wanted: HeaderValue| {
        server.request(Method::GET, &path).header(header::RANGE, "bytes=100-").header(header::IF_RANGE, wanted).send()
    };
    for wanted in [tag, date] {
        let rest = ask(wanted).await.unwrap();
        assert_eq!(rest.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(rest.bytes().await.unwrap(), whole.slice(100..));
    }
    let other = ask(HeaderValue::from_static("\"other\"")).await.unwrap();
    assert_eq!((other.status(), other.bytes().await.unwrap()), (StatusCode::OK, whole));
}

#[tokio::test]
async fn a_file_has_a_name_that_people_can_read_and_that_tells_nothing_of_it() {
    let server = Server::start().await;
    let video = server.completed().await;
    let id = text(&video["id"]);
    let plain = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    for (variant, rest) in [("video", ".mp4"), ("thumbnail", "-thumbnail.webp")] {
        for (query, manner) in [("", "inline"), ("&download=true", "attachment"), ("&download=false", "inline")] {
            let url = format!("{}/v1/videos/{id}/content?variant={variant}{query}", server.url());
            let redirect = plain.get(&url).bearer_auth(server.key()).send().await.unwrap();
            let link = redirect.headers()[header::LOCATION].to_str().unwrap().to_owned();
            let linked = plain.get(&link).send().await.unwrap();
            let streamed = plain.get(format!("{url}&redirect=false")).bearer_auth(server.key()).send().await.unwrap();
            let said = streamed.headers()[header::CONTENT_DISPOSITION].to_str().unwrap();
            assert_eq!(linked.headers()[header::CONTENT_DISPOSITION], said);
            let name = said.strip_prefix(&format!("{manner}; filename=\"clipmill-fast-")).expect(said);
            let name = name.strip_suffix(&format!("{rest}\"")).expect(said);
            let (date, short) = name.rsplit_once('-').unwrap();
            assert_eq!((date.len(), short.len(), id.ends_with(short)), (10, 8, true), "{said}");
        }
    }
}
