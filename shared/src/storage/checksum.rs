//! What goes along with what is sent, so that the store can tell whether it arrived as it was.

use aws_sdk_s3::config::{Builder, RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::operation::upload_part::UploadPartOutput;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedPart};

/// Which checksum goes along with every object and every part of one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Checksum {
    /// CRC-32.
    #[default]
    Crc32,
    /// CRC-32C.
    Crc32c,
    /// SHA-256.
    Sha256,
    /// Only the one in the signature of each request, for servers that know no others.
    None,
}

impl Checksum {
    /// As a request names it.
    pub(super) fn algorithm(self) -> Option<ChecksumAlgorithm> {
        match self {
            Self::Crc32 => Some(ChecksumAlgorithm::Crc32),
            Self::Crc32c => Some(ChecksumAlgorithm::Crc32C),
            Self::Sha256 => Some(ChecksumAlgorithm::Sha256),
            Self::None => None,
        }
    }

    /// Keeps the client from adding checksums of its own choice, if there shall be none.
    pub(super) fn configure(self, builder: &mut Builder) {
        if self == Self::None {
            builder.set_request_checksum_calculation(Some(RequestChecksumCalculation::WhenRequired));
            builder.set_response_checksum_validation(Some(ResponseChecksumValidation::WhenRequired));
        }
    }
}

/// For what is read in part: some servers send the checksum of the whole along with it.
pub(super) fn unchecked() -> Builder {
    Builder::new().response_checksum_validation(ResponseChecksumValidation::WhenRequired)
}

/// A part that is in the store, with what the store says of it, by which it is checked once more when the parts are joined.
pub(super) fn completed(number: i32, sent: UploadPartOutput) -> CompletedPart {
    let part = CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag);
    let part = part.set_checksum_crc32(sent.checksum_crc32).set_checksum_crc32_c(sent.checksum_crc32_c);
    part.set_checksum_sha256(sent.checksum_sha256).build()
}
