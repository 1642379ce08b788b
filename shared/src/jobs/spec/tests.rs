//! What a wish may say, and what becomes of what it leaves out.

use super::*;

fn wish() -> Wish {
    Wish { prompt: Some("a fox".to_owned()), model: "fast".to_owned(), tier: Some(Tier::Fast), ..Wish::default() }
}

#[test]
fn what_is_left_out_gets_its_default() {
    let spec = Spec::new(wish(), &Fleet::default()).expect("a prompt is enough");
    assert_eq!((spec.seconds, spec.fps, spec.size, spec.retention_seconds), (4, 24, DEFAULT_SIZE, 86_400));
    assert_eq!(spec.mode(), Mode::TextToVideo);
}

#[test]
fn what_cannot_be_accepted_is_named() {
    type Case = (&'static str, fn(&mut Wish));
    let cases: [Case; 21] = [
        ("prompt", |wish| wish.prompt = None),
        ("prompt", |wish| wish.prompt = Some("  \n".to_owned())),
        ("prompt", |wish| wish.prompt = Some("ä".repeat(5001))),
        ("prompt", |wish| wish.prompt = Some("a\0b".to_owned())),
        ("negative_prompt", |wish| wish.negative_prompt = Some("a".repeat(5001))),
        ("model", |wish| wish.tier = None),
        ("size", |wish| wish.size = Some("1280".to_owned())),
        ("size", |wish| wish.size = Some("1920x1080".to_owned())),
        ("size", |wish| wish.size = Some("1279x720".to_owned())),
        ("size", |wish| wish.size = Some("200x1000".to_owned())),
        ("seconds", |wish| wish.seconds = Some(11)),
        ("seconds", |wish| wish.seconds = Some(0)),
        ("seed", |wish| wish.seed = Some(-1)),
        ("fps", |wish| wish.fps = Some(240)),
        ("retention_seconds", |wish| wish.retention_seconds = Some(i64::MAX)),
        ("webhook_url", |wish| wish.webhook_url = Some("javascript:alert(1)".to_owned())),
        ("priority", |wish| wish.priority = Some(11)),
        ("priority", |wish| wish.priority = Some(i64::MIN)),
        ("timeout_seconds", |wish| wish.timeout_seconds = Some(0)),
        ("timeout_seconds", |wish| wish.timeout_seconds = Some(604_801)),
        ("run_after", |wish| wish.run_after = Some(-1)),
    ];
    for (field, spoil) in cases {
        let mut wish = wish();
        spoil(&mut wish);
        assert_eq!(Spec::new(wish, &Fleet::default()).expect_err(field).field, field);
    }
}

/// A model of 6 or 10 seconds that makes videos of text in one shape alone.
fn choosy() -> Fleet {
    let size = |text: &str| text.parse().expect("a size");
    let offer = Offer {
        model: "MiniMax-Hailuo-2.3".to_owned(),
        modes: vec![Mode::TextToVideo, Mode::ImageToVideo],
        last_frame: false,
        needs_last_frame: false,
        sizes: ["1366x768", "768x1366", "1920x1080"].map(size).into(),
        fps: 24,
        max_frames: 240,
        seconds: Some(vec![6, 10]),
        text_sizes: Some(["1366x768", "1920x1080"].map(size).into()),
    };
    Fleet { offers: [(Tier::Pro, offer)].into(), ..Fleet::default() }
}

#[test]
fn only_the_lengths_and_sizes_that_a_model_has_are_accepted() {
    let judged = |seconds: Option<i64>, size: Option<&str>| {
        let wish = Wish { tier: Some(Tier::Pro), seconds, size: size.map(str::to_owned), ..wish() };
        Spec::new(wish, &choosy())
    };
    let usual = judged(None, None).expect("a prompt is enough");
    assert_eq!((usual.seconds, usual.size.to_string().as_str()), (6, "1366x768"));
    assert_eq!(judged(None, Some("1920x1080")).expect("6 seconds").seconds, 6);
    assert!(judged(Some(10), None).is_ok() && judged(Some(6), Some("1920x1080")).is_ok());
    for (seconds, size, says) in [
        (Some(4), None, "seconds: must be 6 or 10 for 1366x768"),
        (Some(11), None, "seconds: must be 6 or 10 for 1366x768"),
        (Some(10), Some("1920x1080"), "seconds: must be 6 for 1920x1080"),
        (
            Some(6),
            Some("768x1366"),
            "size: must be one of 1366x768, 1920x1080 in the pro tier for a video of text alone",
        ),
    ] {
        let refused = judged(seconds, size).expect_err(says).to_string();
        assert!(refused.starts_with(says), "{refused}");
    }
}

#[test]
fn the_longest_prompt_is_counted_in_characters() {
    let wish = Wish { prompt: Some("ä".repeat(5000)), ..wish() };
    assert!(Spec::new(wish, &Fleet::default()).is_ok());
}

#[test]
fn what_a_style_rules_out_joins_what_the_customer_does_once() {
    for (own, joined) in
        [(None, "rain"), (Some(" "), "rain"), (Some("cats"), "cats, rain"), (Some("cats, rain"), "cats, rain")]
    {
        let wish = Wish { negative_prompt: own.map(str::to_owned), ..wish() };
        let spec = Spec::new(wish, &Fleet::default()).expect("a good wish").drawn_as("a fox".to_owned(), Some("rain"));
        let spec = spec.expect("short enough");
        assert_eq!((spec.negative_prompt.as_deref(), spec.revised_prompt), (Some(joined), None), "{own:?}");
    }
}

#[test]
fn metadata_has_its_bounds() {
    let pairs = |count: usize| (0..count).map(|n| (format!("key{n}"), "value".to_owned())).collect();
    assert!(Spec::new(Wish { metadata: pairs(16), ..wish() }, &Fleet::default()).is_ok());
    assert_eq!(
        Spec::new(Wish { metadata: pairs(17), ..wish() }, &Fleet::default()).expect_err("17 pairs").field,
        "metadata"
    );
}
