use clipmill_tests::Server;
use clipmill_tests::server::{answer, text};
use reqwest::{Method, StatusCode, header};

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
        (&waiting, "", 409, "video_not_ready"),
        (&cancelled, "", 404, "video_has_no_content"),
        (&done, "?variant=sound", 400, "invalid_value"),
        (&done, "?redirect=maybe", 400, "invalid_value"),
    ] {
        let (got, body) = server.get(&format!("/v1/videos/{}/content{query}", text(&video["id"]))).await;
        assert_eq!((got.as_u16(), body["error"]["code"].as_str()), (status, Some(code)), "{query}");
    }
}
