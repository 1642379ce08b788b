//! What programs of others make of the files: the library's reader of signatures, `ffprobe` and `ffmpeg`.

use std::io::{BufReader, Cursor};
use std::process::Command;

use c2pa::{Context, Reader, ValidationState};
use image::codecs::jpeg::JpegDecoder;
use image::codecs::webp::WebPDecoder;
use image::{ImageDecoder as _, Rgb};
use rcgen::{
    CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::engine::Frame;
use crate::postprocess::ffprobe::{decode_rgb, probe};
use crate::postprocess::tests::{footage, moving};
use crate::postprocess::{Clip, ClipFile, Recipe, Target, postprocess};

const SIZE: Target = Target { width: 64, height: 64 };

fn job() -> JobId {
    "video_0198d7a0000070008000000000000001".parse().unwrap()
}

/// A worker that signs by a self-made certificate.
struct Studio {
    provenance: Provenance,
    root: String,
    _folder: TempDir,
}

impl Studio {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = self_made(folder.path()).unwrap();
        let root = std::fs::read_to_string(&made.root).unwrap();
        let provenance = Provenance::open(&ProvenanceConfig::default().signed_by(made)).unwrap();
        Self { provenance, root, _folder: folder }
    }

    fn origin(&self) -> Origin {
        self.provenance.of(job())
    }

    fn signer(&self) -> &Signer {
        self.provenance.signer.as_ref().unwrap()
    }

    fn read(&self, content_type: &str, bytes: &[u8]) -> Reader {
        let context = Context::new().with_settings(json!({ "trust": { "trust_anchors": self.root } })).unwrap();
        Reader::from_context(context).with_stream(content_type, Cursor::new(bytes.to_vec())).unwrap()
    }
}

fn clip(origin: Origin, draw: fn(u32) -> Frame) -> Clip {
    let recipe = Recipe { origin, ..Recipe::plain(SIZE, 24) };
    postprocess(footage(24, 24, 24, draw), &recipe, &tempfile::env::temp_dir()).unwrap()
}

/// The files that carry a manifest: the list of tiles is a text.
fn media(clip: &Clip) -> impl Iterator<Item = &ClipFile> {
    clip.files.iter().filter(|file| file.variant != Variant::SpritesheetVtt)
}

/// The action that the manifest tells of, and everything else that it says.
fn manifest(reader: &Reader) -> (Value, Value) {
    let told: Value = serde_json::from_str(&reader.json()).unwrap();
    let manifest = told["manifests"][reader.active_label().unwrap()].clone();
    let assertions = manifest["assertions"].as_array().unwrap();
    let actions = assertions.iter().find(|assertion| assertion["label"] == "c2pa.actions.v2").unwrap();
    (actions["data"]["actions"][0].clone(), manifest)
}

#[test]
fn every_file_says_who_made_it_and_verifiers_trust_it() {
    let studio = Studio::open();
    let clip = clip(studio.origin(), moving);
    assert_eq!(clip.files.len(), std::fs::read_dir(clip.folder()).unwrap().count());
    for file in media(&clip) {
        let bytes = std::fs::read(&file.path).unwrap();
        let reader = studio.read(file.variant.content_type(), &bytes);
        assert_eq!(reader.validation_state(), ValidationState::Trusted, "{}: {}", file.variant, reader.json());
        let (action, manifest) = manifest(&reader);
        let program = json!({ "name": "Clipmill", "version": env!("CARGO_PKG_VERSION") });
        assert_eq!(action["action"], "c2pa.created");
        assert_eq!(action["digitalSourceType"], crate::postprocess::label::SOURCE_TYPE);
        assert_eq!(action["softwareAgent"], program);
        assert_eq!(action["parameters"], json!({ "clipmill.engine": "preview" }));
        assert!(chrono::DateTime::parse_from_rfc3339(action["when"].as_str().unwrap()).is_ok(), "{action}");
        assert_eq!(manifest["claim_generator_info"][0]["name"], program["name"]);
        assert_eq!(manifest["claim_generator_info"][0]["version"], program["version"]);
        assert_eq!(manifest["title"], file.variant.file_name());
        assert_eq!(file.size_bytes, bytes.len() as u64, "the checksum is of the signed file");
    }
}

#[test]
fn a_changed_byte_is_found_out() {
    let studio = Studio::open();
    let clip = clip(studio.origin(), moving);
    for file in media(&clip) {
        let mut bytes = std::fs::read(&file.path).unwrap();
        let picture = match file.variant {
            Variant::Video => bytes.windows(4).position(|window| window == b"mdat").unwrap() + 40,
            Variant::Spritesheet => bytes.len() - 40,
            _ => bytes.windows(4).position(|window| window == b"VP8 ").unwrap() + 40,
        };
        bytes[picture] ^= 1;
        let reader = studio.read(file.variant.content_type(), &bytes);
        assert_eq!(reader.validation_state(), ValidationState::Invalid, "{}", file.variant);
    }
}

/// The boxes at the top of an MP4, each with where it starts and how long it is.
fn boxes(bytes: &[u8]) -> Vec<(String, usize, usize)> {
    let mut boxes = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let length = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        boxes.push((String::from_utf8_lossy(&bytes[at + 4..at + 8]).into_owned(), at, length));
        at += length;
    }
    boxes
}

#[test]
fn signing_leaves_the_pictures_and_the_index_in_front_of_them() {
    let studio = Studio::open();
    let clip = clip(Origin::default(), moving);
    let video = &clip.files[0].path;
    let before = decode_rgb(video);
    studio.signer().sign(Variant::Video, video, "preview").unwrap();
    assert!(decode_rgb(video) == before, "the same pictures");
    let names: Vec<_> = boxes(&std::fs::read(video).unwrap()).into_iter().map(|(name, ..)| name).collect();
    let place = |name: &str| names.iter().position(|found| found == name).unwrap();
    assert_eq!(names[..2], ["ftyp", "uuid"]);
    assert!(place("moov") < place("mdat"), "{names:?}");
}

#[test]
fn a_fragmented_video_is_only_shifted_by_the_manifest() {
    let studio = Studio::open();
    let folder = tempfile::tempdir().unwrap();
    let video = folder.path().join("video.mp4");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc=size=64x64:rate=24:duration=2", "-c:v", "libx264"])
        .args(["-g", "12", "-movflags", "frag_keyframe+empty_moov+default_base_moof+skip_trailer"])
        .arg(&video)
        .status();
    assert!(made.unwrap().success());
    let (before, pictures) = (std::fs::read(&video).unwrap(), decode_rgb(&video));
    studio.signer().sign(Variant::Video, &video, "preview").unwrap();
    let after = std::fs::read(&video).unwrap();
    assert_eq!(studio.read("video/mp4", &after).validation_state(), ValidationState::Trusted);
    let boxes = boxes(&after);
    let [(first, _, start), (second, at, length), ..] = &boxes[..] else { panic!("{boxes:?}") };
    assert_eq!((first.as_str(), second.as_str(), at), ("ftyp", "uuid", start));
    let (start, end) = (*start, at + length);
    assert!(after[..start] == before[..start] && after[end..] == before[start..], "nothing else is changed");
    assert!(decode_rgb(&video) == pictures, "the same pictures");
}

#[test]
fn files_are_labelled_without_any_certificate() {
    let origin = Provenance::open(&ProvenanceConfig { producer: "A & B".to_owned(), ..ProvenanceConfig::default() });
    let clip = clip(origin.unwrap().of(job()), moving);
    let told = probe(&clip.files[0].path);
    let tags = &told["format"]["tags"];
    let label: Value = serde_json::from_str(tags["AIGC"].as_str().unwrap()).unwrap();
    assert_eq!((&label["Label"], &label["ContentProducer"]), (&json!("1"), &json!("A & B")));
    assert_eq!(label["ProduceID"], job().to_string());
    assert_eq!(tags["comment"], "Rendered by Clipmill (engine: preview)");
    for file in media(&clip) {
        let bytes = std::fs::read(&file.path).unwrap();
        let packet = match file.variant {
            Variant::Video => bytes.clone(),
            Variant::Spritesheet => JpegDecoder::new(Cursor::new(&bytes)).unwrap().xmp_metadata().unwrap().unwrap(),
            _ => WebPDecoder::new(BufReader::new(Cursor::new(&bytes))).unwrap().xmp_metadata().unwrap().unwrap(),
        };
        let packet = String::from_utf8_lossy(&packet);
        assert!(packet.contains(crate::postprocess::label::SOURCE_TYPE), "{}", file.variant);
        assert!(packet.contains("\"ContentProducer\":\"A &amp; B\""), "{}", file.variant);
        if file.variant != Variant::Video {
            let size = image::load_from_memory(&bytes).map(|picture| (picture.width(), picture.height())).unwrap();
            assert_eq!(size, (file.width, file.height), "{}", file.variant);
        }
    }
}

#[test]
fn a_picture_of_an_odd_size_keeps_it() {
    let recipe = |size| Recipe { origin: Studio::open().origin(), ..Recipe::plain(size, 24) };
    let size = Target { width: 642, height: 18 };
    let draw = |_| Frame::from_pixel(642, 18, Rgb([9, 90, 200]));
    let clip = postprocess(footage(2, 2, 24, draw), &recipe(size), &tempfile::env::temp_dir()).unwrap();
    for file in media(&clip).skip(1) {
        let picture = image::open(&file.path).unwrap();
        assert_eq!((picture.width(), picture.height()), (file.width, file.height), "{}", file.variant);
    }
}

#[test]
fn the_self_made_certificate_is_kept_and_its_key_is_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (self_made(folder.path()).unwrap(), self_made(folder.path()).unwrap());
    assert_eq!(std::fs::metadata(&one.key).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read(one.key).unwrap(), std::fs::read(two.key).unwrap());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing half made is left");
}

/// A certificate that is as it should be but for what `spoil` changes, and a key of the kind.
fn credentials(key: KeyPair, spoil: fn(&mut CertificateParams)) -> (String, String) {
    let mut root = CertificateParams::default();
    root.distinguished_name.push(DnType::CommonName, "root");
    let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
    let mut certificate = CertificateParams::default();
    certificate.distinguished_name.push(DnType::OrganizationName, "studio");
    certificate.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    certificate.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection];
    certificate.use_authority_key_identifier_extension = true;
    spoil(&mut certificate);
    (certificate.signed_by(&key, &root).unwrap().pem(), key.serialize_pem())
}

fn opened(certificate: &str, key: &str) -> Result<Provenance, String> {
    let folder = tempfile::tempdir().unwrap();
    let made = SelfMade {
        certificate: folder.path().join("certificate"),
        key: folder.path().join("key"),
        root: folder.path().join("none"),
    };
    std::fs::write(&made.certificate, certificate).unwrap();
    std::fs::write(&made.key, key).unwrap();
    Provenance::open(&ProvenanceConfig::default().signed_by(made)).map_err(|error| format!("{error:#}"))
}

#[test]
fn keys_of_every_kind_sign() {
    for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
        let (certificate, key) = credentials(KeyPair::generate_for(algorithm).unwrap(), |_| ());
        let opened = opened(&certificate, &key);
        assert!(opened.as_ref().is_ok_and(Provenance::signs), "{algorithm:?}: {opened:?}");
    }
}

#[test]
fn what_cannot_sign_is_said_at_the_start_with_the_settings_name() {
    let key = || KeyPair::generate().unwrap();
    let (certificate, good) = credentials(key(), |_| ());
    let expired = credentials(key(), |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let purpose = |params: &mut CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    };
    let purpose = credentials(key(), purpose);
    let nobodys = credentials(key(), |params| params.distinguished_name = DistinguishedName::new());
    let cases = [
        ((certificate.clone(), key().serialize_pem()), ["CLIPMILL_C2PA_KEY", "does not belong to the certificate"]),
        ((certificate, "no key".to_owned()), ["CLIPMILL_C2PA_KEY", "PKCS#8"]),
        ((String::new(), good), ["CLIPMILL_C2PA_CERTIFICATE", "there is none"]),
        (expired, ["CLIPMILL_C2PA_CERTIFICATE", "expired"]),
        (purpose, ["CLIPMILL_C2PA_CERTIFICATE", "EKU"]),
        (nobodys, ["CLIPMILL_C2PA_CERTIFICATE", "organization"]),
    ];
    for ((certificate, key), words) in cases {
        let error = opened(&certificate, &key).unwrap_err();
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
        assert!(!error.contains("PRIVATE KEY"), "{error}");
    }
}
