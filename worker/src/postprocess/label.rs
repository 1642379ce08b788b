//! The label that rules ask for on generated media, to be read by machines and there without any certificate.
//!
//! Article 50(2) of the European Union's AI Act wants such a mark on what a model made: IPTC's `DigitalSourceType` in XMP.
//! China's GB 45438-2025 wants `AIGC`, a text in JSON: among the metadata of an MP4, and in XMP (TC260-PG-20258A).

use std::io;
use std::path::Path;

use serde_json::json;

use super::{Target, Variant, xmp};

/// IPTC's word for what a trained model made.
pub(super) const SOURCE_TYPE: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";

/// Who made a video, and under which number.
#[derive(Debug, Clone)]
pub(super) struct Label {
    producer: String,
    number: String,
}

impl Label {
    /// The label of the video with this id.
    pub(super) fn new(producer: &str, id: impl ToString) -> Self {
        Self { producer: producer.to_owned(), number: id.to_string() }
    }

    /// China's label. Whoever spreads the video fills in what is empty; `1` says that it is generated for certain.
    pub(super) fn aigc(&self) -> String {
        json!({
            "Label": "1",
            "ContentProducer": self.producer,
            "ProduceID": self.number,
            "ReservedCode1": "",
            "ContentPropagator": "",
            "PropagateID": "",
            "ReservedCode2": "",
        })
        .to_string()
    }

    /// Both labels as a packet of XMP.
    fn packet(&self) -> String {
        let aigc = self.aigc();
        let aigc = html_escape::encode_text(&aigc);
        format!(
            "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?><x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\
             <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><rdf:Description rdf:about=\"\" \
             xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\" \
             xmlns:TC260=\"http://www.tc260.org.cn/ns/AIGC/1.0/\">\
             <Iptc4xmpExt:DigitalSourceType>{SOURCE_TYPE}</Iptc4xmpExt:DigitalSourceType>\
             <TC260:AIGC>{aigc}</TC260:AIGC></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end=\"r\"?>"
        )
    }

    /// Writes the label into the finished file of `variant`, whose pictures have this size.
    pub(super) fn write(&self, variant: Variant, path: &Path, size: Target) -> io::Result<()> {
        xmp::write(path, variant.content_type(), size, self.packet().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn chinas_label_has_its_seven_fields() {
        let told: Value = serde_json::from_str(&Label::new("Studio \"A\" & B", "video_1").aigc()).unwrap();
        let expected = json!({
            "Label": "1", "ContentProducer": "Studio \"A\" & B", "ProduceID": "video_1", "ReservedCode1": "",
            "ContentPropagator": "", "PropagateID": "", "ReservedCode2": ""
        });
        assert_eq!(told, expected);
    }

    #[test]
    fn a_producers_name_cannot_break_the_packet() {
        let packet = Label::new("</TC260:AIGC><x a=\"&\">", 7).packet();
        assert!(packet.contains("&lt;/TC260:AIGC&gt;"), "{packet}");
        assert_eq!(packet.matches("</TC260:AIGC>").count(), 1, "{packet}");
    }
}
